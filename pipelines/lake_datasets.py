"""The lake's own tables as a register of datasets: nobody has to write them down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from retention.datasets import Clock, Dataset, Register, StoreSpec
from retention.stores.lake import DeltaStore
from transforms.deid.plan import column_catalog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from governance.policy import Catalogue

LAKE = "lake"
EVERY_SYSTEM = "all"
"""The system of a dataset that holds rows of several."""
VAULT = "vault.transactions"
STREAMS = ("service_log", "equipment")
FLOOR = "three years from completion of the transaction (R-RET-02)"
SEARCHES = "search_"
"""How the inventory's fields of searches begin (R-RET-09)."""
STATISTICS = {
    "analytics": frozenset({"event_hour"}),
    "personal": frozenset({"event_hour"}),
    "dead_letters": frozenset({"stage", "code"}),
    "vault": frozenset({"due_date"}),
}
"""Columns whose minimum and maximum the tables' logs may tell, by first part of the dataset's id."""


def lake_register(lake: str, searches: Sequence[str] = ()) -> Register:
    """Return the register of the lake's tables, whether or not they are there yet.

    Args:
        lake: root of the lake.
        searches: columns of the service log that hold searches.
    """
    return Register(stores=(StoreSpec(id=LAKE, kind="delta", url=lake),), datasets=tuple(_datasets(tuple(searches))))


def search_columns(catalogue: Catalogue) -> list[str]:
    """Return the columns that the inventory's fields of searches become in the service log."""
    notes = column_catalog(catalogue, STREAMS[0])
    return list(dict.fromkeys(note.column for note in notes if note.field.startswith(SEARCHES)))


def existing(lake: str) -> frozenset[str]:
    """Return the tables that are there; none without a lake."""
    if "://" not in lake and not Path(lake).is_dir():
        return frozenset()
    return DeltaStore(lake).tables()


def statistics_of(dataset: Dataset) -> frozenset[str]:
    """Return the columns that the log of a lake's table may tell of."""
    return STATISTICS.get(dataset.id.partition(".")[0], frozenset())


def _datasets(searches: tuple[str, ...]) -> Iterator[Dataset]:
    for stream in STREAMS:
        for audience in ("analytics", "personal"):
            yield Dataset(
                id=f"{audience}.{stream}",
                store=LAKE,
                table=f"{audience}/{stream}",
                system=EVERY_SYSTEM,
                role="copy",
                retention="LOG",
                zone="+08:00",
                clock=Clock(due="due_date"),
                subject="subject" if audience == "personal" else None,
                event="event_date",
                searches=searches if (audience, stream) == ("personal", STREAMS[0]) else (),
                systems="system",
            )
    yield Dataset(
        id="dead_letters",
        store=LAKE,
        table="dead_letters",
        system=EVERY_SYSTEM,
        role="copy",
        retention="PERM",
        zone="+08:00",
        clock=Clock(due="due_date"),
        subject="probe",
        event="received_date",
        crypto="dead_letters",
    )
    yield Dataset(
        id=VAULT,
        store=LAKE,
        table="vault/transactions",
        system=EVERY_SYSTEM,
        role="record",
        retention="TXN",
        zone="+08:00",
        clock=Clock(columns=("completed_date",), due="due_date"),
        subject="probe",
        floor_source=FLOOR,
        month="due_month",
        crypto="vault",
    )
