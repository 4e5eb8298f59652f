"""`ebb keys backup` and `ebb keys restore`: where files go, what the ledger adds, and what is said afterwards."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from governance.errors import LedgerError, RefusedError, UsageError
from governance.keys import china_date, half_year
from governance.keys.backup import LIFE, read_backup
from governance.keys.files import clear_drafts
from governance.keys.restoring import Known, restore
from governance.keys.scopes import CIPHER, PERSONAL, SEALING
from governance.ledger import Ledger
from governance.policy.retention import due_date
from pipelines.key_record import RESTORED, known_of
from pipelines.settings import read_root_key, wall_clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from governance.keys import Keyring
    from governance.keys.backup import Backup
    from governance.keys.restoring import Restored
    from governance.keys.scopes import Scope
    from pipelines.settings import Settings

AHEAD = 2
"""Days for which a backup makes keys ahead: one more than there are between two backups."""
DEAD_LETTERS = "dead_letters"
_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"keyring-(\d{8}T\d{6}Z)\.json", re.ASCII)
_DRAFTS = timedelta(hours=1)


class BackedUp(NamedTuple):
    """What a backup did: the file, the keys in it, and the older files removed."""

    path: Path
    keys: int
    removed: list[Path]


def back_up(settings: Settings, target: Path, keep: timedelta | None) -> BackedUp:
    """Write a backup of the keyring, then remove older ones.

    Args:
        settings: where keyring and ledger are.
        target: a new file; or a folder, in which the file is named by the instant.
        keep: remove the folder's backups that are as old as that or older.

    Raises:
        UsageError: the file is there, or `keep` was given with a file.
        RefusedError: `keep` is longer than R-DEL-08 allows.
    """
    if keep is not None and not target.is_dir():
        raise UsageError(f"--keep removes older backups from a folder: {target} is none, make it first")
    if keep is not None and keep < timedelta(days=1):
        raise UsageError("--keep takes a day or more, or the backup just made would go too: give --keep 34d")
    if keep is not None and keep > LIFE:
        raise RefusedError(f"backups are cleared within {LIFE.days} days (R-DEL-08): give --keep {LIFE.days}d or less")
    wall = wall_clock()
    path = target / f"keyring-{wall.strftime(_STAMP)}.json" if target.is_dir() else target
    keyring = settings.opener()
    make_ahead(keyring, wall)
    # The ledger first: what is destroyed after this line stands behind the entry that the backup names.
    head = Ledger.open(settings.ledger_url).head()
    keys = keyring.back_up(path, wall, head)
    return BackedUp(path, keys, [] if keep is None else _remove_older(target, wall - keep, wall))


def make_ahead(keyring: Keyring, wall: datetime) -> None:
    """Make the keys that streams would make by themselves until the backup after the next one, so that it holds them.

    Only of kinds that are in use: a day's pair of dead letters, the vault's open month and the due dates of what is
    completed in these days, the next half-year's keys. A first key of another kind is lost with a lost keyring.
    """
    in_use = [key for key in keyring.keys(wall) if key.state == "active"]
    sealing = {key.purpose for key in in_use if key.use == SEALING}
    for instant in (wall + timedelta(days=number) for number in range(AHEAD + 1)):
        day = china_date(instant)
        if DEAD_LETTERS in sealing:
            keyring.sealer(DEAD_LETTERS, instant)
        if any(purpose.startswith("vault.") for purpose in sealing):
            due = due_date("TXN", date.fromisoformat(day))
            keyring.due_date_publics([f"open-{day[:7]}", str(due)])
        for key in in_use:
            named = (key.purpose, key.system, key.recipient, "account", half_year(day))
            if key.use == PERSONAL:
                keyring.token_key(*named)
            elif key.use == CIPHER:
                keyring.cipher_key(*named)


def restore_backup(settings: Settings, path: Path, *, over: bool, without_ledger: bool) -> tuple[Backup, Restored]:
    """Put a backup back, bury again what the ledger says was destroyed, and write that into the ledger.

    Args:
        settings: where keyring and ledger are.
        path: the backup.
        over: replace the keys that are there.
        without_ledger: the ledger is lost; keys that were destroyed since come back to life, and the ledger is told.

    Raises:
        RefusedError: the backup is too old, keys are there, a sweep is at work, or the ledger is said to be lost and is
            whole.
        LedgerError: the ledger is broken, or does not reach back to the backup.
        KeyringError: see `read_backup` and `restore`.
    """
    wall = wall_clock()
    backup = read_backup(path, read_root_key(settings.root_key_file))
    backup.require_young(wall)
    ledger = Ledger.open(settings.ledger_url)
    with ledger.sweeping():  # no sweep may destroy a key meanwhile
        known = _known_of_lost(ledger, backup) if without_ledger else _known(ledger, backup)

        def record(done: Restored) -> None:
            content = {
                "made": backup.made.isoformat(),
                "over": over,
                "ledger": "not read" if without_ledger else "read",
                "keys": len(done.keys),
                "buried": _lists(done.buried),
                "lost": _lists(done.lost),
            }
            ledger.append(RESTORED, backup.keyring, content, wall_clock())

        done = restore(settings.keyring_url, backup, known, wall, over=over, record=record)
    return backup, done


def _known(ledger: Ledger, backup: Backup) -> Known:
    """Return what the ledger tells, if it is whole and the one that was there when the backup was made."""
    if broken := ledger.first_broken(backup.ledger):
        raise LedgerError(
            f"entry {broken.number} of the ledger is {broken.what}: it does not tell what was destroyed since the "
            "backup; restore the ledger first. If it is lost, --without-ledger restores all keys of the backup, "
            "destroyed ones too"
        )
    return known_of(ledger, backup.keyring)


def _known_of_lost(ledger: Ledger, backup: Backup) -> Known:
    """Return that nothing is known; RefusedError if the ledger tells what was destroyed after all (R-DEL-08)."""
    try:
        _known(ledger, backup)
    except LedgerError:
        return Known()
    raise RefusedError(
        "the ledger is there and whole: it says which keys were destroyed, and they stay so. Nothing was changed; run "
        "the command again without --without-ledger"
    )


def _remove_older(folder: Path, before: datetime, wall: datetime) -> list[Path]:
    """Remove backups whose name says they are older, and drafts that killed processes left."""
    removed = []
    for path in sorted(folder.iterdir()):
        named = _NAME.fullmatch(path.name)
        if named and datetime.strptime(named[1], _STAMP).replace(tzinfo=UTC) <= before:
            path.unlink(missing_ok=True)
            removed.append(path)
    clear_drafts(folder, "keyring-*.json", wall - _DRAFTS)
    return removed


def _lists(scopes: frozenset[Scope]) -> Sequence[list[str]]:
    return [list(scope) for scope in sorted(scopes)]
