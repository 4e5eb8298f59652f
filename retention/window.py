"""Between which dates a clock must lie for a row to be due in a month: a hint, by which a database reads less. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from governance.policy.retention import PERIODS
from retention.rules import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retention.datasets import Dataset

SLACK = timedelta(days=5)
"""More than zones, month ends and the day that is not counted can move a date."""
_YEAR = 12


@dataclass(frozen=True, slots=True)
class Window:
    """First and last date of the clock; every clock column is at most `last`, one is at least `first`."""

    columns: tuple[str, ...]
    first: date
    last: date


def window_of(dataset: Dataset, month: str) -> Window | None:
    """Return the window of a due month; None where the month does not follow from the clock alone."""
    clock, period = dataset.clock, PERIODS[dataset.retention]
    plain = not (clock.due or clock.ended or clock.unit or clock.last_changed or dataset.extension)
    if not plain or dataset.pick != "latest" or dataset.retention in AT_ONCE or month == "unknown":
        return None
    if not (period.months or period.days):
        return None
    first = _months_before(date.fromisoformat(f"{month}-01"), period.months)
    after = _months_before(_months_before(date.fromisoformat(f"{month}-01"), -1), period.months)
    days = timedelta(days=period.days)
    return Window(clock.names, first - days - SLACK, after - days + SLACK)


def window_over(dataset: Dataset, months: Sequence[str]) -> Window | None:
    """Return one window of several due months; None where one of them has none."""
    windows = [window_of(dataset, month) for month in months]
    known = [window for window in windows if window is not None]
    if not known or len(known) < len(windows):
        return None
    return Window(known[0].columns, min(w.first for w in known), max(w.last for w in known))


def _months_before(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 - months, _YEAR)
    return date(day.year + years, month + 1, 1)
