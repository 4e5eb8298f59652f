"""What a record format makes of lines: columns of the events that pass, and refusals of those that do not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


class Refusal(NamedTuple):
    """Why a record does not pass.

    Attributes:
        code: reason code.
        path: field path, free of unknown names.
        destroy: the payload must not be kept, sealed or not (R-PURP-07, R-PURP-08).
        system: the system that the record names, if it could be read.
        event_id: its id, likewise.
        subject: kind and id of its subject, likewise.
        policy: citation of the pack that refuses it.
    """

    code: str
    path: str
    destroy: bool = False
    system: str | None = None
    event_id: str | None = None
    subject: tuple[str, str] | None = None
    policy: str | None = None


@dataclass(slots=True, repr=False)
class Parsed:
    """Outcome of one format over a list of lines.

    Attributes:
        columns: columns of the events that pass, without `event_key` and `received`.
        index: per event that passes, the number of its line.
        ids: per event that passes, its `event_id`; None if no event has one.
        refused: number of a line, and why it does not pass.
        drops: removed fields, by (code, path).
        cleaned: number of a line that passes, and what stands in for it since it held what must be destroyed.
        headers: how many of the lines are no records but names of columns.
    """

    columns: dict[str, pa.Array]
    index: Sequence[int]
    ids: Sequence[str | None] | None = None
    refused: list[tuple[int, Refusal]] = field(default_factory=list)
    drops: Counter[tuple[str, str]] = field(default_factory=Counter)
    cleaned: dict[int, bytes] = field(default_factory=dict)
    headers: int = 0
