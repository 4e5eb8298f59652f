"""Delta tables: creation without leaking statistics, and appends fenced against every other writer.

Only this module imports `deltalake`. Column statistics are restricted to columns without personal data when a table
is made, and files are added with their row count alone, so that no value reaches the log.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, CommitProperties, PostCommitHookProperties, RemoveAction, Transaction
from pyarrow import fs

from governance.errors import LakeError
from retention.stores import parquet
from retention.stores.commit_log import CHECKPOINT_EVERY, Changes, CommitLog, DataFile, interval
from retention.stores.disk import filesystem_of, plain_errors, probe, remove_quietly, sync_path, unwritable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Changes", "DataFile", "FencedTable", "Table", "TableSpec", "attempts", "create_table", "open_table"]

ATTEMPTS = 60
"""How often one commit is tried against other writers before it is given up; each waits up to 0.2 s."""

SETTLED = 5.0
"""Seconds within which no commit can have left the log again: half of its retention."""

PROPERTIES = {
    # Short on purpose: a long log slows every commit, and what commits said is kept beside it (commit_log.py).
    "delta.logRetentionDuration": "interval 10 seconds",
    "delta.enableExpiredLogCleanup": "false",
    "delta.deletedFileRetentionDuration": "interval 7 days",
    "delta.enableChangeDataFeed": "false",
}


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


def create_table(spec: TableSpec) -> bool:
    """Make the table unless it exists; add columns that its schema lacks. Return whether it was made.

    Two processes may call this at once: one makes the table, both find it.
    """
    if not table_exists(spec.uri):
        with contextlib.suppress(DeltaError, OSError):
            DeltaTable.create(
                spec.uri,
                schema=spec.schema,
                partition_by=[spec.partition],
                configuration={"delta.dataSkippingStatsColumns": ",".join(spec.statistics), **PROPERTIES},
            )
            return True
    if not table_exists(spec.uri):
        probe(spec.uri)
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


def open_table(uri: str, version: int | None = None) -> Table:
    """Open a table for reading, at `version` or the newest.

    Raises:
        LakeError: there is no table at `uri`, or it needs a newer reader.
    """
    return Table(uri, version)


class Table:
    """A table at one version, refreshed on demand."""

    def __init__(self, uri: str, version: int | None = None) -> None:
        self.uri = uri
        self._table = _load(uri, version)
        self._loaded = self.version
        self._confirmed = time.monotonic()
        self.log = CommitLog(uri)

    @property
    def version(self) -> int:
        """The version of the snapshot in hand."""
        return int(self._table.version())

    def refresh(self) -> int:
        """Move to the newest version and return it."""
        now = time.monotonic()
        # Listing the log is what costs: ask for the next commit alone while it cannot have come and gone again.
        if now - self._confirmed > SETTLED or self.log.has(self.version + 1):
            self._update()
        self._confirmed = now
        return self.version

    def changes(self, since: int) -> Changes | None:
        """Return what changed between version `since` and the snapshot; None where the log no longer says."""
        return self.log.changes(since, self.version) if since >= 0 else None

    def shorten_log(self, now: datetime) -> int:
        """Make a checkpoint and take old commits out of the log; return how many. What they said is kept."""
        try:
            self._table.create_checkpoint()
        except (DeltaError, OSError) as problem:
            raise _reworded(self.uri, problem) from None
        with plain_errors(self.uri):
            return self.log.shorten(now, interval(self.configuration().get("delta.logRetentionDuration")))

    def vacuum(self, hours: int) -> int:
        """Remove files that were taken away at least `hours` ago; return how many."""
        try:
            gone = self._table.vacuum(hours, dry_run=False, enforce_retention_duration=False)
        except (DeltaError, OSError) as problem:
            raise _reworded(self.uri, problem) from None
        self._update()
        return len(gone)

    def taken_away(self) -> set[str]:
        """Return the paths of files that were taken away and not yet removed, as far as the log tells."""
        return set(self._table.vacuum(0, dry_run=True, enforce_retention_duration=False))

    def _update(self) -> None:
        """Move to the newest version, whatever the clock says."""
        try:
            self._table.update_incremental()
        except (DeltaError, OSError) as problem:
            raise _reworded(self.uri, problem) from None
        if self.version - self._loaded >= CHECKPOINT_EVERY:
            # A snapshot that grew by increments reads every commit since it was loaded; a fresh one the checkpoint.
            self._table = _load(self.uri)
            self._loaded = self.version

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
        try:
            version = self._table.transaction_version(application)
        except DeltaError:
            # The snapshot's commits have left the log. Ask a fresh one, and do not move this one: what its holder
            # looked at is what the next commit is fenced by.
            version = _load(self.uri).transaction_version(application)
        return None if version is None else int(version)

    def commits(self, newest: int | None = None) -> list[dict[str, Any]]:
        """Return the metadata of the last `newest` commits (all when None), newest first."""
        return self.log.commits(self.version, newest)

    def configuration(self) -> dict[str, str | None]:
        """Return the table's settings."""
        return dict(self._table.metadata().configuration)

    @property
    def partition_column(self) -> str:
        """The column that partitions the table; "" if none does."""
        return next(iter(self._table.metadata().partition_columns), "")

    def rows_of(self, file: DataFile, columns: Sequence[str] | None = None) -> pa.Table:
        """Read one data file, the partition's column among its columns, in the table's types and order."""
        return parquet.read_rows(self.uri, file, self._arrow_schema(), self.partition_column, columns)

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
            self.log.keep_said()
            self._table.cleanup_metadata()
            if history:
                self._table.alter.set_table_properties({"delta.logRetentionDuration": kept})
        except DeltaError as problem:
            raise _reworded(self.uri, problem) from None
        self._update()

    def column(self, file: DataFile, name: str) -> pa.ChunkedArray:
        """Read one column of one data file; a file without the column has nothing but nulls in it."""
        found = parquet.read_column(self.uri, file, name)
        return pa.chunked_array([pa.nulls(file.rows, self._arrow_type(name))]) if found is None else found

    def columns_in(self, file: DataFile) -> frozenset[str]:
        """Return the names of the columns in which a data file holds anything."""
        return parquet.columns_in(self.uri, file)

    def _arrow_type(self, name: str) -> pa.DataType:
        return self._arrow_schema().field(name).type

    def _arrow_schema(self) -> pa.Schema:
        """Return the columns; cheap, where `dataset()` lists every file."""
        return pa.schema(self._table.schema().to_arrow())


class FencedTable(Table):
    """A table to which several processes append without doing it twice.

    Every commit carries the transaction (`fence`, n + 1), where n was read from the snapshot that the writer looked
    at. Delta refuses it if another writer moved the fence meanwhile; the writer then looks again before it retries.
    """

    def __init__(self, spec: TableSpec) -> None:
        super().__init__(spec.uri)
        self.spec = spec
        self.fence = spec.uri.rstrip("/").rsplit("/", 1)[-1]

    def write_files(self, rows: pa.Table, label: str = "") -> list[DataFile]:
        """Write `rows` as one synced Parquet file a partition; nothing is visible before `commit`.

        Rows keep their order. Columns in which every value is null are left out of a file; readers see nulls. Names
        of files begin with `label`, which tells nothing of a person.
        """
        written = []
        for value, part in _partitions(rows, self.spec.partition):
            path = f"{self.spec.partition}={value}/{label}{uuid.uuid4().hex}.parquet"
            parquet.write_file(self.uri, path, part.drop_columns([self.spec.partition]))
            written.append(DataFile(path, value, part.num_rows))
        return written

    def discard_files(self, files: list[DataFile]) -> None:
        """Remove files that were written and, as the newest snapshot shows, never committed."""
        filesystem, root = filesystem_of(self.uri)
        for file in files:
            remove_quietly(filesystem, f"{root}/{file.path}")

    def there(self, files: Sequence[DataFile]) -> bool:
        """Say whether files that were written, and are not committed, are still on disk."""
        return all(size is not None for size in self._sizes(files))

    def commit(
        self,
        files: list[DataFile],
        metadata: Mapping[str, str],
        transactions: Mapping[str, int] | None = None,
        removed: Sequence[DataFile] = (),
        *,
        data_change: bool = True,
    ) -> bool:
        """Try once to add `files` and take away `removed` at the snapshot in hand, in one commit.

        Delta refuses it if another writer has taken one of `removed` away meanwhile.

        Args:
            files: written before.
            metadata: what the commit says; no personal data.
            transactions: application transactions by name, recorded with it.
            removed: files of the snapshot.
            data_change: False where the rows stay the same and only lie elsewhere.

        Returns:
            True if they are in the table now. False if another writer moved the fence or the log, or one of `files`
            is no longer there: refresh, look again at what is there, and try anew. A commit that raised after it had
            landed counts as landed.

        Raises:
            LakeError: the place cannot be written, or the table needs a newer ebb.
        """
        sizes = self._sizes(files)
        if None in sizes:
            return False
        token, now = uuid.uuid4().hex, int(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = [
            AddAction(
                file.path,
                size or 0,
                {self.spec.partition: file.partition},
                now,
                data_change,
                json.dumps({"numRecords": file.rows}),
            )
            for file, size in zip(files, sizes, strict=True)
        ]
        actions += [
            RemoveAction(
                file.path,
                data_change=data_change,
                deletion_timestamp=now,
                partition_values={self.spec.partition: file.partition},
            )
            for file in removed
        ]
        before, started = self.version, time.monotonic()
        # A count above the fence's last is all that matters: Delta compares whether it moved since the snapshot.
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
                post_commithook_properties=PostCommitHookProperties(
                    create_checkpoint=False, cleanup_expired_logs=False
                ),
            )
        except (DeltaError, OSError) as problem:
            self._update()
            if self.version == before:
                self._explain(problem)
                return False
            if not self._landed(token, self.version - before):
                return False
        self._update()
        if time.monotonic() - started > SETTLED and not self._holds(files, removed):
            return False
        with contextlib.suppress(FileNotFoundError):
            self._sync_log()
        if self.log.wants_checkpoint(self.version):
            self.shorten_log(datetime.now(tz=UTC))
        return True

    def _sizes(self, files: Sequence[DataFile]) -> list[int | None]:
        filesystem, root = filesystem_of(self.uri)
        infos = filesystem.get_file_info([f"{root}/{file.path}" for file in files]) if files else []
        return [info.size if info.type == fs.FileType.File else None for info in infos]

    def _holds(self, files: Sequence[DataFile], removed: Sequence[DataFile]) -> bool:
        """Look afresh whether a commit holds, after a pause so long that the log may have been shortened past it."""
        self._table = _load(self.uri)
        live = {file.path for file in self.files()}
        return all(file.path in live for file in files) and not any(file.path in live for file in removed)

    def _explain(self, problem: Exception) -> None:
        """Raise what no retry will mend: a place that cannot be written, a table of a newer version."""
        if isinstance(problem, OSError):
            raise unwritable(self.uri, problem) from None
        probe(self.uri)
        if self.log.of_newer_version():
            raise _reworded(self.uri, problem) from None

    def _sync_log(self) -> None:
        filesystem, root = filesystem_of(self.uri)
        sync_path(filesystem, f"{root}/_delta_log/{self.version:020d}.json")
        sync_path(filesystem, f"{root}/_delta_log")

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


def _load(uri: str, version: int | None = None) -> DeltaTable:
    try:
        return DeltaTable(uri, version=version)
    except TableNotFoundError:
        raise LakeError(f"there is no table at {uri}: run `ebb run` first, or point --home or --lake at it") from None
    except DeltaError as problem:
        raise _reworded(uri, problem) from None


def _reworded(uri: str, problem: Exception) -> LakeError:
    """Say what is wrong with a table; the library's own text is a page long and may quote what it read."""
    if isinstance(problem, PermissionError):
        return LakeError(f"the table at {uri} cannot be read: give this user the folder, or run as its owner")
    if isinstance(problem, OSError):
        return unwritable(uri, problem)
    with contextlib.suppress(OSError, ValueError):
        if CommitLog(uri).of_newer_version():
            return LakeError(
                f"the table at {uri} was written by a newer version of ebb or of Delta: upgrade this ebb and run "
                "again; nothing was written"
            )
    return LakeError(
        f"the table at {uri} cannot be read ({type(problem).__name__}): its log (_delta_log) is damaged or incomplete; "
        "stop what writes to it, restore _delta_log from a copy, and run again. The data files are not touched"
    )


def _partitions(rows: pa.Table, name: str) -> Iterator[tuple[str, pa.Table]]:
    column = rows[name]
    for value in sorted(pc.unique(column).to_pylist()):
        yield value, rows.filter(pc.equal(column, value))
