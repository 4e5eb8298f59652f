"""When a row of a retention class is due (R-RET-05, R-RET-06): pure counting of the calendar.

The first day is not counted. A month without the corresponding day ends the period on its last day. What is due
is due at 00:00, +08:00, of the day after the last day of the period.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.policy.rows import Retention

_MONTHS_A_YEAR = 12


@dataclass(frozen=True)
class Period:
    """How long a class lasts, and from when.

    Attributes:
        months: calendar months; days: calendar days; both 0 means that no calendar ends it.
        clock: the event that starts the count.
        words: the period for people.
    """

    clock: str
    words: str
    months: int = 0
    days: int = 0


PERIODS: Mapping[Retention, Period] = MappingProxyType(
    {
        "TXN": Period("completion of the transaction", "3 years, not less and not more", months=36),
        "LOG": Period("the earlier of event and arrival", "6 months", months=6),
        "PROFILE": Period("last activity", "at once on cancellation; 36 months without activity", months=36),
        "COMM": Period("end of the case or thread", "12 months", months=12),
        "CONTENT": Period("removal by the user or cancellation", "at once"),
        "PRIZE": Period("delivery of the prize", "90 days", days=90),
        "PERM": Period("collection", "90 days", days=90),
        "GOV": Period("last use of the record", "3 years", months=36),
        "NONE": Period("arrival", "never stored"),
    }
)


def due_date(retention_class: Retention, clock_date: date) -> date | None:
    """Return the +08:00 date at whose 00:00 a row is due; None if no calendar ends the class.

    Args:
        retention_class: class of R-RET-05.
        clock_date: +08:00 date on which the clock of the class started.
    """
    period = PERIODS[retention_class]
    if not period.months and not period.days:
        return None
    return after_months(clock_date, period.months) + timedelta(days=period.days)


def after_months(start: date, months: int) -> date:
    """Return the day after a period of calendar months that began on `start`, whose own day is not counted."""
    return _add_months(start, months) + timedelta(days=1)


def _add_months(start: date, months: int) -> date:
    years, month = divmod(start.month - 1 + months, _MONTHS_A_YEAR)
    year, month = start.year + years, month + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))
