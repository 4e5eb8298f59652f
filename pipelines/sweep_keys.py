"""Keys that go with their rows: a due date's key of the vault, a day's key of dead letters (R-ADM-02)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from governance.calendar import local_date
from governance.errors import KeyringError, RefusedError
from governance.keys import EnvelopeOpener, KeyDestroyedError, OpsKey, keyring_exists
from pipelines.key_record import DESTROYED, note_in
from pipelines.settings import wall_clock
from retention import holds as legal
from retention.stores.delta import FencedTable, open_table
from retention.vault.layout import due_date_of, rows_under, vault_spec
from retention.vault.moving import hold_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime

    import pyarrow as pa

    from governance.ledger import Ledger
    from pipelines.settings import Settings
    from retention.datasets import Dataset
    from retention.holds import Hold
    from retention.plan import Unit
    from retention.stores.delta import Table

DEAD_LETTERS = "dead_letters"
_CASE = "case:"


def preparation(settings: Settings, dataset: Dataset) -> Callable[[Unit, Sequence[Hold]], None] | None:
    """Return what must happen to a unit before its rows go; None for tables without keys of their own.

    In the vault, rows that are held are first put under the key of their case, in files of their own; what was heard
    of again counts as a case of the day.
    """
    if dataset.crypto != "vault":
        return None

    def put_under_case(unit: Unit, standing: Sequence[Hold]) -> None:
        holds = legal.of_dataset(standing, dataset)
        if not holds:
            return
        if not settings.ops_key_file.exists():
            raise RefusedError(
                "a case, or news of an order, holds records of the vault, and they must be put under a key of their "
                f"own first: bring the ops key to {settings.ops_key_file}, then run the command again"
            )
        keyring = settings.opener()
        opener = EnvelopeOpener(OpsKey.from_file(settings.ops_key_file), keyring)
        table = FencedTable(vault_spec(settings.lake))
        for hold in holds:
            table.refresh()
            files = [file for file in table.files() if file.partition == unit.part]
            metadata = {"ebb.action": "hold", "ebb.case": hold.case}
            held = _Held(hold, dataset)
            try:
                hold_rows(table, files, held, hold.case, opener=opener, keyring=keyring, metadata=metadata)
            except KeyDestroyedError as problem:
                raise KeyringError(
                    f"{problem}, so case {hold.case} cannot keep it: release the hold, or sweep the other datasets"
                ) from None

    return put_under_case


@dataclass(frozen=True)
class _Held:
    """Marks the rows of the vault that one hold lists."""

    hold: Hold
    dataset: Dataset

    def __call__(self, rows: pa.Table) -> np.ndarray:
        mask = legal.held([self.hold], self.dataset, rows, ("event_key",))
        return np.zeros(rows.num_rows, bool) if mask is None else mask


def require_keys(settings: Settings, dataset: Dataset) -> None:
    """Refuse to begin where the keys that go with a dataset's rows cannot be destroyed with them.

    Raises:
        KeyringError: the keyring or its root key is missing or wrong.
    """
    if dataset.crypto is not None:
        settings.opener()


def destroy_keys(
    settings: Settings, dataset: Dataset, now: datetime, holds: Sequence[Hold], *, ledger: Ledger, why: str
) -> list[str]:
    """Destroy the keys of rows that are all gone, and return their names; again returns none.

    Args:
        settings: where lake and keyring are.
        dataset: whose rows went.
        now: the plan's instant.
        holds: those that stand.
        ledger: told of each key before it goes.
        why: what the ledger is told.

    Guarantees:
        A key is destroyed only when no row under it is there, which is counted right before; the keyring refuses a
        date that has not come by the wall clock. The key of a day's dead letters outlives the day after.
    """
    if dataset.crypto is None or not keyring_exists(settings.keyring_url):
        return []
    keyring, today = settings.opener(), local_date(now).isoformat()
    note = note_in(ledger, DESTROYED, keyring.identity, why)
    if dataset.crypto == DEAD_LETTERS:
        letters = open_table(f"{settings.lake}/{dataset.table}")
        days = _days_over(letters, keyring.sealing_days(DEAD_LETTERS), local_date(now))
        return [
            f"{DEAD_LETTERS} {day}"
            for day in days
            if keyring.destroy_day_key(DEAD_LETTERS, day, blocking=lambda day: _sealed_on(letters, day), note=note)
        ]
    standing = {hold.case for hold in holds}
    table = open_table(vault_spec(settings.lake).uri)
    used = _rows_by_key(table, today)
    names = [key.key_id for key in keyring.due_keys() if key.destroyed is None and not used[key.key_id]]
    over = [name for name in names if _is_over(name, today, standing)]
    # A case may hold rows of any date: its rows are counted in the whole table.
    over = [name for name in over if not (name.startswith(_CASE) and rows_under(table, name))]
    return keyring.destroy_due_dates(over, wall_clock(), blocking=used.__getitem__, note=note)


def _days_over(letters: Table, days: Sequence[str], today: date) -> list[str]:
    """Return the days under whose key no dead letter lies, nor will: bundles of before midnight commit after it."""
    sealed = set(pc.unique(letters.dataset().to_table(columns=["day"])["day"]).to_pylist())
    yesterday = (today - timedelta(days=1)).isoformat()
    return [day for day in days if day < yesterday and day not in sealed]


def _sealed_on(letters: Table, day: str) -> int:
    """Count the letters under a day's key as the table is now."""
    letters.refresh()
    return int(letters.dataset().count_rows(filter=pc.field("day") == day))


def _rows_by_key(table: Table, today: str) -> Counter[str]:
    """Count the rows under each key of a date until `today`.

    Rows of a file have one due date, and are under its key, an open month's or a case's: files of later dates are
    counted by their names and never opened.
    """
    used: Counter[str] = Counter()
    for file in table.files():
        due = due_date_of(file)
        if due is not None and due > today:
            used[due] += file.rows
            continue
        keys = pc.value_counts(table.column(file, "key_id"))
        used.update({entry["values"]: entry["counts"] for entry in keys.to_pylist()})
    return used


def _is_over(name: str, today: str, standing: set[str]) -> bool:
    """Say whether a key without rows may go: its date has come, or its case was released; open months stay."""
    if name.startswith(_CASE):
        return name.removeprefix(_CASE) not in standing
    return name[:1].isdigit() and name <= today
