"""A copy of the keyring in one file, and how it is read back: everything wrapped and sealed as it lies there.

    {"format": …, "made": …, "destroy_by": …, "keyring": …, "ledger": {"entry": …, "link": …},
     "tables": {name: [{column: value}]}, "sha256": …, "mac": …}

Binary values are base64. `sha256` finds damage; `mac`, under a key derived from the root key, finds a file that
somebody else wrote. Window keys are left out: in a file they would outlive their two days.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from sqlalchemy import LargeBinary, select

from governance.errors import KeyringError, RefusedError, UsageError
from governance.keys import store
from governance.keys.files import read_private, write_new
from governance.keys.handles import Handle
from governance.keys.scopes import Scope
from governance.keys.store import FACTS, TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from governance.keys.root import RootKey

FORMAT: Final = "ebb.keyring-backup.v1"
LIFE: Final = timedelta(days=35)
"""No backup is restored after this, and none should be kept (R-DEL-08)."""
SALT, CHECK = "salt", "check"
_SEALS = ("sha256", "mac")

Rows = list[dict[str, Any]]


class Backup(NamedTuple):
    """What a backup holds.

    Attributes:
        made: when.
        keyring: id of the keyring it is of.
        ledger: number and link of the ledger's last entry right before.
        tables: rows by table and column, keys wrapped and sealed.
    """

    made: datetime
    keyring: str
    ledger: tuple[int, str]
    tables: dict[str, Rows]

    def scopes(self) -> set[Scope]:
        """Return the scopes of the keys that are in it."""
        return live_scopes(self.tables)

    def require_young(self, wall: datetime) -> None:
        """Refuse a backup that should be gone (R-DEL-08).

        Raises:
            RefusedError: it is older than 35 days, or of a time to come.
        """
        if self.made > wall + timedelta(minutes=5):
            raise RefusedError("this machine's clock is before the backup was made: set the clock right first")
        age = wall - self.made
        if age > LIFE:
            raise RefusedError(
                f"this backup is {age.days} days old, and none is restored after {LIFE.days} (R-DEL-08): "
                "take a younger one and destroy this; if there is none, begin anew with `ebb keys init`"
            )


class BackupKeys(Handle):
    """The part of a keyring that is copied."""

    __slots__ = ()

    _engine: Engine
    _root: RootKey
    _salt: bytes

    @property
    def identity(self) -> str:
        """A name of this keyring, by which ledger and backups tell it from others: 16 hexadecimal digits."""
        return identity_of(self._salt)

    def back_up(self, path: Path, made: datetime, ledger: tuple[int, str]) -> int:
        """Write a backup to a new file of mode 0600, whole or not at all; return the number of keys in it.

        Args:
            path: must not be there yet.
            made: the wall clock.
            ledger: number and link of the ledger's last entry, read before this is called.

        Guarantees:
            All tables as they were at one moment, though others write. Nothing is unwrapped: without root key and
            ops key the file opens nothing.

        Raises:
            UsageError: there is a file of that name.
        """
        with store.snapshot(self._engine) as connection:
            tables = {
                table.name: [
                    {name: _to_text(value) for name, value in row._mapping.items()}  # noqa: SLF001 - SQLAlchemy's API
                    for row in connection.execute(select(table))
                    if row._mapping.get("expires") is None  # noqa: SLF001
                ]
                for table in TABLES
            }
        document = {
            "format": FORMAT,
            "made": made.astimezone(UTC).isoformat(timespec="microseconds"),
            "destroy_by": (made.astimezone(UTC) + LIFE).date().isoformat(),
            "keyring": self.identity,
            "ledger": {"entry": ledger[0], "link": ledger[1]},
            "tables": tables,
        }
        text = _canonical(document)
        seals = {"sha256": hashlib.sha256(text).hexdigest(), "mac": _mac(self._root, self._salt, text).hex()}
        if not write_new(path, json.dumps({**document, **seals}, indent=1) + "\n"):
            raise UsageError(f"there is a file {path}: a backup replaces none, give another name")
        return len(live_scopes(tables))


def read_backup(path: Path, root: RootKey) -> Backup:
    """Read a backup back.

    Raises:
        KeyringError: the file is missing, open to others, damaged, of another format, or another root key's.
    """
    try:
        document = json.loads(read_private(path, "the backup"))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise KeyringError(f"{path} is not a keyring's backup of this version ({FORMAT}), or it is cut off")
    text = _canonical({name: value for name, value in document.items() if name not in _SEALS})
    if document.get("sha256") != hashlib.sha256(text).hexdigest():
        raise KeyringError(f"the backup {path} is damaged: take another copy")
    backup = _parsed(path, document)
    salt = _fact(backup.tables, SALT)
    if not compare_digest(_fact(backup.tables, CHECK), check_of(root, salt)):
        raise KeyringError(
            f"the root key does not belong to the backup {path}: give the one its keyring was made with, by "
            "EBB_ROOT_KEY or the setting root_key_file"
        )
    if backup.keyring != identity_of(salt) or document.get("mac") != _mac(root, salt, text).hex():
        raise KeyringError(f"the backup {path} was changed after it was made: take another copy, and find out who")
    return backup


def identity_of(salt: bytes) -> str:
    """Return the name of the keyring with this salt."""
    return hashlib.sha256(b"ebb keyring v1" + salt).hexdigest()[:16]


def check_of(root: RootKey, salt: bytes) -> bytes:
    """Return the value by which a root key is known for a keyring's, without any of its keys."""
    return root.derive("ebb", "v1", "check", salt=salt)


def live_scopes(tables: dict[str, Rows]) -> set[Scope]:
    """Return the scopes of the keys in tables of a backup; marks of destroyed ones are none."""
    return {scope_of(row) for row in tables[store.KEYS.name] if not is_mark(row)}


def scope_of(row: dict[str, Any]) -> Scope:
    """Return what a row is for."""
    return Scope(*(row[name] for name in Scope._fields))


def is_mark(row: dict[str, Any]) -> bool:
    """Say whether a row of the table of keys marks one that was destroyed."""
    return not row["wrapped"] and row["public"] is None


def from_text(table_name: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its binary values as the database takes them."""
    table = next(table for table in TABLES if table.name == table_name)
    return {
        name: base64.b64decode(value) if value is not None and isinstance(table.c[name].type, LargeBinary) else value
        for name, value in row.items()
    }


def _to_text(value: Any) -> Any:
    return base64.b64encode(bytes(value)).decode() if isinstance(value, (bytes, memoryview)) else value


def _parsed(path: Path, document: dict[str, Any]) -> Backup:
    """Return what a whole file says; KeyringError if tables or columns are another version's."""
    expected = {table.name: {column.name for column in table.columns} for table in TABLES}
    try:
        tables, ledger = document["tables"], document["ledger"]
        known = all(set(row) == expected[name] for name in tables for row in tables[name])
        if known and set(tables) == set(expected):
            made = datetime.fromisoformat(document["made"])
            return Backup(made, document["keyring"], (ledger["entry"], ledger["link"]), tables)
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise KeyringError(f"the backup {path} is of another version of ebb: restore it with that one, then upgrade")


def _fact(tables: dict[str, Rows], name: str) -> bytes:
    return next((base64.b64decode(row["value"]) for row in tables[FACTS.name] if row["name"] == name), b"")


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _mac(root: RootKey, salt: bytes, text: bytes) -> bytes:
    mac = HMAC(root.derive("ebb", "v1", "backup", salt=salt), SHA256())
    mac.update(text)
    return mac.finalize()
