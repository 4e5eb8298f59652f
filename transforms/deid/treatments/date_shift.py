"""Date shift: every date of a subject moves by the same number of days, never by none; the time between them stays.

The number follows from the subject under the key of the epoch: a half-year. Across its end intervals do not hold, as
tokens do not link: else a long history could be pieced together.

Warnings:
    A row that also says when the event happened gives the shift away for a field of the same time: shift fields that
    tell of another time. Seasons and weekdays of a long history stay visible if `max_days` is small. The time of day of
    an instant stays, to the microsecond, as it was in +08:00.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from transforms.deid.treatments.hour import china_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.keys import CipherKey

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def date_shift(values: pa.Array, key: CipherKey, subjects: Sequence[str | None], *, max_days: int) -> pa.Array:
    """Return each date (`2026-10-01`) or instant with an offset, shifted; instants in +08:00.

    Args:
        values: texts; what is neither becomes null.
        key: the key of all date shifts of the epoch.
        subjects: whose each value is; without a subject it becomes null.
        max_days: the largest shift, to either side.
    """
    days = _days(key, subjects, max_days)
    pairs = zip(values.to_pylist(), subjects, strict=True)
    shifted = [None if text is None or who is None else _shifted(text.strip(), days[who]) for text, who in pairs]
    return pa.array(shifted, pa.string())


def _days(key: CipherKey, subjects: Sequence[str | None], max_days: int) -> dict[str, int]:
    distinct = list(dict.fromkeys(who for who in subjects if who is not None))
    macs = key.macs("days", [who.encode("utf-8", "surrogatepass") for who in distinct])
    return {who: _shift(mac, max_days) for who, mac in zip(distinct, macs, strict=True)}


def _shift(mac: bytes, max_days: int) -> int:
    """Return one of the shifts from -max_days to max_days, all but nought, each as likely."""
    shift = int.from_bytes(mac[:16], "big") % (2 * max_days + 1) - max_days
    if shift:
        return shift
    # Drawn again for those alone, so that the others' shifts are what they were before nought was left out.
    again = int.from_bytes(mac[16:], "big") % (2 * max_days) - max_days
    return again if again < 0 else again + 1


def _shifted(text: str, days: int) -> str | None:
    shift = timedelta(days=days)
    try:
        if _DATE.fullmatch(text):
            return (date.fromisoformat(text) + shift).isoformat()
        instant = china_time(text)
        return None if instant is None else (instant + shift).isoformat()
    except (ValueError, OverflowError):
        return None
