"""Turn whatever a store keeps as a time into +08:00 dates.

A time without a zone is read in the dataset's zone. A bare date stands for its last instant in a record, so that no
floor ends early, and for its first in a copy, so that no ceiling ends late. What is not a time is unknown, never a
guess; so is a time before 1901 or after 8999, which databases write where they mean none: 9999-12-31, 0001-01-01,
infinity.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.calendar import CHINA, local_date
from governance.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retention.rules import Role

Unit = Literal["s", "ms", "us"]
Pick = Literal["latest", "earliest"]

FIRST, LAST = np.datetime64("1901-01-01", "D"), np.datetime64("8999-12-31", "D")
"""Dates that are somebody's; others are strange."""
_A_DAY = MappingProxyType({"D": 1, "s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000})
_CHINA_OFFSET = pa.scalar(timedelta(hours=8), pa.duration("us"))
_LONGEST_DATE = len("2020-12-31")
"""Shorter ones are written without hyphens, or by weeks; a date with a time is longer."""
_ARROW_KNOWS = datetime(2037, 1, 1)  # noqa: DTZ001 - a time without zone
"""From here on Arrow no longer sets clocks forward and back; Python does."""


def dates_of(column: pa.ChunkedArray | pa.Array, zone: str, role: Role, unit: Unit | None = None) -> np.ndarray:
    """Return the +08:00 dates of a column as datetime64[D]; NaT for what `read` says is none.

    Raises:
        RefusedError: a column of another type.
    """
    return read(column, zone, role, unit)[0]


def read(
    column: pa.ChunkedArray | pa.Array, zone: str, role: Role, unit: Unit | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the +08:00 dates of a column, datetime64[D], and the mask of those that are strange.

    NaT stands for null, for text that is no time, and for a strange date: that is no empty clock, but one that nobody
    knows.

    Args:
        column: timestamps, dates, text in ISO 8601, or integers counted in `unit` since 1970.
        zone: zone of times that carry none.
        role: says which end of a bare date counts.
        unit: of integers.

    Raises:
        RefusedError: a column of another type.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = pc.cast(column, kind.value_type)
        kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), np.datetime64("NaT", "D")), np.zeros(len(column), bool)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _apart(_by_distinct(column, lambda text: _of_text(text, zone, role)))
    if pa.types.is_date(kind):
        days, strange = _without_strange(pc.cast(column, pa.date32()), pa.int32(), "D")
        return _apart(_by_distinct(days, lambda day: _of_day(day, zone, role)), strange)
    if pa.types.is_integer(kind) and unit is not None:
        column = pc.cast(column, pa.int64())
        kind = pa.timestamp(unit, "UTC")
    elif not pa.types.is_timestamp(kind):
        raise RefusedError(
            f"a clock column is of type {kind}, which is not a time: name another, or its unit (s, ms, us)"
        )
    times, strange = _without_strange(column, pa.int64(), kind.unit)
    return _apart(_from_timestamps(pc.cast(times, kind), zone), strange)


def combine(dates: Sequence[np.ndarray], optional: Sequence[np.ndarray], pick: Pick) -> np.ndarray:
    """Return the latest (or earliest) of several clocks a row; NaT where a clock that must be known is not."""
    choose = np.fmax if pick == "latest" else np.fmin
    both = [*dates, *optional]
    result = both[0]
    for other in both[1:]:
        result = choose(result, other)
    unknown = np.zeros(len(result), bool)
    for needed in dates:
        unknown |= np.isnat(needed)
    return np.where(unknown, np.datetime64("NaT", "D"), result)


def _from_timestamps(column: pa.ChunkedArray | pa.Array, zone: str) -> np.ndarray:
    if column.type.tz is None and len(column) and (pc.max(column).as_py() or _ARROW_KNOWS) >= _ARROW_KNOWS:
        return _by_distinct(column, lambda moment: _later(moment, _zone(zone)))
    if column.type.tz is None:
        # Where a clock was set back, the later of two readings: floors never end early.
        column = pc.assume_timezone(column, zone, ambiguous="latest", nonexistent="latest")
    utc = pc.cast(pc.cast(column, pa.timestamp("us", "UTC"), safe=False), pa.timestamp("us"))
    local = pc.add(utc, _CHINA_OFFSET)
    micros = local.to_numpy(zero_copy_only=False) if isinstance(local, pa.Array) else local.to_numpy()
    result: np.ndarray = micros.astype("datetime64[us]").astype("datetime64[D]")
    return result


def _without_strange(column: pa.ChunkedArray | pa.Array, counted: pa.DataType, unit: str) -> tuple[Any, np.ndarray]:
    """Return a column without values that are far off what is known, with which nothing reckons; and their mask."""
    counts = pc.cast(pc.cast(column, counted), pa.int64())
    low, high = ((int(edge.astype(np.int64)) + more) * _A_DAY[unit] for edge, more in ((FIRST, -2), (LAST, 2)))
    outside = pc.or_(pc.less(counts, max(low, -(2**63))), pc.greater(counts, min(high, 2**63 - 1)))
    outside = pc.fill_null(outside, False)  # noqa: FBT003 - its signature
    return pc.if_else(outside, pa.scalar(None, column.type), column), np.asarray(outside).astype(bool)


def _apart(dates: np.ndarray, strange: np.ndarray | bool = False) -> tuple[np.ndarray, np.ndarray]:
    outside: np.ndarray = strange | (dates < FIRST) | (dates > LAST)
    return np.where(outside, np.datetime64("NaT", "D"), dates), outside


def _by_distinct(column: pa.ChunkedArray | pa.Array, function: object) -> np.ndarray:
    """Apply a function once a distinct value; times repeat, and Python is slow."""
    assert callable(function)
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = whole.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    table = np.array([function(value) for value in encoded.dictionary.to_pylist()] + [None], dtype="datetime64[D]")
    places = pc.fill_null(encoded.indices, len(table) - 1).to_numpy(zero_copy_only=False)
    result: np.ndarray = table[places]
    return result


def _of_day(day: date, zone: str, role: Role) -> date:
    end = time.max if role == "record" else time.min
    return _dated(datetime.combine(day, end, _zone(zone)))


def _of_text(text: str, zone: str, role: Role) -> date | None:
    try:
        if len(text) <= _LONGEST_DATE:
            return _of_day(date.fromisoformat(text), zone, role)
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return _dated(instant) if instant.tzinfo else _later(instant, _zone(zone))


def _later(naive: datetime, zone: tzinfo) -> date:
    """Return the date of a time in a zone; where the clocks were set back, of the later of the two."""
    return max(_dated(naive.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))


def _dated(instant: datetime) -> date:
    """Return the +08:00 date; of a time that zones push over an end of Python's calendar a strange one."""
    try:
        return local_date(instant)
    except OverflowError:
        return date.max


def _zone(name: str) -> tzinfo:
    return CHINA if name in {"Asia/Shanghai", "+08:00"} else ZoneInfo(name)
