"""Date part: an instant becomes its day or its month in +08:00; what is no instant becomes null."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transforms.deid.columns import each
from transforms.deid.treatments.hour import china_time

if TYPE_CHECKING:
    import pyarrow as pa

_LENGTHS = {"day": len("2026-10-01"), "month": len("2026-10")}


def date_part(values: pa.Array, *, unit: str) -> pa.Array:
    """Return `2026-10-01` for each ISO 8601 instant of that day, or `2026-10` if `unit` is month."""

    def part(text: str) -> str | None:
        instant = china_time(text)
        return None if instant is None else instant.isoformat()[: _LENGTHS[unit]]

    return each(values, part)
