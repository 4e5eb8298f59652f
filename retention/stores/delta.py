"""Delta tables: snapshots that follow the log cheaply, and appends fenced against every other writer.

Only this module and `opening` import `deltalake`, which keeps every live file of a snapshot in memory and goes through
all of them at each step: 14 ms at 10,000 files. So a table in hand is a snapshot that was loaded once, and the commits
after it, read one by one; on a local disk commits are put by this module too. Files are added with their row count
alone, so that no value reaches the log.
"""

from __future__ import annotations

import math
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, CommitProperties, PostCommitHookProperties, RemoveAction, Transaction
from pyarrow import fs

from retention.stores import parquet
from retention.stores.commit_log import READER, WRITER, Changes, CommitLog, DataFile, file_actions, interval
from retention.stores.contention import attempts
from retention.stores.disk import filesystem_of, plain_errors, probe, remove_quietly, unwritable
from retention.stores.opening import TableSpec, create_table, load, reworded, table_exists

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deltalake import DeltaTable

__all__ = [
    "Changes", "DataFile", "FencedTable", "Table", "TableSpec", "attempts", "create_table", "open_table",
    "table_exists",
]  # fmt: skip

SETTLED = 5.0
"""Seconds within which no commit can have left the log again: half of its retention."""


def open_table(uri: str, version: int | None = None) -> Table:
    """Open a table for reading, at `version` or the newest.

    Raises:
        LakeError: there is no table at `uri`, or it needs a newer reader.
    """
    return Table(uri, version)


class Table:
    """A table at one version, refreshed on demand.

    `files`, `dataset` and `bytes_of` look at the newest version where the one in hand was reached by following the
    log; `version` then says so.
    """

    def __init__(self, uri: str, version: int | None = None) -> None:
        self.uri = uri
        self.log = CommitLog(uri)
        self._take(load(uri, version))
        if version is not None:
            self._confirmed = -math.inf  # nobody said that it is the newest

    @property
    def version(self) -> int:
        """The version of the snapshot in hand."""
        return self._head

    def refresh(self) -> int:
        """Move to the newest version and return it."""
        now = time.monotonic()
        # Only while the next commit cannot have come and left the log again does its absence prove anything.
        if now - self._confirmed > SETTLED or not self._follow():
            self._take(load(self.uri))
        else:
            self._confirmed = now
        return self._head

    def changes(self, since: int) -> Changes | None:
        """Return what changed between version `since` and the snapshot; None where the log no longer says."""
        return self.log.changes(since, self._head)

    def shorten_log(self, now: datetime) -> int:
        """Make a checkpoint and take old commits out of the log; return how many. What they said is kept."""
        self._take(load(self.uri))
        try:
            self._base.create_checkpoint()
        except (DeltaError, OSError) as problem:
            raise reworded(self.uri, problem) from None
        with plain_errors(self.uri):
            return self.log.shorten(now, interval(self.configuration().get("delta.logRetentionDuration")))

    def vacuum(self, hours: int) -> int:
        """Remove files that were taken away at least `hours` ago; return how many."""
        try:
            gone = self._newest().vacuum(hours, dry_run=False, enforce_retention_duration=False)
        except (DeltaError, OSError) as problem:
            raise reworded(self.uri, problem) from None
        self._take(load(self.uri))
        return len(gone)

    def taken_away(self) -> set[str]:
        """Return the paths of files that were taken away and not yet removed, as far as the log tells."""
        return set(self._newest().vacuum(0, dry_run=True, enforce_retention_duration=False))

    def dataset(self) -> pads.Dataset:
        """Return the snapshot as an Arrow dataset; it lists every file."""
        return self._newest().to_pyarrow_dataset()

    def schema(self) -> pa.Schema:
        """Return the columns as Arrow types, whatever the number of files."""
        return pa.schema(self._base.schema().to_arrow())

    def listing(self) -> pa.Table:
        """Return the data files of the snapshot, a row each: path, partition, rows, bytes."""
        actions = pa.table(self._newest().get_add_actions(flatten=True))
        partition = next((name for name in actions.column_names if name.startswith("partition.")), None)
        values = actions[partition] if partition else pa.repeat("", actions.num_rows)
        rows = pc.fill_null(actions["num_records"], 0)
        return pa.table({"path": actions["path"], "partition": values, "rows": rows, "bytes": actions["size_bytes"]})

    def files(self, *parts: str) -> list[DataFile]:
        """Return the data files of the snapshot, or those of some partitions."""
        listing = self.listing()
        if parts:
            listing = listing.filter(pc.is_in(listing["partition"], pa.array(parts, pa.string())))
        columns = (listing[name].to_pylist() for name in ("path", "partition", "rows"))
        return [DataFile(*file) for file in zip(*columns, strict=True)]

    def transaction(self, application: str) -> int | None:
        """Return the version that `application` last recorded, or None."""
        if application not in self._marks:
            try:
                version = self._base.transaction_version(application)
            except DeltaError:
                # The snapshot's commits have left the log. Ask a fresh one, and do not move this one: what its holder
                # looked at is what the next commit is fenced by.
                version = load(self.uri).transaction_version(application)
            if version is None:
                return None
            self._marks[application] = int(version)
        return self._marks[application]

    def commits(self, newest: int | None = None) -> list[dict[str, Any]]:
        """Return the metadata of the last `newest` commits (all when None), newest first."""
        return self.log.commits(self._head, newest)

    def configuration(self) -> dict[str, str | None]:
        """Return the table's settings."""
        return dict(self._base.metadata().configuration)

    @property
    def partition_column(self) -> str:
        """The column that partitions the table; "" if none does."""
        return next(iter(self._base.metadata().partition_columns), "")

    def rows_of(self, file: DataFile, columns: Sequence[str] | None = None) -> pa.Table:
        """Read one data file, the partition's column among its columns, in the table's types and order."""
        return parquet.read_rows(self.uri, file, self.schema(), self.partition_column, columns)

    def bytes_of(self) -> dict[str, int]:
        """Return the size of every live data file by path."""
        listing = self.listing()
        return dict(zip(listing["path"].to_pylist(), listing["bytes"].to_pylist(), strict=True))

    def purge(self, *, history: bool = False) -> None:
        """Remove the files that no longer belong to the table, and what its log tells of them where that is old.

        Args:
            history: shorten the log to its last checkpoint, whatever its retention says. No stream may be writing.
        """
        self._take(load(self.uri))
        try:
            self._base.vacuum(0, dry_run=False, enforce_retention_duration=False)
            kept = self.configuration().get("delta.logRetentionDuration") or "interval 30 days"
            if history:
                self._base.alter.set_table_properties({"delta.logRetentionDuration": "interval 0 days"})
            self._base.create_checkpoint()
            self.log.keep_said()
            self._base.cleanup_metadata()
            if history:
                self._base.alter.set_table_properties({"delta.logRetentionDuration": kept})
        except DeltaError as problem:
            raise reworded(self.uri, problem) from None
        self._take(load(self.uri))

    def column(self, file: DataFile, name: str) -> pa.ChunkedArray:
        """Read one column of one data file; a file without the column has nothing but nulls in it."""
        found = parquet.read_column(self.uri, file, name)
        return pa.chunked_array([pa.nulls(file.rows, self.schema().field(name).type)]) if found is None else found

    def columns_in(self, file: DataFile) -> frozenset[str]:
        """Return the names of the columns in which a data file holds anything."""
        return parquet.columns_in(self.uri, file)

    def _newest(self) -> DeltaTable:
        if int(self._base.version()) != self._head:
            self._take(load(self.uri))
        return self._base

    def _take(self, loaded: DeltaTable) -> None:
        self._base = loaded
        self._head = int(loaded.version())
        self._marks: dict[str, int] = {}
        self._confirmed = time.monotonic()

    def _follow(self) -> bool:
        """Step through the commits after the one in hand; False where only a fresh snapshot tells what they did."""
        while (actions := self.log.actions(self._head + 1)) is not None:
            if any("metaData" in action or "protocol" in action for action in actions):
                return False
            marks = (action["txn"] for action in actions if "txn" in action)
            self._marks.update({mark["appId"]: int(mark["version"]) for mark in marks})
            self._head += 1
        return self.log.last_checkpoint() <= self._head


class FencedTable(Table):
    """A table to which several processes append without doing it twice.

    Every commit carries the transaction (`fence`, n + 1), where n was read from the snapshot that the writer looked
    at. It is refused if another writer moved the fence meanwhile (on a local disk: if there was any other commit);
    the writer then looks again before it retries.
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

        Args:
            files: written before.
            metadata: what the commit says; no personal data.
            transactions: application transactions by name, recorded with it.
            removed: files of the snapshot.
            data_change: False where the rows stay the same and only lie elsewhere.

        Returns:
            True if they are in the table now. False if another writer was faster, or one of `files` is gone: refresh,
            look again at what is there, and try anew. A commit that raised after it had landed counts as landed.

        Raises:
            LakeError: the place cannot be written, or the table needs a newer ebb.
        """
        sizes = self._sizes(files)
        if None in sizes:
            return False
        token, now = uuid.uuid4().hex, int(time.time() * 1000)
        marks = {self.fence: (self.transaction(self.fence) or 0) + 1, **(transactions or {})}
        said = {**metadata, "ebb.commit": token}
        put = self._put if self.log.local and self._base.protocol()[:2] == (READER, WRITER) else self._hand_over
        actions = file_actions(self.spec.partition, files, sizes, removed, now, data_change=data_change)
        if not put(actions, marks, said):
            self.refresh()
            return False
        if time.monotonic() - self._confirmed > SETTLED and not self._holds(files, removed):
            return False
        self._confirmed = time.monotonic()
        if self.log.wants_checkpoint(self._head):
            self.shorten_log(datetime.now(tz=UTC))
        return True

    def _put(self, actions: list[dict[str, Any]], marks: Mapping[str, int], said: Mapping[str, str]) -> bool:
        """Put a commit after the snapshot in hand, on a local disk: refused if there is any other by now."""
        if time.monotonic() - self._confirmed > SETTLED / 2:
            if int(load(self.uri).version()) != self._head:
                return False
            self._confirmed = time.monotonic()
        if self.log.last_checkpoint() > self._head:  # the next number is taken, and has left the log
            return False
        now = int(time.time() * 1000)
        info = {"timestamp": now, "operation": "WRITE", "operationParameters": {"mode": "Append"}, **said}
        txns = [{"txn": {"appId": name, "version": number, "lastUpdated": now}} for name, number in marks.items()]
        try:
            placed = self.log.put(self._head + 1, [{"commitInfo": info}, *txns, *actions])
        except OSError as problem:
            placed = self._landed(said)
            if not placed:
                raise unwritable(self.uri, problem) from None
        if not placed and not self._landed(said):  # a network disk may say "there is one" of one's own
            return False
        self._head += 1
        self._marks.update(marks)
        return True

    def _hand_over(self, actions: list[dict[str, Any]], marks: Mapping[str, int], said: Mapping[str, str]) -> bool:
        """Let deltalake commit, as it must on an object store: refused if the fence moved since the snapshot."""
        if int(self._base.version()) != self._head:
            loaded = load(self.uri)
            if int(loaded.version()) != self._head:
                return False
            self._base = loaded
        before = self._head
        try:
            self._base.create_write_transaction(
                [_library_action(action) for action in actions],
                "append",
                self._base.schema(),
                [self.spec.partition],
                commit_properties=CommitProperties(
                    custom_metadata=dict(said), app_transactions=[Transaction(*mark) for mark in marks.items()]
                ),
                post_commithook_properties=PostCommitHookProperties(
                    create_checkpoint=False, cleanup_expired_logs=False
                ),
            )
        except (DeltaError, OSError) as problem:
            self._take(load(self.uri))
            if self._head == before:
                self._explain(problem)
                return False
            commits = self.commits(self._head - before)
            return any(commit.get("ebb.commit") == said["ebb.commit"] for commit in commits)
        confirmed = self._confirmed
        self._take(load(self.uri))
        self._confirmed = confirmed
        return True

    def _landed(self, said: Mapping[str, str]) -> bool:
        there = self.log.actions(self._head + 1) or []
        return any(action.get("commitInfo", {}).get("ebb.commit") == said["ebb.commit"] for action in there)

    def _sizes(self, files: Sequence[DataFile]) -> list[int | None]:
        filesystem, root = filesystem_of(self.uri)
        infos = filesystem.get_file_info([f"{root}/{file.path}" for file in files]) if files else []
        return [info.size if info.type == fs.FileType.File else None for info in infos]

    def _holds(self, files: Sequence[DataFile], removed: Sequence[DataFile]) -> bool:
        """Look afresh whether a commit holds, after a pause so long that the log may have been shortened past it."""
        self._take(load(self.uri))
        live = {file.path for file in self.files()}
        return all(file.path in live for file in files) and not any(file.path in live for file in removed)

    def _explain(self, problem: Exception) -> None:
        """Raise what no retry will mend: a place that cannot be written, a table of a newer version."""
        if isinstance(problem, OSError):
            raise unwritable(self.uri, problem) from None
        probe(self.uri)
        if self.log.of_newer_version():
            raise reworded(self.uri, problem) from None


def _partitions(rows: pa.Table, name: str) -> Iterator[tuple[str, pa.Table]]:
    column = rows[name]
    for value in sorted(pc.unique(column).to_pylist()):
        yield value, rows.filter(pc.equal(column, value))


def _library_action(action: dict[str, Any]) -> AddAction | RemoveAction:
    if "add" in action:
        add = action["add"]
        values, stats = add["partitionValues"], add["stats"]
        return AddAction(unquote(add["path"]), add["size"], values, add["modificationTime"], add["dataChange"], stats)
    gone = action["remove"]
    return RemoveAction(
        unquote(gone["path"]),
        data_change=gone["dataChange"],
        deletion_timestamp=gone["deletionTimestamp"],
        partition_values=gone["partitionValues"],
    )
