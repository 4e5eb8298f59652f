"""Put a keyring's backup back, without bringing to life what was destroyed since.

    keys of the backup − destroyed since (by the ledger, by marks of the keyring that is there) = keys restored
    names of keys that were made since and are lost: spent, so that no other key takes them

What was destroyed is left out before anything is written: it is in no file, log or free page of the new keyring.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, insert, select

from governance.errors import KeyringError, RefusedError, counted
from governance.keys import backup as backups
from governance.keys import epochs, store
from governance.keys.backup import SALT, from_text, scope_of
from governance.keys.files import clear_drafts, private_draft, publish
from governance.keys.rotation import LEAST_EPOCH
from governance.keys.scopes import CIPHER, DESTROYED, PERSONAL, SEALING, Scope
from governance.keys.store import FACTS, KEYS, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from governance.keys.backup import Backup, Rows

_HALF_YEARS = (PERSONAL, CIPHER)
_DRAFTS = timedelta(hours=1)
_LETTERS = 25


class Known(NamedTuple):
    """What is known outside the backup.

    Attributes:
        destroyed: keys that were destroyed at some time.
        made: keys that were made by rotation at some time.
        restores: how often this keyring was restored before.
    """

    destroyed: frozenset[Scope] = frozenset()
    made: frozenset[Scope] = frozenset()
    restores: int = 0


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        keys: keys that are there now.
        buried: keys of the backup that had been destroyed since, and are not there.
        lost: keys that were made since and are not there; those of which somebody knows.
    """

    keys: frozenset[Scope]
    buried: frozenset[Scope]
    lost: frozenset[Scope]


def restore(
    url: str, backup: Backup, known: Known, wall: datetime, *, over: bool, record: Callable[[Restored], None]
) -> Restored:
    """Make the keyring at `url` what the backup says, less what was destroyed since.

    Args:
        url: of the keyring: missing or without keys, or the one that the backup is of.
        backup: read, and its root key checked.
        known: what ledger and rotation tell.
        wall: the wall clock.
        over: replace keys that are there.
        record: told of the outcome before it counts; if it fails, nothing is changed.

    Guarantees:
        One transaction, or one new file that gets its name when it is whole: killed at any moment, the keyring is as it
        was or as the backup says.

    Raises:
        RefusedError: there are keys already, and `over` was not said.
        KeyringError: another keyring is there.
    """
    path = store.file_of(url)
    if path is None or path.exists():
        return _write(url, backup, known, wall, over=over, record=record)
    _refuse_leftovers(path)
    clear_drafts(path.parent, path.name, wall - _DRAFTS)
    with private_draft(path) as draft:
        done = _write(f"sqlite:///{draft}", backup, known, wall, over=over, record=record)
        if not publish(draft, path):
            raise KeyringError(f"another process made {path} meanwhile: look at it, then try again")
    return done


def _write(
    url: str, backup: Backup, known: Known, wall: datetime, *, over: bool, record: Callable[[Restored], None]
) -> Restored:
    engine = store.connect(url)
    store.make_wal(engine)
    with store.writing(engine) as connection:
        if store.SCHEMA.revision(connection) != store.SCHEMA.revisions[-1]:
            store.SCHEMA.upgrade(connection)
        there, marks = _present(connection, backup)
        if there and not over:
            raise RefusedError(
                f"the keyring {store.place(url)} holds {counted(len(there), 'key')}: nothing was changed; "
                "stop what uses it, and give --over to put the backup in its place"
            )
        destroyed = known.destroyed | marks
        made = known.made | there
        kept = backup.scopes() - destroyed
        done = Restored(frozenset(kept), frozenset(backup.scopes() & destroyed), frozenset(made - kept - destroyed))
        spent = destroyed | {scope for scope in done.lost if scope.use in _HALF_YEARS}
        _fill(connection, backup, spent, _least_epoch(backup, known, wall), epochs.stamp(wall))
        record(done)
    store.forget_deleted(engine)
    return done


def _present(connection: Connection, backup: Backup) -> tuple[frozenset[Scope], frozenset[Scope]]:
    """Return the keys that are there, and those that marks say were destroyed; both empty in a keyring without keys."""
    rows = [row._asdict() for row in connection.execute(select(KEYS).where(KEYS.c.expires.is_(None)))]
    if not rows:
        return frozenset(), frozenset()
    salt = connection.execute(select(FACTS.c.value).where(FACTS.c.name == SALT)).scalar_one_or_none()
    if salt is None or backups.identity_of(bytes(salt)) != backup.keyring:
        raise KeyringError(
            "the keyring that is there is another one, with keys of its own: nothing was changed; move it away first, "
            "or point keyring_url elsewhere"
        )
    live = frozenset(scope_of(row) for row in rows if not backups.is_mark(row))
    marks = (scope_of(row) for row in rows if backups.is_mark(row))
    return live, frozenset(m._replace(use=SEALING) if m.use == DESTROYED else m for m in marks)


def _fill(connection: Connection, backup: Backup, spent: frozenset[Scope], least: str, when: str) -> None:
    """Replace every row by the backup's, without keys that are spent, which leave a mark."""
    for table in TABLES:
        connection.execute(delete(table))
        rows = [from_text(table.name, row) for row in _kept(backup.tables[table.name], spent)]
        if rows:
            connection.execute(insert(table), rows)
    connection.execute(delete(FACTS).where(FACTS.c.name == LEAST_EPOCH))
    connection.execute(insert(FACTS).values(name=LEAST_EPOCH, value=least.encode()))
    wanted = {mark for scope in spent if (mark := _mark_of(scope)) is not None}
    there = {scope_of(row) for row in backup.tables[KEYS.name] if backups.is_mark(row)}
    marks = [{**scope._asdict(), "wrapped": b"", "made": when} for scope in sorted(wanted - there)]
    if marks:
        connection.execute(insert(KEYS), marks)


def _kept(rows: Rows, spent: frozenset[Scope]) -> Rows:
    """Leave out what is of a spent key; facts are of none, and marks stay."""
    return [row for row in rows if "epoch" not in row or scope_of(row) not in spent or _marks(row)]


def _marks(row: dict[str, Any]) -> bool:
    return "wrapped" in row and backups.is_mark(row)


def _mark_of(scope: Scope) -> Scope | None:
    """Return the mark that a destroyed key leaves; None for a day's pair, whose name comes once only."""
    if scope.use in _HALF_YEARS:
        return scope
    if scope.use == SEALING and scope.purpose.startswith("vault."):
        return scope._replace(use=DESTROYED)
    return None


def _least_epoch(backup: Backup, known: Known, wall: datetime) -> str:
    """Return the name from which on keys of half-years are made: none that a key lost since may have had.

    Streams make the first key of a half-year by themselves, and nobody writes that down.
    """
    told = next((row["value"] for row in backup.tables[FACTS.name] if row["name"] == LEAST_EPOCH), None)
    before = 0 if told is None else ord(base64.b64decode(told)[-1:]) - ord("a")
    letter = min(max(known.restores, before) + 1, _LETTERS)
    return epochs.half_year(epochs.china_date(wall)) + chr(ord("a") + letter)


def _refuse_leftovers(path: Path) -> None:
    """Refuse a log without its file: SQLite would take it for the new file's."""
    for ending in ("-wal", "-journal"):
        left = path.with_name(path.name + ending)
        if left.exists():
            raise KeyringError(f"{left} is left of a keyring whose file is gone: move it away, then restore")
