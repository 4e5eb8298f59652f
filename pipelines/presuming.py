"""The steps behind `ebb vault waiting` and `ebb vault presume`: look, plan, approve, carry out (R-RET-07)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from governance.actors import folded
from governance.calendar import local_date
from governance.errors import EbbError, LakeError, RefusedError
from governance.keys import EnvelopeOpener
from governance.ledger import Ledger
from pipelines.settings import wall_clock
from pipelines.settlement import TRIES, ops_key
from retention.stores.delta import FencedTable
from retention.vault.layout import vault_spec
from retention.vault.moving import MovedAwayError
from retention.vault.presumption import (
    find_presumption,
    outcome,
    presume,
    presumed_settlement,
    record_presumption,
    require_approved,
)
from retention.vault.settling import settle
from retention.vault.waiting import look

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from pipelines.settings import Settings
    from retention.vault.presumption import Presumed, Presumption
    from retention.vault.waiting import Outlook


def waiting_now(settings: Settings, now: datetime | None) -> Outlook:
    """Say what waits in the vault without a clock, and why.

    Args:
        settings: where the lake is.
        now: instead of the wall clock.

    Raises:
        LakeError: there is no vault.
    """
    table = FencedTable(vault_spec(settings.lake))
    table.refresh()
    return look(table, local_date(now or wall_clock()))


def plan_presumption(settings: Settings, now: datetime | None, by: str) -> Presumption:
    """Propose the orders that may be presumed closed, and record the plan in the ledger.

    Raises:
        RefusedError: `now` is later than the wall clock.
        LakeError: there is no vault.
    """
    wall = wall_clock()
    if now is not None and now > wall:
        raise RefusedError("--now lies in the future: twelve months are over when they are over")
    plan = presume(waiting_now(settings, now), now=now or wall, wall=wall, drill=now is not None, by=by)
    record_presumption(Ledger.open(settings.ledger_url), plan, wall)
    return plan


def approve_presumption(settings: Settings, digest: str, by: str) -> Presumed:
    """Record that somebody approves exactly this plan.

    Raises:
        RefusedError: it expired, or who planned it must not approve it.
    """
    ledger, wall = Ledger.open(settings.ledger_url), wall_clock()
    found = find_presumption(ledger, digest)
    if wall >= found.plan.expires:
        raise RefusedError("this presumption expired: plan anew, and approve that")
    if settings.second_pair_of_eyes and folded(by) == folded(found.plan.by):
        raise RefusedError(f"{by} planned it: somebody else approves it")
    ledger.append("presumption.approval", found.digest, {"by": by, "rows": found.plan.rows}, wall)
    return find_presumption(ledger, found.digest)


def apply_presumption(
    settings: Settings, digest: str, ops_key_file: Path | None, progress: Callable[[int], None]
) -> Presumed:
    """Move the orders of an approved plan to their due month, as if closed at their last event.

    Called again after a crash it goes on, and after its end it does nothing.

    Raises:
        RefusedError: it must not be carried out, or a sweep is at work.
        KeyringError: no ops key, or another one.
        LakeError: other writers left no gap.
    """
    ledger = Ledger.open(settings.ledger_url)
    found = find_presumption(ledger, digest)
    if found.applied is not None:
        return found
    require_approved(found, wall_clock(), second_pair_of_eyes=settings.second_pair_of_eyes)
    if broken := ledger.first_broken():
        raise EbbError(f"entry {broken.number} of the ledger is {broken.what}: nothing is presumed on such a record")
    with ledger.sweeping():
        if not found.begun:
            ledger.append("presumption.begun", found.digest, {"rows": found.plan.rows}, wall_clock())
        content = _carry_out(settings, found, ops_key_file, progress)
        ledger.append("presumption.applied", found.digest, content, wall_clock())
    return find_presumption(ledger, found.digest)


def _carry_out(
    settings: Settings, found: Presumed, ops_key_file: Path | None, progress: Callable[[int], None]
) -> dict[str, int]:
    keyring, plan = settings.opener(), found.plan
    opener = EnvelopeOpener(ops_key(ops_key_file or settings.ops_key_file, keyring), keyring)
    table = FencedTable(vault_spec(settings.lake))
    metadata = {"ebb.run": uuid.uuid4().hex, "ebb.purpose": "legal_duty", "ebb.presumed": found.digest}
    if plan.drill:
        metadata["ebb.now"] = plan.now.isoformat()
    today, wall = local_date(plan.now), local_date(wall_clock())
    for _ in range(TRIES):
        table.refresh()
        settlement = presumed_settlement(plan, look(table, today), today, wall)
        try:
            settle(table, settlement, opener, keyring, metadata=metadata, progress=progress)
        except MovedAwayError:
            continue
        table.refresh()
        return outcome(plan, look(table, today))
    raise LakeError("other writers kept replacing files of the vault: run it again when they are done")
