"""Files of a lake, in a folder or an object store: written so that they last, and errors that say what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import uuid
from typing import TYPE_CHECKING

from pyarrow import fs

from governance.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADVICE = {
    errno.ENOSPC: "the disk is full: make room",
    errno.EDQUOT: "the disk's quota is used up: raise it or make room",
    errno.EFBIG: "a file may not grow further (a limit of this process or of the disk): raise it",
    errno.EACCES: "this user may not write there: give it the folder (chown) or choose another --home or --lake",
    errno.EPERM: "this user may not write there: give it the folder (chown) or choose another --home or --lake",
    errno.EROFS: "the file system is read-only: mount it writable or choose another --home or --lake",
    errno.ENOTDIR: "a file stands where a folder should be: move it away or choose another --home or --lake",
}
_PROBE_BYTES = 64 * 1024


def filesystem_of(uri: str) -> tuple[fs.FileSystem, str]:
    """Return the file system of a table and the table's place in it."""
    if "://" in uri:
        filesystem, root = fs.FileSystem.from_uri(uri)
        return filesystem, root.rstrip("/")
    return fs.LocalFileSystem(), os.path.abspath(uri)  # noqa: PTH100 - deltalake resolves it the same way


@contextlib.contextmanager
def plain_errors(uri: str) -> Iterator[None]:
    """Turn what the disk says while `uri` is written into a sentence that says what to do next.

    Raises:
        LakeError: instead of any OSError.
    """
    try:
        yield
    except OSError as problem:
        raise unwritable(uri, problem) from None


def unwritable(uri: str, problem: OSError) -> LakeError:
    """Say that `uri` cannot be written, why, and what to do; errors of Arrow carry their number in the text's end."""
    advice = _ADVICE.get(problem.errno or 0)
    if advice is None:
        found = [
            text for number, text in _ADVICE.items() if re.search(rf"(\[errno|os error) {number}[\])]", str(problem))
        ]
        advice = found[0] if found else f"the disk refused ({type(problem).__name__}): look at it and at `ebb doctor`"
    return LakeError(f"{uri} cannot be written: {advice}, then run again; what was not committed is read again")


def probe(uri: str) -> None:
    """Write and remove a small file in the folder of a table, which is made if it is missing.

    Raises:
        LakeError: the place cannot be written.
    """
    filesystem, root = filesystem_of(uri)
    path = f"{root}/.probe-{uuid.uuid4().hex}"
    with plain_errors(uri):
        filesystem.create_dir(root, recursive=True)
        try:
            with filesystem.open_output_stream(path) as sink:
                sink.write(bytes(_PROBE_BYTES))
        finally:
            with contextlib.suppress(OSError):
                filesystem.delete_file(path)


def write_whole(filesystem: fs.FileSystem, path: str, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    filesystem.create_dir(path.rsplit("/", 1)[0], recursive=True)
    if not isinstance(filesystem, fs.LocalFileSystem):  # an object appears when it is complete
        with filesystem.open_output_stream(path) as sink:
            sink.write(content)
        return
    passing = f"{path}.{uuid.uuid4().hex}.tmp"
    with filesystem.open_output_stream(passing) as sink:
        sink.write(content)
    sync_path(filesystem, passing)
    filesystem.move(passing, path)
    sync_path(filesystem, path.rsplit("/", 1)[0])


def sync_path(filesystem: fs.FileSystem, path: str) -> None:
    """Bring a local file or folder to the disk; object stores need no such thing."""
    if isinstance(filesystem, fs.LocalFileSystem):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_quietly(filesystem: fs.FileSystem, path: str) -> None:
    """Remove a file; one that is not there is fine."""
    with contextlib.suppress(FileNotFoundError):
        filesystem.delete_file(path)
