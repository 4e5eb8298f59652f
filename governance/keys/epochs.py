"""Epochs of keys: calendar half-years for personal tokens, +08:00 dates for window tokens and sealing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8), "+08:00")
WINDOW_LIFE = timedelta(days=2)

_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)
_HALF_YEAR = re.compile(r"\d{4}H[12]", re.ASCII)
_EPOCH = re.compile(r"(\d{4}H[12])([b-z]?)", re.ASCII)
_LAST_MONTH_OF_FIRST_HALF = 6


def half_year(date: str) -> str:
    """Return the personal epoch of a +08:00 date: "2026-11-23" is in "2026H2"."""
    require_date(date)
    return f"{date[:4]}H{1 if int(date[5:7]) <= _LAST_MONTH_OF_FIRST_HALF else 2}"


def half_of(epoch: str) -> str:
    """Return the half-year of a personal epoch: "2026H2b", the second key of "2026H2", is of that one."""
    found = _EPOCH.fullmatch(epoch)
    if found is None:
        raise ValueError("the epoch of a personal key is a half-year such as 2026H2, with a letter if it was rotated")
    return found[1]


def successor(epoch: str) -> str | None:
    """Return the epoch after `epoch` within its half-year: "2026H2" is followed by "2026H2b"; None after "z"."""
    half = half_of(epoch)
    letter = epoch[len(half) :] or "a"
    return None if letter == "z" else half + chr(ord(letter) + 1)


def last_day(epoch: str) -> str:
    """Return the last +08:00 date of a personal epoch's half-year."""
    half = half_of(epoch)
    return f"{half[:4]}-06-30" if half.endswith("1") else f"{half[:4]}-12-31"


def china_date(instant: datetime) -> str:
    """Return the +08:00 date of an aware instant, as YYYY-MM-DD."""
    return require_aware(instant).astimezone(CHINA).date().isoformat()


def stamp(instant: datetime) -> str:
    """Return an aware instant as UTC text of fixed width, so that text order is time order."""
    return require_aware(instant).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def require_aware(instant: datetime) -> datetime:
    """Return `instant`, or raise ValueError if it carries no time zone."""
    if instant.utcoffset() is None:
        raise ValueError("an instant without a time zone: pass an aware datetime")
    return instant


def require_date(date: str) -> None:
    """Raise ValueError unless `date` reads YYYY-MM-DD."""
    if not _DATE.fullmatch(date):
        raise ValueError("the epoch of a window key is a date, YYYY-MM-DD")


def require_half_year(epoch: str) -> None:
    """Raise ValueError unless `epoch` reads like 2026H2."""
    if not _HALF_YEAR.fullmatch(epoch):
        raise ValueError("the epoch of a personal key is a half-year such as 2026H2")
