"""Hour: an instant becomes its hour in +08:00; text without an offset, or no instant at all, becomes null."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from governance.calendar import CHINA
from transforms.deid.columns import each

if TYPE_CHECKING:
    import pyarrow as pa


def hour(values: pa.Array) -> pa.Array:
    """Return `2026-10-01T13:00:00+08:00` for each ISO 8601 instant in that hour."""
    return each(values, _hour)


def china_time(text: str) -> datetime | None:
    """Return an ISO 8601 instant in +08:00; None if it has no offset, or is none."""
    try:
        instant = datetime.fromisoformat(text.strip())
        return None if instant.tzinfo is None else instant.astimezone(CHINA)
    except (ValueError, OverflowError):
        return None


def _hour(text: str) -> str | None:
    instant = china_time(text)
    return None if instant is None else instant.replace(minute=0, second=0, microsecond=0).isoformat()
