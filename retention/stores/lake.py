"""The tables of a lake as a store: whole files go by metadata, a file is rewritten only where some of its rows stay."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import fs

from governance.errors import LakeError, RefusedError
from retention.stores.base import Part, Purged, Removal, Shape
from retention.stores.contention import attempts, commit_beside
from retention.stores.delta import FencedTable, TableSpec, open_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from retention.datasets import Dataset
    from retention.stores.base import Choose, Treat
    from retention.stores.delta import DataFile
    from retention.window import Window

_LOG = "_delta_log"
_DEPTH = 3


class DeltaStore:
    """The Delta tables under one folder or URI, each named by its path below it.

    Guarantees:
        One commit a part, which carries its mark: done twice is done once, and the count of the first time is
        returned. Other writers are never waited for; a commit against a moved table is tried anew. Statements have no
        predicate, so that no value reaches the log.
    """

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/")

    @property
    def place(self) -> str:
        """The folder or URI."""
        return self._root

    def tables(self) -> frozenset[str]:
        """Return the paths of all tables, up to three folders deep."""
        if "://" in self._root:
            filesystem, root = fs.FileSystem.from_uri(self._root)
        else:
            filesystem, root = fs.LocalFileSystem(), str(Path(self._root).absolute())
        return frozenset(_tables_below(filesystem, root, "", _DEPTH))

    def shape(self, table: str) -> Shape:
        """Return columns and key; the key is `event_key` where there is one, else the first column."""
        schema = open_table(self._uri(table)).schema()
        columns = dict(zip(schema.names, schema.types, strict=True))
        return Shape(columns, ("event_key",) if "event_key" in columns else (schema.names[0],))

    @property
    def parted(self) -> bool:
        """Return True: a table's partitions."""
        return True

    def parts(self, table: str) -> Mapping[str, Part]:
        """Return the partitions."""
        # Plain texts and numbers: ten thousand objects at once make the garbage collector go through everything.
        listing = open_table(self._uri(table)).listing()
        paths: dict[str, list[str]] = {}
        rows: Counter[str] = Counter()
        for path, part, number in zip(
            *(listing[name].to_pylist() for name in ("path", "partition", "rows")), strict=True
        ):
            paths.setdefault(str(part), []).append(path)
            rows[str(part)] += number
        return {name: Part(name, rows[name], _state(paths[name])) for name in sorted(paths)}

    def scan(
        self, dataset: Dataset, columns: Sequence[str], part: str | None = None, window: Window | None = None
    ) -> Iterator[pa.Table]:
        """Yield the rows file by file."""
        opened = open_table(self._uri(dataset.table))
        for file in opened.files(*([] if part is None else [part])):
            yield opened.rows_of(file, columns)

    def below(self, dataset: Dataset, rows: pa.Table) -> int:
        """Tables of a lake have no children."""
        return 0

    def edit(
        self,
        dataset: Dataset,
        part: str | None,
        columns: Sequence[str],
        choose: Choose,
        *,
        mark: str,
        treat: Treat | None = None,
        window: Window | None = None,
    ) -> Removal:
        """Remove or replace the chosen rows of a partition in one commit."""
        assert part is not None
        # A row that came late into the partition is judged too; what others write elsewhere does not matter.
        table = self._writable(dataset.table)
        for _ in attempts():
            table.refresh()
            done = table.transaction(mark)
            if done is not None:
                return Removal(done)
            done = self._edit(dataset, table, part, columns=columns, choose=choose, mark=mark, treat=treat)
            if done is not None:
                return Removal(done)
        raise LakeError("unreachable: attempts() raises")  # pragma: no cover

    def purge(self, table: str, *, history: bool) -> Purged:
        """Remove what no live version names, and the log of what is old."""
        opened = open_table(self._uri(table))
        opened.purge(history=history)
        days = (opened.configuration().get("delta.logRetentionDuration") or "interval 30 days").removeprefix("interval")
        notes = [] if history else [f"the log of past versions goes after{days}; it holds file names and row counts"]
        if "://" in self._root:
            notes.append("object versions of the bucket were not looked at")
        notes.append("backups and snapshots of the disk were not looked at")
        return Purged(physically=True, history=history, notes=tuple(notes))

    def _edit(
        self,
        dataset: Dataset,
        table: FencedTable,
        part: str,
        *,
        columns: Sequence[str],
        choose: Choose,
        mark: str,
        treat: Treat | None,
    ) -> int | None:
        """Commit what is chosen in a partition; return how many rows, None where everything must be looked at anew."""
        added: list[DataFile] = []
        removed: list[DataFile] = []
        looked: list[pa.Table] = []
        masks: list[np.ndarray] = []
        for file in table.files(part):
            looked.append(table.rows_of(file, columns))
            masks.append(choose(looked[-1]))
            if not masks[-1].any():
                continue
            removed.append(file)
            if not masks[-1].all() or treat is not None:
                if dataset.crypto == "vault":
                    raise RefusedError(
                        "a file of the vault holds rows that stay: put them under their case's key first"
                    )
                added += table.write_files(_after(table.rows_of(file), masks[-1], treat))
        if not removed:
            return 0
        rows, chosen = pa.concat_tables(looked), np.concatenate(masks)

        def chosen_otherwise() -> bool:
            # A hold that is placed while files are written, or while other writers are faster, wins all the same.
            return not np.array_equal(choose(rows), chosen)

        number = int(np.count_nonzero(chosen))
        metadata = {"ebb.action": "sweep", "ebb.rows": str(number)}
        if not chosen_otherwise() and commit_beside(
            table,
            added,
            metadata,
            {mark: number},
            removed,
            spoiled=lambda changes: changes.touch(part) or chosen_otherwise(),
        ):
            return number
        table.discard_files(added)
        return None

    def _writable(self, table: str) -> FencedTable:
        uri = self._uri(table)
        opened = open_table(uri)
        if not opened.partition_column:
            raise RefusedError(
                f"the table {table} has no partitions: a sweep cannot bound its work; partition it by date"
            )
        return FencedTable(TableSpec(uri, opened.schema(), opened.partition_column, ()))

    def _uri(self, table: str) -> str:
        return f"{self._root}/{table}"


def _after(rows: pa.Table, mask: np.ndarray, treat: Treat | None) -> pa.Table:
    stay = rows.filter(pa.array(~mask))
    if treat is None:
        return stay
    return pa.concat_tables([stay, treat(rows.filter(pa.array(mask))).cast(stay.schema)])


def _state(paths: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(paths)).encode()).hexdigest()


def _tables_below(filesystem: fs.FileSystem, folder: str, name: str, depth: int) -> Iterator[str]:
    found = filesystem.get_file_info(fs.FileSelector(folder, allow_not_found=True))
    folders = [entry for entry in found if entry.type == fs.FileType.Directory]
    if any(entry.base_name == _LOG for entry in folders):
        yield name
    elif depth:
        for entry in folders:
            below = f"{name}/{entry.base_name}" if name else entry.base_name
            yield from _tables_below(filesystem, entry.path, below, depth - 1)
