"""Files that a crashed write left behind: no commit names them, so no vacuum of the log finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyarrow import fs

from retention.stores.delta import attempts
from retention.stores.disk import filesystem_of, plain_errors, remove_quietly

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from retention.stores.delta import FencedTable

_ASIDE = "_orphan-"
"""Readers of Delta tables pass over names that begin with an underscore."""


def remove_orphans(table: FencedTable, now: datetime, older: timedelta) -> int:
    """Remove data files that no commit names and that are older than the longest write; return how many.

    Guarantees:
        A file that a writer may still commit is never lost, even if that writer sleeps for a day between its look at
        the file and its commit: files are first set aside, then the fence is moved, which refuses every commit that
        was prepared before, and only what is not in the table after that is removed. Every later commit looks first
        whether its files are there. Killed in the middle, the next call goes on.
    """
    filesystem, root = filesystem_of(table.uri)
    listed = [entry for entry in _data_files(filesystem, root) if entry.path.endswith(".parquet")]
    aside = {entry.path for entry in listed if entry.base_name.startswith(_ASIDE)}
    table.refresh()
    known = {f"{root}/{file.path}" for file in table.files()} | {f"{root}/{path}" for path in table.taken_away()}
    orphans = [
        entry.path
        for entry in listed
        if entry.path not in known and entry.path not in aside and now - entry.mtime > older
    ]
    if not orphans and not aside:
        return 0
    with plain_errors(table.uri):
        for path in orphans:
            folder, _, name = path.rpartition("/")
            filesystem.move(path, f"{folder}/{_ASIDE}{name}")
            aside.add(f"{folder}/{_ASIDE}{name}")
    _move_fence(table)
    live = {f"{root}/{file.path}" for file in table.files()}
    removed = 0
    with plain_errors(table.uri):
        for path in sorted(aside):
            first = path.replace(f"/{_ASIDE}", "/")
            if first in live:  # its writer was faster than the fence
                filesystem.move(path, first)
            else:
                remove_quietly(filesystem, path)
                removed += 1
    return removed


def _move_fence(table: FencedTable) -> None:
    for _ in attempts():
        table.refresh()
        if table.commit([], {"ebb.action": "orphans"}):
            return


def _data_files(filesystem: fs.FileSystem, root: str) -> list[fs.FileInfo]:
    found = []
    for entry in filesystem.get_file_info(fs.FileSelector(root, allow_not_found=True)):
        if entry.type == fs.FileType.Directory and not entry.base_name.startswith(("_", ".")):
            inside = filesystem.get_file_info(fs.FileSelector(entry.path, recursive=True))
            found += [one for one in inside if one.type == fs.FileType.File]
    return found
