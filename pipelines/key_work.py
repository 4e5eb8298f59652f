"""Rotating and destroying keys of half-years, safely beside streams that run."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from governance.errors import UsageError
from governance.keys import china_date, half_year
from governance.keys.epochs import half_of, last_day
from governance.ledger import Ledger
from governance.policy.retention import due_date
from pipelines.epoch_rows import rows_under
from pipelines.key_record import DESTROYED, ROTATED, note_in
from pipelines.settings import wall_clock

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from governance.keys.rotation import Chosen
    from governance.keys.scopes import Scope
    from pipelines.settings import Settings

SETTLED_AFTER = timedelta(seconds=10)
"""How long after a rotation a stream may still be committing rows under the old key."""


def half_year_now() -> str:
    """Return the half-year that it is now, +08:00."""
    return half_year(china_date(wall_clock()))


def rotate_keys(settings: Settings, half: str, chosen: Chosen) -> list[Scope]:
    """Give the chosen keys of a half-year successors; return those.

    Raises:
        UsageError: there is no such key.
    """
    if _half(half) != half:
        raise UsageError(f"rotate a half-year: {_half(half)}")
    keyring = settings.opener()
    note = note_in(Ledger.open(settings.ledger_url), ROTATED, keyring.identity, "ebb keys rotate")
    made = keyring.rotate(half, chosen, wall_clock(), note=note)
    if not made:
        raise UsageError(f"no such key of {half}: `ebb keys list` shows which there are; the first is made when needed")
    return made


def destructible(settings: Settings, epoch: str, chosen: Chosen) -> list[Scope]:
    """Return the keys that `destroy_keys` would destroy.

    Raises:
        UsageError: there is none, or it was destroyed before.
    """
    _half(epoch)
    scopes = settings.opener().half_year_keys(epoch, chosen)
    if not scopes:
        raise UsageError(f"there is no such key of {epoch}, or no longer: `ebb keys list` shows which there are")
    return scopes


def destroy_keys(settings: Settings, epoch: str, chosen: Chosen, say: Callable[[str], None]) -> list[Scope]:
    """Destroy keys of an epoch; one that is in use is rotated first.

    Guarantees:
        The lake is looked at before anything is done, and again after streams have turned to the next key.

    Raises:
        RefusedError: rows under the epoch are not due, or are held.
    """
    keyring, ledger = settings.opener(), Ledger.open(settings.ledger_url)
    why = f"ebb keys destroy {epoch}"
    _refuse_needed(settings, epoch, chosen)
    if _may_be_used(epoch):
        since = keyring.unused_since(epoch, chosen)
        if since is None:
            rotated = note_in(ledger, ROTATED, keyring.identity, why)
            keyring.rotate(half_of(epoch), chosen, wall_clock(), newest=epoch, note=rotated)
            since = keyring.unused_since(epoch, chosen)
        assert since is not None
        if since:
            _settle(datetime.fromisoformat(since), say)
    rows = rows_under(settings, epoch)
    note = note_in(ledger, DESTROYED, keyring.identity, why)
    return keyring.destroy_epoch(epoch, chosen, wall_clock(), blocking=lambda scope: rows[scope.system], note=note)


def _refuse_needed(settings: Settings, epoch: str, chosen: Chosen) -> None:
    rows = rows_under(settings, epoch)
    keyring = settings.opener()
    needed: Counter[str] = rows
    if any(needed[scope.system] for scope in keyring.half_year_keys(epoch, chosen)):
        # Says which, and destroys nothing.
        keyring.destroy_epoch(epoch, chosen, wall_clock(), blocking=lambda scope: needed[scope.system])


def _may_be_used(epoch: str) -> bool:
    """Say whether events of the half-year can still come; older ones have expired on arrival."""
    due = due_date("LOG", date.fromisoformat(last_day(epoch)))
    return due is None or due.isoformat() > china_date(wall_clock())


def _settle(since: datetime, say: Callable[[str], None]) -> None:
    rest = (since + SETTLED_AFTER - wall_clock()).total_seconds()
    if rest > 0:
        say(f"waiting {rest:.0f} s: streams that run turn to the new key")
        time.sleep(rest)


def _half(epoch: str) -> str:
    try:
        return half_of(epoch)
    except ValueError as problem:
        raise UsageError(str(problem)) from None
