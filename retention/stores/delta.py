"""Delta tables: creation without leaking statistics, and appends fenced against every other writer.

Only this module imports `deltalake`. Column statistics are restricted to columns without personal data when a table
is made, and files are added with their row count alone, so that no value reaches the log.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, CommitProperties, RemoveAction, Transaction
from pyarrow import fs

from governance.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ATTEMPTS = 60
"""How often one commit is tried against other writers before it is given up; each waits up to 0.2 s."""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """What a table looks like when it is first made.

    Attributes:
        uri: folder or object-store URI.
        schema: columns, all nullable.
        partition: name of the text column that partitions it.
        statistics: names of columns whose minimum and maximum may stand in the log; never personal ones.
    """

    uri: str
    schema: pa.Schema
    partition: str
    statistics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file of a table: its path inside the table and its partition's value."""

    path: str
    partition: str
    rows: int


def create_table(spec: TableSpec) -> bool:
    """Make the table unless it exists; add columns that its schema lacks. Return whether it was made.

    Two processes may call this at once: one makes the table, both find it.
    """
    if not DeltaTable.is_deltatable(spec.uri):
        with contextlib.suppress(DeltaError):
            DeltaTable.create(
                spec.uri,
                schema=spec.schema,
                partition_by=[spec.partition],
                configuration={
                    "delta.dataSkippingStatsColumns": ",".join(spec.statistics),
                    "delta.logRetentionDuration": "interval 7 days",
                    "delta.deletedFileRetentionDuration": "interval 7 days",
                    "delta.enableChangeDataFeed": "false",
                },
            )
            return True
    table = _load(spec.uri)
    have = {field.name for field in table.schema().fields}
    missing = [field for field in spec.schema if field.name not in have]
    if missing:
        table.alter.add_columns(Schema.from_arrow(pa.schema(missing)).fields)
    return False


def table_exists(uri: str) -> bool:
    """Say whether there is a table at `uri`; LakeError if the place cannot be looked at."""
    try:
        return bool(DeltaTable.is_deltatable(uri))
    except (DeltaError, OSError, ValueError) as problem:
        raise _reworded(uri, problem) from None


def open_table(uri: str) -> Table:
    """Open a table for reading.

    Raises:
        LakeError: there is no table at `uri`, or it needs a newer reader.
    """
    return Table(uri)


class Table:
    """A table at one version, refreshed on demand."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._table = _load(uri)

    @property
    def version(self) -> int:
        """The version of the snapshot in hand."""
        return int(self._table.version())

    def refresh(self) -> int:
        """Move to the newest version and return it."""
        try:
            self._table.update_incremental()
        except DeltaError as problem:
            raise _reworded(self.uri, problem) from None
        return self.version

    def dataset(self) -> pads.Dataset:
        """Return the snapshot as an Arrow dataset."""
        return self._table.to_pyarrow_dataset()

    def files(self) -> list[DataFile]:
        """Return the data files of the snapshot."""
        actions = pa.table(self._table.get_add_actions(flatten=True))
        names = actions.column_names
        partition = next((name for name in names if name.startswith("partition.")), None)
        values = actions[partition].to_pylist() if partition else [""] * actions.num_rows
        return [
            DataFile(path, value, rows or 0)
            for path, value, rows in zip(
                actions["path"].to_pylist(), values, actions["num_records"].to_pylist(), strict=True
            )
        ]

    def transaction(self, application: str) -> int | None:
        """Return the version that `application` last recorded, or None."""
        version = self._table.transaction_version(application)
        return None if version is None else int(version)

    def commits(self, newest: int | None = None) -> list[dict[str, str]]:
        """Return the metadata of the last `newest` commits (all when None), newest first."""
        return self._table.history(newest)

    def configuration(self) -> dict[str, str | None]:
        """Return the table's settings."""
        return dict(self._table.metadata().configuration)

    @property
    def partition_column(self) -> str:
        """The column that partitions the table; "" if none does."""
        return next(iter(self._table.metadata().partition_columns), "")

    def rows_of(self, file: DataFile, columns: Sequence[str] | None = None) -> pa.Table:
        """Read one data file, the partition's column among its columns, in the table's types and order."""
        filesystem, root = _filesystem(self.uri)
        schema = self.dataset().schema
        names = [name for name in schema.names if columns is None or name in columns]
        stored = [name for name in names if name != self.partition_column]
        with pq.ParquetFile(f"{root}/{file.path}", filesystem=filesystem) as parquet:
            there = set(parquet.schema_arrow.names)
            data = parquet.read(columns=[name for name in stored if name in there])
        made = {
            name: data[name].cast(schema.field(name).type)
            if name in there
            else pa.array([file.partition] * file.rows, schema.field(name).type)
            if name == self.partition_column
            else pa.nulls(file.rows, schema.field(name).type)
            for name in names
        }
        return pa.table(made, schema=pa.schema([schema.field(name) for name in names]))

    def bytes_of(self) -> dict[str, int]:
        """Return the size of every live data file by path."""
        actions = pa.table(self._table.get_add_actions(flatten=True))
        return dict(zip(actions["path"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True))

    def purge(self, *, orphan_hours: int | None = None, history: bool = False) -> None:
        """Remove the files that no longer belong to the table, and what its log tells of them where that is old.

        Args:
            orphan_hours: also remove files that no commit ever named, if older; longer than the longest write.
            history: shorten the log to its last checkpoint, whatever its retention says. No stream may be writing.
        """
        try:
            self._table.vacuum(0, dry_run=False, enforce_retention_duration=False)
            if orphan_hours is not None:
                self._table.vacuum(orphan_hours, dry_run=False, enforce_retention_duration=False, full=True)
            kept = self.configuration().get("delta.logRetentionDuration") or "interval 30 days"
            if history:
                self._table.alter.set_table_properties({"delta.logRetentionDuration": "interval 0 days"})
            self._table.create_checkpoint()
            self._table.cleanup_metadata()
            if history:
                self._table.alter.set_table_properties({"delta.logRetentionDuration": kept})
        except DeltaError as problem:
            raise _reworded(self.uri, problem) from None
        self.refresh()

    def column(self, file: DataFile, name: str) -> pa.ChunkedArray:
        """Read one column of one data file; a file without the column has nothing but nulls in it."""
        filesystem, root = _filesystem(self.uri)
        with pq.ParquetFile(f"{root}/{file.path}", filesystem=filesystem) as parquet:
            if name not in parquet.schema_arrow.names:
                return pa.chunked_array([pa.nulls(file.rows, self._arrow_type(name))])
            return parquet.read(columns=[name])[name]

    def _arrow_type(self, name: str) -> pa.DataType:
        return self.dataset().schema.field(name).type


class FencedTable(Table):
    """A table to which several processes append without doing it twice.

    Every commit carries the transaction (`fence`, n + 1), where n was read from the snapshot that the writer looked
    at. Delta refuses it if another writer moved the fence meanwhile; the writer then looks again before it retries.
    """

    def __init__(self, spec: TableSpec) -> None:
        super().__init__(spec.uri)
        self.spec = spec
        self.fence = spec.uri.rstrip("/").rsplit("/", 1)[-1]

    def write_files(self, rows: pa.Table) -> list[DataFile]:
        """Write `rows` as one synced Parquet file a partition; nothing is visible before `commit`.

        Rows keep their order. Columns in which every value is null are left out of a file; readers see nulls.
        """
        written = []
        for value, part in _partitions(rows, self.spec.partition):
            path = f"{self.spec.partition}={value}/{uuid.uuid4().hex}.parquet"
            _write_parquet(self.uri, path, part.drop_columns([self.spec.partition]))
            written.append(DataFile(path, value, part.num_rows))
        return written

    def discard_files(self, files: list[DataFile]) -> None:
        """Remove files that were written and, as the newest snapshot shows, never committed."""
        filesystem, root = _filesystem(self.uri)
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                filesystem.delete_file(f"{root}/{file.path}")

    def commit(
        self,
        files: list[DataFile],
        metadata: Mapping[str, str],
        transactions: Mapping[str, int] | None = None,
        removed: Sequence[DataFile] = (),
    ) -> bool:
        """Try once to add `files` and take away `removed` at the snapshot in hand, in one commit.

        Delta refuses it if another writer has taken one of `removed` away meanwhile.

        Returns:
            True if they are in the table now. False if another writer moved the fence or the log: refresh, look
            again at what is there, and try anew. A commit that raised after it had landed counts as landed.
        """
        token = uuid.uuid4().hex
        filesystem, root = _filesystem(self.uri)
        actions: list[AddAction | RemoveAction] = [
            AddAction(
                file.path,
                filesystem.get_file_info(f"{root}/{file.path}").size,
                {self.spec.partition: file.partition},
                _now_ms(),
                True,  # noqa: FBT003 - deltalake's positional signature: data_change
                json.dumps({"numRecords": file.rows}),
            )
            for file in files
        ]
        actions += [self._removal(file) for file in removed]
        before = self.version
        marks = [Transaction(self.fence, (self.transaction(self.fence) or 0) + 1)]
        marks += [Transaction(name, version) for name, version in (transactions or {}).items()]
        try:
            self._table.create_write_transaction(
                actions,
                "append",
                self._table.schema(),
                [self.spec.partition],
                commit_properties=CommitProperties(
                    custom_metadata={**metadata, "ebb.commit": token}, app_transactions=marks
                ),
            )
        except DeltaError:
            now = self.refresh()
            if now == before or not self._landed(token, now - before):
                return False
        self.refresh()
        _sync_log(self.uri, self.version)
        return True

    def _removal(self, file: DataFile) -> RemoveAction:
        partition = {self.spec.partition: file.partition}
        return RemoveAction(file.path, data_change=True, deletion_timestamp=_now_ms(), partition_values=partition)

    def _landed(self, token: str, versions: int) -> bool:
        return any(commit.get("ebb.commit") == token for commit in self.commits(versions))


def attempts() -> Iterator[int]:
    """Count tries of a fenced commit, waiting a random while between them.

    Raises:
        LakeError: the other writers never left a gap.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(random.uniform(0.0, min(0.2, 0.005 * 2**attempt)))  # noqa: S311 - spread, not secrecy
        yield attempt
    raise LakeError(f"no commit after {ATTEMPTS} tries: too many writers on one table; raise --max-events")


def _load(uri: str) -> DeltaTable:
    try:
        return DeltaTable(uri)
    except TableNotFoundError:
        raise LakeError(f"there is no table at {uri}: run `ebb run` first, or point --home or --lake at it") from None
    except DeltaError as problem:
        raise _reworded(uri, problem) from None


def _reworded(uri: str, problem: Exception) -> LakeError:
    return LakeError(f"the table at {uri} cannot be read ({type(problem).__name__}): is it of a newer version?")


def _filesystem(uri: str) -> tuple[fs.FileSystem, str]:
    if "://" in uri:
        filesystem, root = fs.FileSystem.from_uri(uri)
        return filesystem, root.rstrip("/")
    return fs.LocalFileSystem(), os.path.abspath(uri)  # noqa: PTH100 - deltalake resolves it the same way


def _partitions(rows: pa.Table, name: str) -> Iterator[tuple[str, pa.Table]]:
    column = rows[name]
    for value in sorted(pc.unique(column).to_pylist()):
        yield value, rows.filter(pc.equal(column, value))


def _write_parquet(uri: str, path: str, rows: pa.Table) -> None:
    filesystem, root = _filesystem(uri)
    full = f"{root}/{path}"
    filesystem.create_dir(full.rsplit("/", 1)[0], recursive=True)
    empty = [name for name in rows.column_names if rows[name].null_count == rows.num_rows]
    with filesystem.open_output_stream(full) as sink:
        # No statistics: minimum and maximum of a token column are tokens.
        pq.write_table(rows.drop_columns(empty), sink, compression="zstd", write_statistics=False)
    if isinstance(filesystem, fs.LocalFileSystem):
        _sync(full)
        _sync(full.rsplit("/", 1)[0])


def _now_ms() -> int:
    return int(time.time() * 1000)


def _sync_log(uri: str, version: int) -> None:
    filesystem, root = _filesystem(uri)
    if isinstance(filesystem, fs.LocalFileSystem):
        with contextlib.suppress(FileNotFoundError):
            _sync(f"{root}/_delta_log/{version:020d}.json")
            _sync(f"{root}/_delta_log")


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
