"""What the ledger knows of keys: those destroyed, those made by rotation, and restores (R-DEL-08, R-ADM-02).

A backup of the keyring does not know what was destroyed after it; the ledger does. Each entry is written before the
deed, inside the keyring's transaction: a crash in between leaves a key that is destroyed again, never one that was
destroyed without anybody's knowing.

    keys.destroyed, keys.rotated, keys.restored      reference: the keyring's id; content: names of keys, no keys
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from governance.calendar import local_date
from governance.errors import LedgerError
from governance.keys.restoring import Known
from governance.keys.scopes import Scope
from governance.policy.retention import due_date
from pipelines.settings import wall_clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.keys.scopes import Note
    from governance.ledger import Entry, Ledger

DESTROYED, ROTATED, RESTORED = "keys.destroyed", "keys.rotated", "keys.restored"
_REMEMBERED = timedelta(days=366)
"""Names of half-years' keys are needed no longer: events that old have expired on arrival."""


def note_in(ledger: Ledger, kind: str, keyring: str, why: str) -> Note:
    """Return what writes keys down.

    Args:
        ledger: the installation's.
        kind: `DESTROYED` or `ROTATED`.
        keyring: its id.
        why: the command or the plan that does it.
    """

    def note(scopes: Sequence[Scope]) -> None:
        content = {"why": why, "keys": [list(scope) for scope in scopes]}
        ledger.append(kind, keyring, content, wall_clock())

    return note


def known_of(ledger: Ledger, keyring: str) -> Known:
    """Return what the ledger tells of the keys of a keyring.

    Raises:
        LedgerError: an entry no longer tells its keys, before that was due: a key could come back with a backup.
    """
    found: dict[str, set[Scope]] = {DESTROYED: set(), ROTATED: set()}
    wall = wall_clock()
    restores, since = 0, (wall - _REMEMBERED).isoformat()
    for entry in ledger.entries("keys.", keyring):
        if entry.kind == RESTORED:
            restores += entry.recorded > since
        elif entry.kind in found:
            if entry.payload is None:
                _require_due(entry, wall)
            found[entry.kind].update(Scope(*parts) for parts in entry.content.get("keys", ()))
    return Known(frozenset(found[DESTROYED]), frozenset(found[ROTATED]), restores)


def _require_due(entry: Entry, wall: datetime) -> None:
    """Refuse to go on without what an entry said, unless it went because it was due."""
    try:
        due = due_date("GOV", local_date(datetime.fromisoformat(entry.recorded)))
    except ValueError:
        due = None
    if due is None or local_date(wall) < due:
        raise LedgerError(
            f"entry {entry.number} of the ledger lacks what it said of keys, before that was due: restore the ledger "
            "first, or a destroyed key could come back"
        )
