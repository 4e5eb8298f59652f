"""Reading `event_time`: RFC 3339 text with a zone becomes microseconds in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

INSTANT = pa.timestamp("us", "UTC")
NO_ZONE, NOT_A_TIME = "TIME_NO_ZONE", "SCHEMA_TYPE"
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

    Arrow reads them in one go; only if it balks at one are they read one by one.
    """
    try:
        return pa.array(texts, pa.string()).cast(INSTANT), {}
    except pa.ArrowInvalid:
        read = [parse(text) for text in texts]
    bad = {row: instant for row, instant in enumerate(read) if isinstance(instant, str)}
    return pa.array([None if isinstance(one, str) else one for one in read], INSTANT), bad
