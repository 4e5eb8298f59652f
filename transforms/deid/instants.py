"""Reading times: RFC 3339 text with a zone becomes microseconds in UTC; text without one may be given one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

INSTANT = pa.timestamp("us", "UTC")
NO_ZONE, NOT_A_TIME = "TIME_NO_ZONE", "SCHEMA_TYPE"
_EPOCH, _TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _TICK
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _TICK
_LONGEST = 80
"""Characters of a time; a longer text is none, and would only fill the memory of those read before."""
_FINER = re.compile(r"(\.\d{6})\d+")


def parse(text: str) -> datetime | str:
    """Return the instant that `text` names, or a reason code."""
    try:
        instant = datetime.fromisoformat(_FINER.sub(r"\1", text.strip()))
        return instant.astimezone(UTC) if instant.utcoffset() is not None else NO_ZONE
    except (ValueError, OverflowError):
        return NOT_A_TIME


def parse_all(texts: Sequence[str]) -> tuple[pa.Array, dict[int, str]]:
    """Return the instants, and by row the code of those that cannot be read; their instant is null.

    Arrow reads them in one go; only if it balks at one, or knows a year that Python does not, are they read one by one.
    """
    try:
        instants = pa.array(texts, pa.string()).cast(INSTANT)
    except pa.ArrowInvalid:
        instants = None
    if instants is not None and _bearable(instants):
        return instants, {}
    read = [parse(text) for text in texts]
    bad = {row: instant for row, instant in enumerate(read) if isinstance(instant, str)}
    return pa.array([None if isinstance(one, str) else one for one in read], INSTANT), bad


def _bearable(instants: pa.Array) -> bool:
    """Say whether every instant is one of Python's: Arrow reads the year 0 as well, which no calendar here can name."""
    found = pc.min_max(instants.cast(pa.int64()))
    return not len(instants) or (found["min"].as_py() >= _FIRST and found["max"].as_py() <= _LAST)


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo | None:
    """Return the zone with an IANA name; None if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def with_zone(text: str, zone: str) -> str:
    """Return a time as RFC 3339 in UTC, read in `zone` if it names none itself; what is no time comes back as it was.

    Guarantees: a time that occurs twice, or not at all, when clocks change is taken as the later instant, so that no
    period ends too early.
    """
    return text if len(text) > _LONGEST else _with_zone(text, zone)


@lru_cache(maxsize=65_536)
def _with_zone(text: str, zone: str) -> str:
    try:
        read = datetime.fromisoformat(_FINER.sub(r"\1", text.strip()))
        if read.utcoffset() is None:
            read = max(read.replace(tzinfo=zone_of(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
        return read.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return text
