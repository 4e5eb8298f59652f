"""Which event keys a set of tables already holds, date by date, for the dates that a writer touches."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retention.stores.delta import DataFile, Table

KEYS = np.dtype([("probe", "u8"), ("rest", "u8")])
"""A 16-byte key as a 64-bit probe, by which runs are sorted, and the 64 bits that confirm it."""


class KeyIndex:
    """The keys of several tables by partition, least recently used partitions forgotten first.

    Keys are held in sorted runs whose lengths grow geometrically, so that adding a small bundle to a large date
    stays cheap: a look-up is a binary search in each of a few runs.

    Args:
        tables: tables whose rows count as "already there"; each has a binary column `event_key`.
        limit: how many keys to hold at most (16 bytes each); one partition is always held.
    """

    def __init__(self, tables: Sequence[Table], limit: int = 20_000_000) -> None:
        self._tables = tuple(tables)
        self._limit = limit
        self._runs: OrderedDict[str, list[np.ndarray]] = OrderedDict()
        self._read: dict[str, set[tuple[int, str]]] = {}
        self._versions = [-1] * len(self._tables)
        self._files: list[dict[str, list[DataFile]]] = [{} for _ in self._tables]

    def refresh(self, partitions: Sequence[str]) -> None:
        """Bring the tables to their newest version and the keys of `partitions` with them."""
        for number, table in enumerate(self._tables):
            version = table.refresh()
            if version != self._versions[number]:
                self._versions[number] = version
                grouped: dict[str, list[DataFile]] = {}
                for file in table.files():
                    grouped.setdefault(file.partition, []).append(file)
                self._files[number] = grouped
        for partition in partitions:
            self._catch_up(partition)
        self._forget(set(partitions))

    def seen(self, partition: str, keys: np.ndarray) -> np.ndarray:
        """Return a mask over `keys` (dtype `KEYS`): true where the partition already holds the key."""
        found = np.zeros(len(keys), dtype=bool)
        for run in self._runs.get(partition, ()):
            start = np.searchsorted(run["probe"], keys["probe"], side="left")
            position = np.minimum(start, len(run) - 1)
            hit = run["probe"][position] == keys["probe"]
            same = hit & (run["rest"][position] == keys["rest"])
            found |= same
            for row in np.flatnonzero(hit & ~same):  # equal probes, different keys: one in 2^64
                end = np.searchsorted(run["probe"], keys["probe"][row], side="right")
                found[row] |= bool((run["rest"][start[row] : end] == keys["rest"][row]).any())
        return found

    def add(self, partition: str, keys: np.ndarray, table: int, path: str) -> None:
        """Remember keys that this writer has just committed in the file `path` of table number `table`."""
        self._read.setdefault(partition, set()).add((table, path))
        self._insert(partition, keys)

    def __len__(self) -> int:
        """Return how many keys are held."""
        return sum(len(run) for runs in self._runs.values() for run in runs)

    def _catch_up(self, partition: str) -> None:
        runs = self._runs.setdefault(partition, [])
        self._runs.move_to_end(partition)
        done = self._read.setdefault(partition, set())
        fresh = []
        for number, files in enumerate(self._files):
            for file in files.get(partition, ()):
                if (number, file.path) not in done:
                    fresh.append(as_keys(self._tables[number].column(file, "event_key")))
                    done.add((number, file.path))
        if fresh:
            joined = np.concatenate(fresh)
            if not runs:
                runs.append(_sorted(joined))
            else:
                self._insert(partition, joined)

    def _insert(self, partition: str, keys: np.ndarray) -> None:
        if not len(keys):
            return
        runs = self._runs.setdefault(partition, [])
        runs.append(_sorted(keys))
        while len(runs) > 1 and len(runs[-1]) * 2 >= len(runs[-2]):
            merged = np.concatenate([runs.pop(), runs.pop()])
            runs.append(_sorted(merged))

    def _forget(self, keep: set[str]) -> None:
        while len(self) > self._limit:
            oldest = next((partition for partition in self._runs if partition not in keep), None)
            if oldest is None:
                return
            del self._runs[oldest]
            del self._read[oldest]


def as_keys(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Turn a column of 16-byte binaries into an array of `KEYS`; nulls (blanked keys) are left out."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    return np.concatenate([np.empty(0, KEYS), *(_chunk_keys(chunk) for chunk in chunks)])


def _chunk_keys(chunk: pa.Array) -> np.ndarray:
    fixed = chunk.drop_null().cast(pa.binary(16))
    words = np.frombuffer(fixed.buffers()[1] or b"", dtype=">u8")[2 * fixed.offset : 2 * (fixed.offset + len(fixed))]
    keys = np.empty(len(fixed), KEYS)
    keys["probe"], keys["rest"] = words[0::2], words[1::2]
    return keys


def _sorted(keys: np.ndarray) -> np.ndarray:
    return keys[np.argsort(keys["probe"], kind="stable")]
