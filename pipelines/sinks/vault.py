"""Write enclosed transactions into the vault, each record once.

A bundle is up to two commits: its dead letters, then its rows, together with the bundle's sum and, for files, the
ranges that were read. A repeat is looked for by the month of its event, so that it is found wherever settling has
moved the first one to.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pipelines.sinks.letters import LetterWriter, first_of_each, letters_spec
from pipelines.sinks.sums import Sum, marks_of, removed_of, said_of
from retention.stores.commit_log import DataFile
from retention.stores.delta import FencedTable, TableSpec, attempts, create_table
from retention.stores.key_index import KeyIndex, as_keys
from retention.vault.layout import ByClockMonth, clock_months, vault_spec, write_rows
from transforms.deid.enclosing import NO_CLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from transforms.deid.events import Batch


@dataclass(frozen=True, slots=True)
class VaultTables:
    """The tables that the stream of transactions writes.

    Attributes:
        lake: root of the lake, a folder or an object-store URI.
        stream: the stream's name.
    """

    lake: str
    stream: str

    @property
    def summed(self) -> TableSpec:
        """The table whose commits carry the bundles' sums and the ranges of files."""
        return vault_spec(self.lake)

    @property
    def places(self) -> dict[str, str]:
        """Where a report says that rows are."""
        return {"vault": self.summed.uri, "dead_letters": letters_spec(self.lake).uri}

    def create(self) -> list[str]:
        """Make the tables that are missing, closed to other users; return the URIs of those made."""
        specs = (self.summed, letters_spec(self.lake))
        if "://" not in self.lake:
            for spec in specs:
                Path(spec.uri).mkdir(mode=0o700, parents=True, exist_ok=True)
        return [spec.uri for spec in specs if create_table(spec)]


class VaultWriter:
    """Commits batches of transactions; one for each process, safe beside others on the same table.

    Args:
        tables: where to write.
        metadata: what every commit says of its run; no personal data.
        file_id: turns a file's content hash into the keyed name under which its ranges are recorded.
        wall: the wall clock, aware.
    """

    def __init__(
        self,
        tables: VaultTables,
        metadata: Mapping[str, str],
        file_id: Callable[[str], str],
        wall: Callable[[], datetime],
    ) -> None:
        tables.create()
        self._metadata = dict(metadata)
        self._file_id = file_id
        self._letters = LetterWriter(tables.lake, tables.stream, metadata, wall)
        self._table = FencedTable(tables.summed)
        self._index = KeyIndex([ByClockMonth(self._table)])

    def write(self, batch: Batch) -> Sum:
        """Commit an enclosed batch and return its sum; nothing is committed for an empty bundle.

        Raises:
            LakeError: the tables cannot be written, or other writers left no gap.
        """
        if not batch.read and not batch.ranges:
            return Sum()
        kept_letters, duplicates = self._letters.write(batch)
        rows = batch.outputs["vault"]
        before: np.ndarray | None = None
        files: list[DataFile] = []
        for _ in attempts():
            mask = self._unseen(rows)
            if before is None or not np.array_equal(mask, before) or not self._table.there(files):
                self._table.discard_files(files)
                fresh = rows.filter(pa.array(mask))
                files = write_rows(self._table, fresh)
                before = mask
            dropped = batch.dropped + Counter({"DUPLICATE": duplicates + rows.num_rows - fresh.num_rows})
            held = {NO_CLOCK: fresh["due_date"].null_count} if fresh["due_date"].null_count else {}
            result = Sum(batch.read, fresh.num_rows, 0, kept_letters, dropped, removed_of(batch), held)
            metadata = {**self._metadata, **said_of(result, batch)}
            if self._table.commit(files, metadata, marks_of(batch.ranges, self._table, self._file_id)):
                break
        self._remember(files)
        return result

    def _unseen(self, rows: pa.Table) -> np.ndarray:
        keys, months = as_keys(rows["event_key"]), clock_months(rows)
        distinct = sorted(set(months))
        self._index.refresh(distinct)
        unseen = first_of_each(keys)
        for month in distinct:
            chosen = np.flatnonzero(months == month)
            unseen[chosen] &= ~self._index.seen(month, keys[chosen])
        return unseen

    def _remember(self, files: list[DataFile]) -> None:
        """Tell the index what was committed, so that it does not look it up again."""
        view = ByClockMonth(self._table)
        for file in files:
            for month in view.months(file):
                part = DataFile(file.path, month, file.rows)
                self._index.add(as_keys(view.column(part, "event_key")), 0, part)
        self._index.committed(0)
