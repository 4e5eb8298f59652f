"""What the ledger knows of keys: those destroyed, those made by rotation, and restores (R-DEL-08, R-ADM-02).

A backup of the keyring does not know what was destroyed after it; the ledger does. Each entry is written before the
deed, inside the keyring's transaction: a crash in between leaves a key that is destroyed again, never one that was
destroyed without anybody's knowing.

    keys.destroyed, keys.rotated, keys.restored      reference: the keyring's id; content: names of keys, no keys
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from governance.keys.restoring import Known
from governance.keys.scopes import Scope
from pipelines.settings import wall_clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.keys.scopes import Note
    from governance.ledger import Ledger

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
    """Return what the ledger tells of the keys of a keyring."""
    found: dict[str, set[Scope]] = {DESTROYED: set(), ROTATED: set()}
    restores, since = 0, (wall_clock() - _REMEMBERED).isoformat()
    for entry in ledger.entries("keys.", keyring):
        if entry.kind == RESTORED:
            restores += entry.recorded > since
        elif entry.kind in found:
            found[entry.kind].update(Scope(*parts) for parts in entry.content.get("keys", ()))
    return Known(frozenset(found[DESTROYED]), frozenset(found[ROTATED]), restores)
