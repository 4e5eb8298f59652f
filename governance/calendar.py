"""The calendar that promises are counted in: +08:00 dates."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime

CHINA = timezone(timedelta(hours=8), "+08:00")
"""Asia/Shanghai, which has had no other offset since 1991."""


def local_date(instant: datetime) -> date:
    """Return the +08:00 date of an aware instant.

    Raises:
        ValueError: the instant is naive.
    """
    if instant.tzinfo is None:
        raise ValueError("a naive time has no date: give it a zone")
    return instant.astimezone(CHINA).date()
