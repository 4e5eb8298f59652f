"""A table's log of commits as it lies on disk: what changed, what each commit said, and keeping the log short.

Whoever reads a Delta table lists its log, so a long log makes every commit slower. Commits older than the table's
`delta.logRetentionDuration` and than its last two checkpoints are therefore taken out of the log; what they said of
their run (`ebb.…`, no file names, no personal data) is first put into `_ebb_history/`, where sums stay readable: a line
a commit for 35 days, then one for each day and whatever else was said, with the same sums.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from pyarrow import fs

from retention.stores.disk import filesystem_of, remove_quietly, sync_path, write_whole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

HISTORY = "_ebb_history"
SINGLE = timedelta(days=35)
"""How long the history tells of each commit by itself."""
CHECKPOINT_EVERY = 50
"""Commits between two checkpoints."""

READER, WRITER = 1, 2
"""Protocol of the tables that ebb makes."""

_LOOK_EVERY = 10
_LONGEST_WRITE = timedelta(hours=1)
_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(\.\d+\.\d+|\.[0-9a-f-]+)?\.(?:parquet|json)")
_CHUNK = re.compile(r"(\d{20})-(\d{20})\.ndjson\.gz")
_INTERVAL = re.compile(r"interval (\d+) (second|minute|hour|day|week)s?")
_KEPT = ("timestamp", "operation")
_COUNTS = ("ebb.rows", "ebb.sum", "ebb.commits")
_OF_ONE = ("version", "timestamp", "ebb.commit", "ebb.started", "ebb.published")
_DAY = 86_400_000
"""Milliseconds."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file of a table: its path inside the table and its partition's value."""

    path: str
    partition: str
    rows: int


@dataclass(frozen=True, slots=True)
class Changes:
    """Files that were added and taken away between two versions."""

    added: tuple[DataFile, ...]
    removed: tuple[DataFile, ...]

    def touch(self, partition: str) -> bool:
        """Say whether a file of a partition is among them."""
        return any(file.partition == partition for file in (*self.added, *self.removed))

    def took(self, paths: Collection[str]) -> bool:
        """Say whether one of these files was taken away."""
        return any(file.path in paths for file in self.removed)


class CommitLog:
    """The log of the table at `uri`; looks at the disk at every call."""

    def __init__(self, uri: str) -> None:
        self._filesystem, root = filesystem_of(uri)
        self.local = isinstance(self._filesystem, fs.LocalFileSystem)
        self._log = f"{root}/_delta_log"
        self._history = f"{root}/{HISTORY}"

    def put(self, version: int, actions: list[dict[str, Any]]) -> bool:
        """Put a commit as `version` on a local disk, whole and synced; False if that version is there already.

        Raises:
            OSError: the disk refused; the commit may be there all the same.
        """
        path, passing = self._path(version), f"{self._path(version)}#{uuid.uuid4().hex}"
        try:
            with Path(passing).open("w", encoding="utf-8") as sink:
                sink.writelines(json.dumps(action, separators=(",", ":")) + "\n" for action in actions)
                sink.flush()
                os.fsync(sink.fileno())
            os.link(passing, path)  # fails where there is one, whoever wrote it
            sync_path(self._filesystem, self._log)
        except FileExistsError:
            return False
        finally:
            Path(passing).unlink(missing_ok=True)
        return True

    def changes(self, since: int, upto: int) -> Changes | None:
        """Return what the versions after `since` changed, up to `upto`; None where a commit is gone from the log."""
        added: list[DataFile] = []
        removed: list[DataFile] = []
        for version in range(since + 1, upto + 1):
            actions = self.actions(version)
            if actions is None:
                return None
            for action in actions:
                if "add" in action:
                    rows = json.loads(action["add"].get("stats") or "{}").get("numRecords", 0)
                    added.append(_data_file(action["add"], rows))
                elif "remove" in action:
                    removed.append(_data_file(action["remove"], 0))
        return Changes(tuple(added), tuple(removed))

    def commits(self, newest: int, number: int | None) -> list[dict[str, Any]]:
        """Return what the `number` commits up to version `newest` said (all when None), newest first."""
        last = -1 if number is None else max(-1, newest - number)
        found: list[dict[str, Any]] = []
        for version in range(newest, last, -1):
            said = self._said(version)
            if said is None:
                older = {entry["version"]: entry for entry in self._archived(last, version)}
                return found + [older[key] for key in sorted(older, reverse=True)]
            found.append(said)
        return found

    def last_checkpoint(self) -> int:
        """Return the version of the last checkpoint, -1 without one."""
        try:
            with self._filesystem.open_input_stream(f"{self._log}/_last_checkpoint") as source:
                return int(json.loads(source.read())["version"])
        except (FileNotFoundError, ValueError, KeyError):
            return -1

    def of_newer_version(self) -> bool:
        """Say whether the newest protocol in the log asks for more than ebb's own tables do."""
        for name in sorted(self._listed(), reverse=True):
            if found := _COMMIT.fullmatch(name):
                for action in self.actions(int(found[1])) or ():
                    if "protocol" in action:
                        asked = action["protocol"]
                        return bool(asked["minReaderVersion"] > READER or asked["minWriterVersion"] > WRITER)
        return False

    def wants_checkpoint(self, version: int) -> bool:
        """Say whether the commit of `version` is the one after which the log is to be shortened."""
        return version % _LOOK_EVERY == 0 and version - self.last_checkpoint() >= CHECKPOINT_EVERY

    def shorten(self, now: datetime, retention: timedelta) -> int:
        """Take out what lies before the last checkpoint but one and is older than `retention`; return how many commits.

        Killed at any point and called again, it loses and doubles nothing: a commit goes when what it said is kept.
        """
        entries = self._listed()
        checkpoints = sorted({int(found[1]) for name in entries if (found := _CHECKPOINT.fullmatch(name))})
        if len(checkpoints) < 2:  # noqa: PLR2004 - readers may be at the last but one
            return 0
        cut = checkpoints[-2]
        # The first versions that are all old enough: a gap in the middle would mislead readers.
        gone = []
        for name in sorted(entries):
            found = _COMMIT.fullmatch(name)
            if found and int(found[1]) < cut:
                if now - entries[name].mtime < retention:
                    cut = int(found[1])
                    break
                gone.append(int(found[1]))
        self.keep_said(gone)
        for version in gone:
            remove_quietly(self._filesystem, self._path(version))
        for name, entry in entries.items():
            found = _CHECKPOINT.fullmatch(name)
            left_by_a_crash = ".json#" in name and now - entry.mtime >= _LONGEST_WRITE
            if left_by_a_crash or (found and int(found[1]) < cut and now - entry.mtime >= retention):
                remove_quietly(self._filesystem, entry.path)
        return len(gone)

    def keep_said(self, versions: Iterable[int] | None = None) -> None:
        """Put what commits said (all in the log when None) into the history, unless it is there."""
        if versions is None:
            versions = [int(found[1]) for name in self._listed() if (found := _COMMIT.fullmatch(name))]
        ordered = sorted(versions)
        kept = [(first, last) for first, last, _ in self._chunks()]
        fresh = [version for version in ordered if not any(first <= version <= last for first, last in kept)]
        for first, last in _runs(fresh):
            lines = [
                json.dumps(said) for version in range(first, last + 1) if (said := self._said(version)) is not None
            ]
            content = gzip.compress("\n".join(lines).encode(), mtime=0)
            write_whole(self._filesystem, f"{self._history}/{first:020d}-{last:020d}.ndjson.gz", content)

    def merge_history(self) -> int:
        """Put all parts of the history into one; return how many there were. Two at once do no harm."""
        chunks = sorted(self._chunks())
        runs = _joined((first, last) for first, last, _ in chunks)
        for first, last in runs:
            parts = [path for begin, end, path in chunks if first <= begin and end <= last]
            whole = f"{self._history}/{first:020d}-{last:020d}.ndjson.gz"
            if len(parts) > 1:
                entries = {entry["version"]: entry for path in parts for entry in self._read_chunk(path)}
                lines = "\n".join(json.dumps(entries[version]) for version in sorted(entries))
                write_whole(self._filesystem, whole, gzip.compress(lines.encode(), mtime=0))
                for path in parts:
                    if path != whole:
                        remove_quietly(self._filesystem, path)
        return len(chunks)

    def fold_history(self, now: datetime) -> int:
        """Add up what commits older than `SINGLE` said, by day and all that is no count; return how many lines went.

        Parts that touch or overlap are left alone: one may hold by itself what another has added up. A part is replaced
        in one step, so killed at any point it counts nothing twice.
        """
        chunks, gone = sorted(self._chunks()), 0
        if len(list(_joined((first, last) for first, last, _ in chunks))) < len(chunks):
            return 0
        for _, _, path in chunks:
            entries = self._read_chunk(path)
            folded = _folded(entries, int((now - SINGLE).timestamp() * 1000))
            if len(folded) < len(entries):
                lines = "\n".join(json.dumps(entry) for entry in folded)
                write_whole(self._filesystem, path, gzip.compress(lines.encode(), mtime=0))
                gone += len(entries) - len(folded)
        return gone

    def _said(self, version: int) -> dict[str, Any] | None:
        actions = self.actions(version)
        if actions is None:
            return None
        info: dict[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
        said = {name: value for name, value in info.items() if name in _KEPT or name.startswith("ebb.")}
        return {"version": version, **said}

    def actions(self, version: int) -> list[dict[str, Any]] | None:
        """Return the actions of a version's commit; None where it is not in the log."""
        try:
            with self._filesystem.open_input_stream(self._path(version)) as source:
                return [json.loads(line) for line in source.read().splitlines() if line]
        except FileNotFoundError:
            return None

    def _archived(self, after: int, upto: int) -> Iterator[dict[str, Any]]:
        for first, last, path in self._chunks():
            if first <= upto and last > after:
                yield from (entry for entry in self._read_chunk(path) if after < entry["version"] <= upto)

    def _read_chunk(self, path: str) -> list[dict[str, Any]]:
        try:
            with self._filesystem.open_input_stream(path, compression=None) as source:
                return [json.loads(line) for line in gzip.decompress(source.read()).splitlines()]
        except FileNotFoundError:  # merged meanwhile: the whole one holds it
            return []

    def _chunks(self) -> list[tuple[int, int, str]]:
        listed = self._filesystem.get_file_info(fs.FileSelector(self._history, allow_not_found=True))
        return [
            (int(found[1]), int(found[2]), entry.path)
            for entry in listed
            if (found := _CHUNK.fullmatch(entry.base_name))
        ]

    def _listed(self) -> dict[str, fs.FileInfo]:
        listed = self._filesystem.get_file_info(fs.FileSelector(self._log, allow_not_found=True))
        return {entry.base_name: entry for entry in listed}

    def _path(self, version: int) -> str:
        return f"{self._log}/{version:020d}.json"


def file_actions(
    partition: str,
    files: Sequence[DataFile],
    sizes: Sequence[int | None],
    removed: Sequence[DataFile],
    now: int,
    *,
    data_change: bool,
) -> list[dict[str, Any]]:
    """Return what a commit does to files, as the log writes it."""
    added = [
        {
            "path": quote(file.path, safe="/="),
            "partitionValues": {partition: file.partition},
            "size": size,
            "modificationTime": now,
            "dataChange": data_change,
            "stats": json.dumps({"numRecords": file.rows}),
        }
        for file, size in zip(files, sizes, strict=True)
    ]
    gone = [
        {
            "path": quote(file.path, safe="/="),
            "partitionValues": {partition: file.partition},
            "deletionTimestamp": now,
            "dataChange": data_change,
            "extendedFileMetadata": False,
        }
        for file in removed
    ]
    return [*({"remove": one} for one in gone), *({"add": one} for one in added)]


def interval(text: str | None) -> timedelta:
    """Read an interval as Delta writes it; 30 days, Delta's default, where there is none."""
    found = _INTERVAL.fullmatch((text or "interval 30 days").strip())
    if found is None:
        return timedelta(days=30)
    return timedelta(**{f"{found[2]}s": int(found[1])})


def _data_file(action: dict[str, Any], rows: int) -> DataFile:
    values = list((action.get("partitionValues") or {}).values())
    return DataFile(unquote(action["path"]), values[0] if values else "", rows)


def _runs(versions: list[int]) -> Iterator[tuple[int, int]]:
    return _joined((version, version) for version in versions)


def _joined(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join sorted ranges that touch or overlap."""
    current: tuple[int, int] | None = None
    for first, last in ranges:
        if current and first <= current[1] + 1:
            current = (current[0], max(current[1], last))
        else:
            if current:
                yield current
            current = (first, last)
    if current:
        yield current


def _folded(entries: list[dict[str, Any]], before: int) -> list[dict[str, Any]]:
    """Return entries by version, those of before an instant (milliseconds since 1970) added up."""
    found: dict[Any, dict[str, Any]] = {}
    for entry in sorted(entries, key=lambda one: int(one["version"])):
        counts = _counts_of(entry)
        if counts is None or entry.get("timestamp", before) >= before:
            found[entry["version"]] = entry
            continue
        said = json.dumps({name: entry[name] for name in sorted(entry.keys() - {*_OF_ONE, *_COUNTS})})
        alike = (entry["timestamp"] // _DAY, said, *counts)
        total = _plus(counts, (_counts_of(found[alike]) if alike in found else None) or {})
        newest = {name: value for name, value in entry.items() if name not in {"ebb.commit", "ebb.started"}}
        found[alike] = newest | {name: json.dumps(value, sort_keys=True) for name, value in total.items()}
    return sorted(found.values(), key=lambda one: int(one["version"]))


def _counts_of(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what can be added up of what a commit said; None where it cannot be read."""
    told = {"ebb.commits": "1", **entry}
    try:
        counts = {name: json.loads(told[name]) for name in _COUNTS if name in told}
    except (ValueError, TypeError):
        return None
    return counts if all(isinstance(value, int | dict) for value in counts.values()) else None


def _plus(left: Any, right: Any) -> Any:
    """Add numbers, and dictionaries of numbers name by name; what one lacks counts 0."""
    if isinstance(left, dict) or isinstance(right, dict):
        one, other = left or {}, right or {}
        return {name: _plus(one.get(name, 0), other.get(name, 0)) for name in {**one, **other}}
    return left + right
