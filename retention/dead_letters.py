"""Finding dead letters: by day, stream, code and key, or blindly by their subject.

Nothing here opens one. Letters that are due are left out, though a sweep may not have come for them yet (R-RET-12).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from governance.keys import Keyring
    from retention.stores.delta import Table

_JUDGED = ("stream", "code", "event_key", "due_date", "day")
_FOUND = ("event_key", "received_date", "stream", "code", "path", "due_date")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant; an empty part means any.

    Attributes:
        days: +08:00 dates on which they were received.
        streams: names of streams.
        codes: reason codes.
        key: what the hexadecimal form of the event key begins with.
    """

    days: frozenset[str] = frozenset()
    streams: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    key: str = ""


@dataclass(frozen=True, slots=True)
class Census:
    """How many letters a selection has, by stream.

    Attributes:
        sealed: whose payload is there.
        destroyed: whose payload had to be destroyed when they were rejected (R-PURP-07, R-PURP-08).
        due: which are due, and only wait for the sweep.
    """

    sealed: Counter[str]
    destroyed: Counter[str]
    due: Counter[str]


def count(table: Table, selection: Selection, today: str) -> Census:
    """Count the letters of a selection; `today` is the wall clock's +08:00 date."""
    census = Census(Counter(), Counter(), Counter())
    for rows in _chosen(table, selection, []):
        due = _due(rows, today)
        sealed = rows["day"].is_valid().combine_chunks()
        for counter, mask in (
            (census.due, due),
            (census.sealed, pc.and_not(sealed, due)),
            (census.destroyed, pc.and_not(pc.invert(sealed), due)),
        ):
            counter.update(rows.filter(mask)["stream"].to_pylist())
    return census


def select(table: Table, selection: Selection, today: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the letters of a selection that are not due, file by file, in an order that depends on the table alone."""
    for rows in _chosen(table, selection, columns):
        kept = rows.filter(pc.invert(_due(rows, today)))
        if kept.num_rows:
            yield kept.select(list(columns))


def of_subject(table: Table, keyring: Keyring, system: str, kind: str, identifier: str) -> pa.Table:
    """Return the letters of a data subject, due ones too, for an erasure (R-ADM-03); no payload is opened.

    Args:
        table: the dead letters.
        keyring: makes the probe, which differs from stream to stream.
        system: of the subject.
        kind: `account`, `cookie` or `device`: a letter is found by the first of these that its record named.
        identifier: as the subject gives it; brought into canonical form.

    Guarantees:
        The identifier is in no statement, file name or log: rows are read and compared here.
    """
    found = []
    for rows in _chosen(table, Selection(), ["probe", *_FOUND]):
        streams = pc.unique(rows["stream"]).to_pylist()
        probes = {stream: keyring.event_keys(stream).subject_probe(system, kind, identifier) for stream in streams}
        wanted = pa.array([probes[stream] for stream in rows["stream"].to_pylist()], pa.binary())
        same = pc.equal(rows["probe"].cast(pa.binary()).combine_chunks(), wanted)
        found.append(rows.filter(same.fill_null(False)).select(list(_FOUND)))  # noqa: FBT003 - Arrow's signature
    schema = table.dataset().schema
    return pa.concat_tables(found) if found else pa.schema([schema.field(name) for name in _FOUND]).empty_table()


def _chosen(table: Table, selection: Selection, columns: Iterable[str]) -> Iterator[pa.Table]:
    wanted = list(dict.fromkeys([*_JUDGED, *columns]))
    for file in sorted(table.files(), key=lambda one: one.path):
        if selection.days and file.partition not in selection.days:
            continue
        rows = table.rows_of(file, wanted)
        rows = rows.filter(_mask(rows, selection))
        if rows.num_rows:
            yield rows


def _mask(rows: pa.Table, selection: Selection) -> pa.Array:
    mask = pa.array([True] * rows.num_rows, pa.bool_())
    for name, values in (("stream", selection.streams), ("code", selection.codes)):
        if values:
            mask = pc.and_(mask, pc.is_in(rows[name].combine_chunks(), pa.array(sorted(values), pa.string())))
    if selection.key:
        keys = rows["event_key"].to_pylist()
        mask = pc.and_(mask, pa.array([key.hex().startswith(selection.key) for key in keys], pa.bool_()))
    return mask


def _due(rows: pa.Table, today: str) -> pa.Array:
    """Mask what is due; a letter without a date is kept until its case is settled."""
    due = pc.less_equal(rows["due_date"].combine_chunks(), pa.scalar(today))
    return due.fill_null(False)  # noqa: FBT003 - Arrow's signature
