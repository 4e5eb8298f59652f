"""The ledger to read, and its own payloads as a dataset: they have a due date too, and go as everything else does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from governance.errors import UsageError
from governance.ledger import Ledger
from pipelines.settings import require_home
from retention.datasets import Clock, Dataset, Register, StoreSpec
from retention.ledger_use import LEDGER

if TYPE_CHECKING:
    from pipelines.settings import Settings

STORE: Final = "ledger"
_SQLITE = "sqlite:///"


def ledger_to_read(settings: Settings) -> Ledger:
    """Return the ledger for a command that only reads, which makes none: before the first entry it is empty.

    Raises:
        UsageError: see `is_made`.
    """
    return Ledger.open(settings.ledger_url) if is_made(settings) else Ledger.empty()


def is_made(settings: Settings) -> bool:
    """Say whether there is a ledger yet.

    Raises:
        UsageError: home, or the file that the setting ledger_url names, is not there: all would seem well.
    """
    require_home(settings, settings.ledger_url)
    if is_there(settings.ledger_url):
        return True
    file = Path(settings.ledger_url.removeprefix(_SQLITE))
    if file != settings.home / "ledger.sqlite":
        raise UsageError(
            f"there is no ledger {file.absolute()}: correct the setting ledger_url, or make it with "
            "`ebb database upgrade`"
        )
    return False


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
    path = ledger_url.removeprefix(_SQLITE)
    return path == ledger_url or path.startswith("file:") or Path(path).is_file()
