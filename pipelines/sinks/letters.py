"""Rejected records: sealed where they may be kept, counted where not, each once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from governance.calendar import local_date
from governance.policy import RECORD_STREAMS
from retention.stores.delta import FencedTable, TableSpec, attempts
from retention.stores.key_index import KeyIndex, as_keys
from transforms.deid.events import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from transforms.deid.events import Batch

DEAD_LETTER_DAYS = 30
"""How long a sealed dead letter is kept (R-ADM-03); one of a stream of records has no such end, it is settled first."""

REJECTED_AGAIN = "REJECTED_AGAIN"
"""Replayed letters that became no rows; each stays the one letter that it was."""

DEAD_LETTERS = pa.schema(
    [
        ("event_key", pa.binary()),
        ("received_date", pa.string()),
        ("stream", pa.string()),
        ("stage", pa.string()),
        ("code", pa.string()),
        ("path", pa.string()),
        ("policy", pa.string()),
        ("day", pa.string()),
        ("wrapped_key", pa.binary()),
        ("sealed", pa.binary()),
        ("probe", pa.binary()),
        ("due_date", pa.string()),
    ]
)


def letters_spec(lake: str) -> TableSpec:
    """Return the table of rejected records of all streams of a lake."""
    # A replay reads the table at one version, so commits stay in its log for a while.
    return TableSpec(f"{lake}/dead_letters", DEAD_LETTERS, "received_date", ("stage", "code"), "interval 1 hour")


class LetterWriter:
    """Commits the dead letters of one stream; the table must be there.

    Args:
        lake: root of the lake.
        stream: the stream's name.
        metadata: what every commit says of its run; no personal data.
        wall: the wall clock, aware.
    """

    def __init__(self, lake: str, stream: str, metadata: Mapping[str, str], wall: Callable[[], datetime]) -> None:
        self._stream = stream
        self._metadata = dict(metadata)
        self._wall = wall
        self._table = FencedTable(letters_spec(lake))
        self._index = KeyIndex([self._table], limit=4_000_000)

    def write(self, batch: Batch) -> tuple[Counter[str], int]:
        """Commit a batch's dead letters; return how many by code, and how many were there already."""
        if not batch.dead_letters:
            return Counter(), 0
        if batch.replayed:  # the letter is there, and keeps its due date
            batch.dropped[REJECTED_AGAIN] += len(batch.dead_letters)
            return Counter(), 0
        today = self._wall()
        dates = [_local_date(today - timedelta(days=1)), _local_date(today)]
        rows = self._rows(batch, dates[1], _local_date(today + timedelta(days=DEAD_LETTER_DAYS)))
        for _ in attempts():
            self._index.refresh(dates)
            keys = as_keys(rows["event_key"])
            seen = self._index.seen(dates[0], keys) | self._index.seen(dates[1], keys)
            fresh = rows.filter(pa.array(~seen & first_of_each(keys)))
            files = self._table.write_files(fresh)
            if not files or self._table.commit(files, {**self._metadata, "ebb.rows": str(fresh.num_rows)}):
                for file in files:
                    self._index.add(as_keys(fresh["event_key"]), 0, file)
                self._index.committed(0)
                break
            self._table.discard_files(files)
        return Counter(fresh["code"].to_pylist()), rows.num_rows - fresh.num_rows

    def _rows(self, batch: Batch, date: str, due: str) -> pa.Table:
        letters = sorted(batch.dead_letters, key=itemgetter(0))  # by event_key
        number = len(letters)
        wrapped = batch.sealer.wrapped_key() if any(letter.sealed for letter in letters) else None
        until = None if self._stream in RECORD_STREAMS else due
        columns: dict[str, Any] = dict(zip(DeadLetter._fields, zip(*letters, strict=True), strict=True))
        columns |= {"received_date": [date] * number, "due_date": [until] * number, "stream": [self._stream] * number}
        columns |= {
            "wrapped_key": [wrapped if letter.sealed else None for letter in letters],
            "day": [batch.sealer.day if letter.sealed else None for letter in letters],
        }
        return pa.table(columns, schema=DEAD_LETTERS)


def first_of_each(keys: np.ndarray) -> np.ndarray:
    """Mask the first row of every distinct key."""
    order = np.lexsort((keys["rest"], keys["probe"]))
    ordered = keys[order]
    mask = np.ones(len(keys), dtype=bool)
    mask[order[1:]] = ordered[1:] != ordered[:-1]
    return mask


def _local_date(instant: datetime) -> str:
    return local_date(instant).isoformat()
