"""Files that hold secrets: theirs alone to read, and complete or absent, never half written."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from governance.errors import KeyringError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@contextmanager
def private_draft(path: Path) -> Iterator[Path]:
    """Yield an empty file of mode 0600 beside `path`; it is gone afterwards, unless `publish` gave it a second name."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as problem:
        raise KeyringError(
            f"cannot write in {path.parent} ({problem.strerror}): check the folder and its owner"
        ) from None
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def publish(draft: Path, path: Path) -> bool:
    """Give the finished `draft` its name at once; False if another process was first, whose file then stands."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError as problem:
        raise KeyringError(f"cannot make {path} ({problem.strerror}): use a disk that allows hard links") from None
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # a key must outlive a power cut as surely as the rows made with it
    finally:
        os.close(folder)
    return True


def write_new(path: Path, content: str) -> bool:
    """Write `content` to a new file of mode 0600; False, and nothing changed, if there is one already."""
    with private_draft(path) as draft:
        with draft.open("w", encoding="ascii") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return publish(draft, path)


def clear_drafts(folder: Path, name: str, before: datetime) -> None:
    """Remove drafts of files called `name` (a pattern) that a killed process left before an instant."""
    for draft in folder.glob(f".{name}.*"):
        if draft.stat().st_mtime < before.timestamp():
            draft.unlink(missing_ok=True)


def read_private(path: Path, what: str) -> str:
    """Return the text of a secret's file; KeyringError if it is missing or open to other users."""
    try:
        with path.open(encoding="ascii") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise KeyringError(f"{what} {path} is open to other users: chmod 600 {path}")
            return file.read().strip()
    except FileNotFoundError:
        raise KeyringError(
            f"{what} {path} is missing: restore it, or run `ebb keys init` for a first keyring"
        ) from None
    except UnicodeDecodeError:
        raise KeyringError(f"{what} {path} is not text: it holds 32 bytes as hexadecimal or base64") from None
    except OSError as problem:
        raise KeyringError(f"{what} {path} cannot be read ({problem.strerror})") from None
