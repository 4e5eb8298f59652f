"""Write batches into the lake, each event once.

A bundle is up to three commits, in this order: its dead letters, its rows on the personal path, then its rows on the
anonymous path. The last one is made for every bundle, even without rows: it carries the bundle's sum and, for files,
the ranges that were read. A crash between two commits is repaired by the redelivery that it causes: what is there
already is dropped and counted as `DUPLICATE`.
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
from retention.stores.delta import FencedTable, TableSpec, attempts, create_table
from retention.stores.disk import plain_errors
from retention.stores.key_index import KeyIndex, as_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from retention.stores.delta import DataFile
    from transforms.deid.events import Batch, FileRange


@dataclass(frozen=True, slots=True)
class LakeTables:
    """The tables that one stream writes.

    Attributes:
        lake: root of the lake, a folder or an object-store URI.
        stream: `service_log` or `equipment`.
        schema: columns of both tables of the stream.
    """

    lake: str
    stream: str
    schema: pa.Schema

    @property
    def anonymous(self) -> TableSpec:
        """The table for all analysts."""
        return self._rows("analytics")

    @property
    def personal(self) -> TableSpec:
        """The pseudonymized table, with readers of its own."""
        return self._rows("personal")

    @property
    def summed(self) -> TableSpec:
        """The table whose commits carry the bundles' sums and the ranges of files."""
        return self.anonymous

    @property
    def places(self) -> dict[str, str]:
        """Where a report says that rows are."""
        return {"anonymous": self.anonymous.uri, "personal": self.personal.uri, "dead_letters": self.dead_letters.uri}

    @property
    def dead_letters(self) -> TableSpec:
        """The sealed rejects of all streams."""
        return letters_spec(self.lake)

    def create(self) -> list[str]:
        """Make the tables that are missing; return the URIs of those made. Personal ones are closed to other users."""
        if "://" not in self.lake:
            for closed in (self.personal, self.dead_letters):
                with plain_errors(closed.uri):
                    Path(closed.uri).mkdir(mode=0o700, parents=True, exist_ok=True)
        return [spec.uri for spec in (self.anonymous, self.personal, self.dead_letters) if create_table(spec)]

    def _rows(self, path: str) -> TableSpec:
        # Fixed-size keys are an Arrow type; Delta knows binary only.
        columns = [pa.field(f.name, pa.binary()) if pa.types.is_fixed_size_binary(f.type) else f for f in self.schema]
        return TableSpec(f"{self.lake}/{path}/{self.stream}", pa.schema(columns), "event_date", ("event_hour",))


class LakeWriter:
    """Commits batches of one stream; one for each process, safe beside others on the same tables.

    Args:
        tables: where to write.
        metadata: what every commit says of its run (run id, authorization, clock); no personal data.
        file_id: turns a file's content hash into the keyed name under which its ranges are recorded.
        wall: the wall clock, aware.
    """

    def __init__(
        self,
        tables: LakeTables,
        metadata: Mapping[str, str],
        file_id: Callable[[str], str],
        wall: Callable[[], datetime],
    ) -> None:
        tables.create()
        self._metadata = dict(metadata)
        self._file_id = file_id
        self._anonymous = FencedTable(tables.anonymous)
        self._personal = FencedTable(tables.personal)
        self._letters = LetterWriter(tables.lake, tables.stream, metadata, wall)
        self._rows_index = KeyIndex([self._anonymous, self._personal])

    def write(self, batch: Batch) -> Sum:
        """Commit a de-identified batch and return its sum; nothing is committed for an empty bundle.

        Raises:
            LakeError: the tables cannot be written, or other writers left no gap.
        """
        if not batch.read and not batch.ranges:
            return Sum()
        kept_letters, duplicates = self._letters.write(batch)
        personal = batch.outputs.get("personal")
        kept_personal = 0
        if personal is not None and personal.num_rows:
            kept_personal = self._append(self._personal, 1, personal, self._metadata_of_rows)
            duplicates += personal.num_rows - kept_personal
        anonymous = batch.outputs["anonymous"]
        result = Sum()

        def summed(kept: int) -> dict[str, str]:
            nonlocal result
            repeated = duplicates + anonymous.num_rows - kept
            dropped = batch.dropped + Counter({"DUPLICATE": repeated})
            result = Sum(batch.read, kept, kept_personal, kept_letters, dropped, removed_of(batch))
            return {**self._metadata, **said_of(result, batch)}

        self._append(self._anonymous, 0, anonymous, summed, batch.ranges)
        return result

    def _append(
        self,
        table: FencedTable,
        number: int,
        rows: pa.Table,
        metadata: Callable[[int], dict[str, str]],
        ranges: tuple[FileRange, ...] = (),
    ) -> int:
        """Commit the rows that are in neither table yet; return how many."""
        dates = sorted(set(rows["event_date"].to_pylist()))
        before: pa.BooleanArray | None = None
        files: list[DataFile] = []
        for _ in attempts():
            self._rows_index.refresh(dates)
            mask = self._unseen(rows, dates)
            if before is None or not mask.equals(before) or not table.there(files):
                table.discard_files(files)
                fresh = rows.filter(mask)
                files = table.write_files(fresh)
                before = mask
            if table.commit(files, metadata(fresh.num_rows), marks_of(ranges, table, self._file_id)):
                break
        for file in files:
            keys = as_keys(fresh["event_key"].filter(pa.compute.equal(fresh["event_date"], file.partition)))
            self._rows_index.add(keys, number, file)
        self._rows_index.committed(number)
        return int(fresh.num_rows)

    def _unseen(self, rows: pa.Table, dates: list[str]) -> pa.BooleanArray:
        keys = as_keys(rows["event_key"])
        unseen = first_of_each(keys)
        column = rows["event_date"].combine_chunks().dictionary_encode()
        codes = np.asarray(column.indices)
        for code, date in enumerate(column.dictionary.to_pylist()):
            chosen = np.flatnonzero(codes == code)
            unseen[chosen] &= ~self._rows_index.seen(date, keys[chosen])
        assert len(dates) == len(column.dictionary)
        return pa.array(unseen)

    def _metadata_of_rows(self, kept: int) -> dict[str, str]:
        return {**self._metadata, "ebb.rows": str(kept)}
