"""What became of a bundle's records, and how its commit says so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from retention.stores.delta import FencedTable
    from transforms.deid.events import Batch, FileRange


@dataclass(frozen=True, slots=True)
class Sum:
    """What became of the records of one bundle: `read` equals all the others together.

    Attributes:
        read: records read.
        rows: rows added to the anonymous table.
        personal: rows added to the personal table.
        dead_letters: sealed rejects by code.
        dropped: events not stored by code, `DUPLICATE` among them.
        fields_dropped: values removed by "code path"; not part of the sum of events.
        held: rows among those added that no calendar ends yet, by code.
    """

    read: int = 0
    rows: int = 0
    personal: int = 0
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    fields_dropped: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Sum) -> Sum:
        """Add two sums part by part."""
        return Sum(
            self.read + other.read,
            self.rows + other.rows,
            self.personal + other.personal,
            _added(self.dead_letters, other.dead_letters),
            _added(self.dropped, other.dropped),
            _added(self.fields_dropped, other.fields_dropped),
            _added(self.held, other.held),
        )

    @property
    def balanced(self) -> bool:
        """Whether every record is accounted for."""
        stored = self.rows + self.personal + sum(self.dead_letters.values())
        return self.read == stored + sum(self.dropped.values())

    def parts(self) -> dict[str, Any]:
        """Return the parts by name, the counts by code as plain dictionaries."""
        values = {name: getattr(self, name) for name in Sum.__slots__}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}

    def to_json(self) -> str:
        """Return the form that stands in a commit's metadata."""
        return json.dumps(self.parts(), sort_keys=True)


def removed_of(batch: Batch) -> dict[str, int]:
    """Return the values that a bundle lost, by "code path"."""
    return {f"{code} {path}": number for (code, path), number in batch.fields_dropped.items()}


def said_of(result: Sum, batch: Batch) -> dict[str, str]:
    """Return what the commit of a bundle says of it: its sum, and when it was read and published."""
    lines = {"ebb.rows": str(result.rows), "ebb.sum": result.to_json()}
    if batch.started:
        lines["ebb.started"] = f"{batch.started:.3f}"
    if batch.published:
        lines["ebb.published"] = batch.published.isoformat(timespec="seconds")
    return lines


def marks_of(ranges: tuple[FileRange, ...], table: FencedTable, file_id: Callable[[str], str]) -> dict[str, int]:
    """Return how far each file was read, for the commit that holds its rows; never less than is recorded already."""
    marks = {f"file:{file_id(taken.base)}": taken.end for taken in ranges}
    return {name: max(end, table.transaction(name) or 0) for name, end in marks.items()}


def _added(left: Mapping[str, int], right: Mapping[str, int]) -> Counter[str]:
    return Counter(left) + Counter(right)
