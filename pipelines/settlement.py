"""The batch job behind `ebb vault settle`: orders whose completion is known move to their due month."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from governance.calendar import local_date
from governance.errors import KeyringError, LakeError, RefusedError
from governance.keys import EnvelopeOpener, OpsKey
from governance.ledger import Ledger
from pipelines.key_record import DESTROYED, note_in
from pipelines.settings import require_home, wall_clock
from retention.stores.delta import FencedTable, table_exists
from retention.vault.layout import open_counts, rows_under, vault_spec
from retention.vault.moving import MovedAwayError
from retention.vault.settling import Settled, plan_settlement, settle, stale_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from governance.keys import Keyring
    from governance.keys.scopes import Note
    from pipelines.settings import Settings
    from retention.vault.settling import Settlement

TRIES = 20
"""How often the job plans anew because a writer replaced a file meanwhile."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a settlement did.

    Attributes:
        moved: rows that moved to their due month.
        reopened: rows taken back from a due month, since a dispute was opened.
        renewed: rows without a clock that were put under a fresh key.
        keys_destroyed: open keys under which nothing lies any more.
        waiting: rows without a clock by "month of arrival, system" (R-RET-07).
    """

    moved: int = 0
    reopened: int = 0
    renewed: int = 0
    keys_destroyed: tuple[str, ...] = ()
    waiting: dict[str, int] = field(default_factory=dict)


def vault_exists(settings: Settings) -> bool:
    """Say whether there is a vault yet, which the first record of a transaction makes; UsageError without a home."""
    require_home(settings, settings.lake)
    return table_exists(vault_spec(settings.lake).uri)


def settle_vault(
    settings: Settings, ops_key_file: Path | None, now: datetime | None, progress: Callable[[int], None]
) -> Report:
    """Settle what was received before today; run again, it goes on where it was stopped.

    Args:
        settings: where lake and keyring are.
        ops_key_file: the private ops key; by default the one in the home.
        now: instead of the wall clock, for drills; never later than it.
        progress: told of rows as they are committed.

    Raises:
        RefusedError: `now` is later than the wall clock, or a sweep is at work.
        KeyringError: no ops key, or another one.
        LakeError: there is no vault, or writers left no gap.
    """
    wall = wall_clock()
    if now is not None and now > wall:
        raise RefusedError("--now lies in the future: nothing is settled before its time")
    keyring = settings.opener()
    opener = EnvelopeOpener(ops_key(ops_key_file or settings.ops_key_file, keyring), keyring)
    table = FencedTable(vault_spec(settings.lake))
    metadata = {"ebb.run": uuid.uuid4().hex, "ebb.purpose": "legal_duty"}
    if now is not None:
        metadata["ebb.now"] = now.isoformat()
    total = Settled()
    ledger = Ledger.open(settings.ledger_url)
    note = note_in(ledger, DESTROYED, keyring.identity, "ebb vault settle")
    with ledger.sweeping():  # no sweep may take a row for gone while it is on its way
        for _ in range(TRIES):
            table.refresh()
            plan = plan_settlement(table, local_date(now or wall), local_date(wall))
            try:
                settle(table, plan, opener, keyring, metadata=metadata, progress=progress, done=total)
            except MovedAwayError:
                continue
            gone = _destroy_stale(table, plan, keyring, wall, note)
            return Report(total.moved, total.reopened, total.renewed, gone, _waiting(table))
    raise LakeError("other writers kept replacing files of the vault: run it again when they are done")


def _waiting(table: FencedTable) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for row in open_counts(table).to_pylist():
        counted[f"{row['due_month']} {row['system']}"] += row["rows"]
    return dict(sorted(counted.items()))


def _destroy_stale(
    table: FencedTable, plan: Settlement, keyring: Keyring, wall: datetime, note: Note
) -> tuple[str, ...]:
    """Destroy open keys of past months that nothing is under: copies of rows before they moved do not open then."""
    alive = [info.key_id for info in keyring.due_keys() if info.destroyed is None]
    gone = []
    for key_id in stale_keys(alive, plan):
        if rows_under(table, key_id) == 0:
            keyring.destroy_due_date(key_id, wall, blocking=lambda one: rows_under(table, one), note=note)
            gone.append(key_id)
    return tuple(gone)


def ops_key(path: Path, keyring: Keyring) -> OpsKey:
    """Return the private ops key in a file; KeyringError if it is not this keyring's."""
    ops = OpsKey.from_file(path)
    if ops.public() != keyring.ops_public():
        raise KeyringError(f"{path} is not the ops key of this keyring: give the one that `ebb keys init` made")
    return ops
