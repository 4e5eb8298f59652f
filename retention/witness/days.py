"""When a row is due, worked out a second time, one value at a time: another algorithm than `retention.rules`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_YEARS = {"TXN": 3, "GOV": 3, "PROFILE": 3, "COMM": 1}
_DAYS = {"PRIZE": 90, "PERM": 90}
_HALF_YEAR = 6
_MONTHS_A_YEAR = 12
_EAST_EIGHT = timedelta(hours=8)
_FIRST_YEAR, _LAST_YEAR = 1901, 8999
_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}


NEVER = date.max
"""Stands for every day that is nobody's: databases write the ends of their calendar where they mean none."""


def day_of(value: object, zone: str, *, record: bool, unit: str | None = None) -> date | None:
    """Return the +08:00 date of a stored time; None if it is no time, `NEVER` before 1901 and after 8999."""
    try:
        found = _day(value, zone, record=record, unit=unit)
    except OverflowError:
        return NEVER
    return NEVER if found is not None and not _FIRST_YEAR <= found.year <= _LAST_YEAR else found


def known(day: date | None) -> date | None:
    """Return a day, unless it is nobody's."""
    return None if day == NEVER else day


def _day(value: object, zone: str, *, record: bool, unit: str | None) -> date | None:
    if isinstance(value, int) and unit is None:
        value = str(value)  # SQLite keeps 20231231 as a number in a column of dates
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, int) and not isinstance(value, bool) and unit is not None:
        value = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value * _UNITS[unit])
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else _later_reading(value, zone)
        return (aware.astimezone(UTC).replace(tzinfo=None) + _EAST_EIGHT).date()
    if isinstance(value, date):
        edge = datetime(value.year, value.month, value.day) + (  # noqa: DTZ001 - the zone follows
            timedelta(days=1, microseconds=-1) if record else timedelta()
        )
        return (_later_reading(edge, zone).astimezone(UTC).replace(tzinfo=None) + _EAST_EIGHT).date()
    return None


@lru_cache(maxsize=100_000)
def due_day(retention: str, start: date) -> date | None:
    """Return the first day on which a row of the class is due."""
    if retention in _DAYS:
        return start + timedelta(days=_DAYS[retention] + 1)
    if retention in _YEARS:
        return _next_day_in(start, start.year + _YEARS[retention], start.month)
    if retention == "LOG":
        months = start.month + _HALF_YEAR
        return _next_day_in(start, start.year + (months > _MONTHS_A_YEAR), (months - 1) % _MONTHS_A_YEAR + 1)
    return None


def silent_from(last: date) -> date:
    """Return the first day on which nothing has changed for twelve months."""
    return _next_day_in(last, last.year + 1, last.month)


def _next_day_in(start: date, year: int, month: int) -> date:
    """Return the day after the same day of another month, or that month's following first where it has no such day."""
    try:
        return date(year, month, start.day) + timedelta(days=1)
    except ValueError:
        return date(year + (month == _MONTHS_A_YEAR), month % _MONTHS_A_YEAR + 1, 1)


def _parsed(text: str) -> date | datetime | None:
    for kind in (date, datetime):
        try:
            return kind.fromisoformat(text)
        except ValueError:
            continue
    return None


def _later_reading(naive: datetime, zone: str) -> datetime:
    """Read a time in a zone; where the clocks were set back, the later of the two."""
    place = ZoneInfo("Asia/Shanghai" if zone == "+08:00" else zone)
    return max(naive.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
