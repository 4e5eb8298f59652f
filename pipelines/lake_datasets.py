"""The lake's own tables as a register of datasets: nobody has to write them down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from retention.datasets import Clock, Dataset, Register, StoreSpec
from retention.stores.lake import DeltaStore

if TYPE_CHECKING:
    from collections.abc import Iterator

LAKE = "lake"
STREAMS = ("service_log", "equipment")
FLOOR = "three years from completion of the transaction (R-RET-02)"
STATISTICS = {
    "analytics": frozenset({"event_hour"}),
    "personal": frozenset({"event_hour"}),
    "dead_letters": frozenset({"stage", "code"}),
    "vault": frozenset({"due_date"}),
}
"""Columns whose minimum and maximum the tables' logs may tell, by first part of the dataset's id."""


def lake_register(lake: str) -> Register:
    """Return the register of the lake's tables, whether or not they are there yet."""
    return Register(stores=(StoreSpec(id=LAKE, kind="delta", url=lake),), datasets=tuple(_datasets()))


def existing(lake: str) -> frozenset[str]:
    """Return the tables that are there; none without a lake."""
    if "://" not in lake and not Path(lake).is_dir():
        return frozenset()
    return DeltaStore(lake).tables()


def statistics_of(dataset: Dataset) -> frozenset[str]:
    """Return the columns that the log of a lake's table may tell of."""
    return STATISTICS.get(dataset.id.partition(".")[0], frozenset())


def _datasets() -> Iterator[Dataset]:
    for stream in STREAMS:
        for audience in ("analytics", "personal"):
            yield Dataset(
                id=f"{audience}.{stream}",
                store=LAKE,
                table=f"{audience}/{stream}",
                system="all",
                role="copy",
                retention="LOG",
                zone="+08:00",
                clock=Clock(due="due_date"),
                subject="subject" if audience == "personal" else None,
            )
    yield Dataset(
        id="dead_letters",
        store=LAKE,
        table="dead_letters",
        system="all",
        role="copy",
        retention="PERM",
        zone="+08:00",
        clock=Clock(due="due_date"),
        subject="probe",
        crypto="dead_letters",
    )
    yield Dataset(
        id="vault.transactions",
        store=LAKE,
        table="vault/transactions",
        system="all",
        role="record",
        retention="TXN",
        zone="+08:00",
        clock=Clock(columns=("completed_date",), due="due_date"),
        subject="probe",
        floor_source=FLOOR,
        month="due_month",
        crypto="vault",
    )
