"""Whether an ending makes a row due, worked out a second time, a row at a time: other code than the sweep's."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING, Any

from retention.witness.days import day_of, known
from retention.witness.listed import as_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from retention.datasets import Dataset
    from retention.endings import Ending, Endings

_EAST_EIGHT = timedelta(hours=8)
_FLOORS = ("TXN", "LOG", "GOV")
_ENDS_WITH_ACCOUNT = ("PROFILE", "CONTENT", "PERM", "COMM")


def columns_of(dataset: Dataset, endings: Endings) -> Iterator[str]:
    """Yield the columns that tell whom an ending lists, and of which day a row is."""
    if endings.listed:
        named = (dataset.subject, dataset.event, dataset.systems, *dataset.searches)
        yield from (name for name in named if name is not None)


def ended_on(
    dataset: Dataset, values: dict[str, Any], endings: Endings, start: date | None, today: date
) -> date | None:
    """Return the first day on which a row is due by an ending; None if by none.

    Args:
        dataset: whose row.
        values: the row's, by column.
        endings: on the list.
        start: +08:00 date on which the row's clock started.
        today: +08:00 date to judge by.
    """
    on = known(day_of(values.get(dataset.event), "+08:00", record=False)) if dataset.event else start
    if on is None or on >= today or (dataset.role == "record" and dataset.retention in _FLOORS):
        return None
    days = []
    for ending in endings.listed:
        last = (ending.until.astimezone(UTC).replace(tzinfo=None) + _EAST_EIGHT).date()
        if on <= last and _is_of(ending, dataset) and _is_listed(ending, dataset, values, endings):
            days.append(last)
    return min(days, default=None)


def _is_of(ending: Ending, dataset: Dataset) -> bool:
    copy = dataset.role != "record"
    return {
        "service": True,
        "account": copy or dataset.retention in _ENDS_WITH_ACCOUNT,
        "orders": copy and dataset.retention == "TXN",
        "searches": bool(dataset.searches),
    }[ending.scope]


def _is_listed(ending: Ending, dataset: Dataset, values: dict[str, Any], endings: Endings) -> bool:
    if ending.scope == "service":
        return (values.get(dataset.systems) if dataset.systems else dataset.system) in ending.values
    who = values.get(dataset.subject) if dataset.subject else None
    if who is None:
        return False
    text = str(as_text(who))
    if ending.scope == "searches" and all(values.get(name) is None for name in dataset.searches):
        return False
    if endings.name is None:
        return text in ending.values
    system = values.get(dataset.systems) if dataset.systems else dataset.system
    return system is not None and endings.name(str(system), text) in ending.values
