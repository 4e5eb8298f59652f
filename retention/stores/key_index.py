"""Which event keys a set of tables already holds, date by date, for the dates that a writer touches."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retention.stores.commit_log import Changes, DataFile

KEYS = np.dtype([("probe", "u8"), ("rest", "u8")])
"""A 16-byte key as a 64-bit probe, by which runs are sorted, and the 64 bits that confirm it."""


class Keyed(Protocol):
    """What an index needs of a table."""

    @property
    def version(self) -> int:
        """The version of the snapshot in hand."""

    def refresh(self) -> int:
        """Move to the newest version and return it."""

    def files(self) -> list[DataFile]:
        """Return the data files of the snapshot."""

    def changes(self, since: int) -> Changes | None:
        """Return what changed from version `since` to the snapshot; None where that is not known."""

    def column(self, file: DataFile, name: str) -> pa.ChunkedArray:
        """Read one column of one data file."""


class KeyIndex:
    """The keys of several tables by partition, least recently used partitions forgotten first.

    Keys are held in sorted runs whose lengths grow geometrically, so that adding a small bundle to a large date
    stays cheap: a look-up is a binary search in each of a few runs.

    Args:
        tables: tables whose rows count as "already there"; each has a binary column `event_key`.
        limit: how many keys to hold at most (16 bytes each); one partition is always held.
    """

    def __init__(self, tables: Sequence[Keyed], limit: int = 8_000_000) -> None:
        self._tables = tuple(tables)
        self._limit = limit
        self._runs: OrderedDict[str, list[np.ndarray]] = OrderedDict()
        self._versions = [-1] * len(self._tables)
        self._files: list[dict[str, dict[str, DataFile]]] = [{} for _ in self._tables]
        # Files of partitions held, of which the keys are not read yet; and files whose keys were added by hand.
        self._unread: dict[str, list[tuple[int, DataFile]]] = {}
        self._own: list[set[tuple[str, str]]] = [set() for _ in self._tables]

    def refresh(self, partitions: Sequence[str]) -> None:
        """Bring the tables to their newest version and the keys of `partitions` with them."""
        for number, table in enumerate(self._tables):
            version = table.refresh()
            if version != self._versions[number]:
                changes = table.changes(self._versions[number]) if self._versions[number] >= 0 else None
                if changes is None:
                    self._look_at_all(number)
                else:
                    self._follow(number, changes)
                self._versions[number] = table.version  # to list its files, a table may have moved on
                self._own[number].clear()
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

    def add(self, keys: np.ndarray, table: int, file: DataFile) -> None:
        """Remember keys that this writer has just committed in a file of table number `table`."""
        self._files[table].setdefault(file.partition, {})[file.path] = file
        self._own[table].add((file.partition, file.path))
        self._insert(file.partition, keys)

    def committed(self, table: int) -> None:
        """Note that table number `table` was committed to, so that a commit of one's own is not looked up again."""
        if self._tables[table].version == self._versions[table] + 1:
            self._versions[table] += 1
            self._own[table].clear()

    def __len__(self) -> int:
        """Return how many keys are held."""
        return sum(len(run) for runs in self._runs.values() for run in runs)

    def _look_at_all(self, number: int) -> None:
        """Take the files of a table anew, and forget the partitions whose files changed."""
        grouped: dict[str, dict[str, DataFile]] = {}
        for file in self._tables[number].files():
            grouped.setdefault(file.partition, {})[file.path] = file
        known = self._files[number]
        for partition in list(self._runs):
            if grouped.get(partition, {}).keys() != known.get(partition, {}).keys():
                self._drop(partition)
        self._files[number] = grouped

    def _follow(self, number: int, changes: Changes) -> None:
        """Note the files that were added; forget the partitions that lost one, since their keys may be gone."""
        files = self._files[number]
        for file in changes.added:
            files.setdefault(file.partition, {})[file.path] = file
            if file.partition in self._runs and (file.partition, file.path) not in self._own[number]:
                self._unread.setdefault(file.partition, []).append((number, file))
        for file in changes.removed:
            files.get(file.partition, {}).pop(file.path, None)
            self._drop(file.partition)

    def _catch_up(self, partition: str) -> None:
        held = partition in self._runs
        unread = self._unread.pop(partition, [])
        if not held:
            unread = [(n, file) for n, files in enumerate(self._files) for file in files.get(partition, {}).values()]
        runs = self._runs.setdefault(partition, [])
        self._runs.move_to_end(partition)
        fresh = [as_keys(self._tables[number].column(file, "event_key")) for number, file in unread]
        if not fresh:
            return
        joined = np.concatenate(fresh)
        if runs:
            self._insert(partition, joined)
        elif len(joined):
            runs.append(_sorted(joined))

    def _drop(self, partition: str) -> None:
        self._runs.pop(partition, None)
        self._unread.pop(partition, None)

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
            self._drop(oldest)


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
