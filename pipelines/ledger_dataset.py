"""The ledger's own payloads as a dataset: they have a due date too, and go by the same command as everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from retention.datasets import Clock, Dataset, Register, StoreSpec
from retention.ledger_use import LEDGER

STORE: Final = "ledger"
_SQLITE = "sqlite:///"


def ledger_register() -> Register:
    """Return the register of the ledger; where it lies is a setting, and may hold a password."""
    payloads = Dataset(
        id=LEDGER,
        store=STORE,
        table="ebb_ledger_payloads",
        system="all",
        role="record",
        retention="GOV",
        zone="+08:00",
        clock=Clock(columns=("recorded",)),
        key=("number",),
        personal=False,
        floor_source="three years from the last use of the record (R-RET-05)",
    )
    return Register(stores=(StoreSpec(id=STORE, kind="sql", url="ledger_url"),), datasets=(payloads,))


def is_there(ledger_url: str) -> bool:
    """Say whether there is a ledger, without making one; a server's is taken to be there."""
    return not ledger_url.startswith(_SQLITE) or Path(ledger_url.removeprefix(_SQLITE)).is_file()
