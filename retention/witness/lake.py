"""Read a Delta table from its bytes: the log is replayed here, files are found by listing the folder."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from governance.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class DiskFile:
    """A data file as it lies there.

    Attributes:
        age: seconds, of a file that the newest version of the table does not name; None of a live one.
        told: its rows by the table's log; None where the log does not say, or tells of a file of another size.
    """

    path: str
    part: str
    age: float | None
    told: int | None

    @property
    def live(self) -> bool:
        """Whether the newest version of the table names it."""
        return self.age is None


class _Named(NamedTuple):
    """What the log says of a live file."""

    size: int
    rows: int | None


class DiskTable:
    """A table's folder.

    Args:
        uri: folder or URI.
        wall: seconds since 1970, to tell a file's age.
    """

    def __init__(self, uri: str, wall: float) -> None:
        self._fs: fs.FileSystem = fs.LocalFileSystem()
        self._root = str(Path(uri).absolute())
        if "://" in uri:
            self._fs, self._root = fs.FileSystem.from_uri(uri)
        self._wall = wall
        self._live = self._replay()

    def files(self) -> list[DiskFile]:
        """Return every data file below the folder, whether or not the table still names it; none is opened."""
        found = []
        for entry in self._fs.get_file_info(fs.FileSelector(self._root, recursive=True)):
            name = entry.path[len(self._root) + 1 :]
            if entry.type != fs.FileType.File or not name.endswith(".parquet") or name.startswith("_delta_log"):
                continue
            part = name.split("/", 1)[0].partition("=")[2] if "/" in name else ""
            named = self._live.get(name)
            told = named.rows if named is not None and named.size == entry.size else None
            age = self._wall - (entry.mtime_ns or 0) / 1e9 if named is None else None
            found.append(DiskFile(name, unquote(part), age, told))
        missing = self._live.keys() - {file.path for file in found}
        if missing:
            raise LakeError(f"{len(missing)} data files that the table names are gone from {self._root}")
        return sorted(found, key=lambda file: file.path)

    def rows(self, file: DiskFile) -> int:
        """Return the number of rows of a file, as its own footer has it."""
        with self._opened(file) as parquet:
            return int(parquet.metadata.num_rows)

    def read(self, file: DiskFile, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield row groups of a file; columns that it does not have are left out."""
        with self._opened(file) as parquet:
            names = [name for name in columns if name in parquet.schema_arrow.names]
            for group in range(parquet.num_row_groups):
                yield parquet.read_row_group(group, columns=names)

    def statistics_leaks(self, allowed: frozenset[str]) -> int:
        """Count lines of the log that tell minimum or maximum of a column outside `allowed`."""
        leaks = 0
        for action in self._actions(self._commits()):
            stats = action.get("add", {}).get("stats")
            told = json.loads(stats) if stats else {}
            named = {*told.get("minValues", {}), *told.get("maxValues", {})}
            leaks += bool(named - allowed)
        return leaks

    @contextmanager
    def _opened(self, file: DiskFile) -> Iterator[pq.ParquetFile]:
        try:
            with pq.ParquetFile(f"{self._root}/{file.path}", filesystem=self._fs) as parquet:
                yield parquet
        except (pa.ArrowInvalid, OSError):
            raise LakeError(
                f"the data file {self._root}/{file.path} cannot be read: restore it from a copy, then run again"
            ) from None

    def _replay(self) -> dict[str, _Named]:
        live: dict[str, _Named] = {}
        commits = self._commits()
        checkpoint = self._newest_checkpoint()
        if checkpoint is not None:
            version, path = checkpoint
            with pq.ParquetFile(path, filesystem=self._fs) as parquet:
                adds = parquet.read(columns=["add.path", "add.size", "add.stats"])["add"].to_pylist()
            live = {unquote(add["path"]): _named(add) for add in adds if add and add["path"]}
            commits = [name for name in commits if int(Path(name).name.split(".")[0]) > version]
        for action in self._actions(commits):
            if "add" in action:
                live[unquote(action["add"]["path"])] = _named(action["add"])
            elif "remove" in action:
                live.pop(unquote(action["remove"]["path"]), None)
        return live

    def _actions(self, commits: Sequence[str]) -> Iterator[dict[str, Any]]:
        for path in commits:
            with self._fs.open_input_stream(path) as stream:
                for line in stream.read().splitlines():
                    yield json.loads(line)

    def _commits(self) -> list[str]:
        return sorted(path for path in self._log() if path.endswith(".json"))

    def _newest_checkpoint(self) -> tuple[int, str] | None:
        paths = sorted(path for path in self._log() if path.endswith(".checkpoint.parquet"))
        return (int(Path(paths[-1]).name.split(".")[0]), paths[-1]) if paths else None

    def _log(self) -> list[str]:
        found = self._fs.get_file_info(fs.FileSelector(f"{self._root}/_delta_log", allow_not_found=True))
        if not found:
            raise LakeError(f"there is no table at {self._root}: correct the register")
        return [entry.path for entry in found if entry.type == fs.FileType.File]


def _named(add: dict[str, Any]) -> _Named:
    return _Named(add["size"], _rows_told(add.get("stats") or "{}"))


@lru_cache(maxsize=10_000)
def _rows_told(stats: str) -> int | None:
    rows = json.loads(stats).get("numRecords")
    return None if rows is None else int(rows)
