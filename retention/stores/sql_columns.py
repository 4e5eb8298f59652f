"""Rows of a database as Arrow columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlalchemy import types

from retention.holds import plain_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column


def to_arrow(rows: Sequence[Any], columns: Sequence[Column[Any]]) -> pa.Table:
    """Return rows as a table, in the types of their columns."""
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = {c.name: _array(_padding_off(c, values[place]), arrow_type(c.type)) for place, c in enumerate(columns)}
    return pa.table(arrays)


def _padding_off(column: Column[Any], values: Sequence[Any]) -> Sequence[Any]:
    """Return values of CHAR(n) without the blanks that fill them up."""
    if not isinstance(column.type, types.CHAR):
        return values
    return [value.rstrip(" ") if isinstance(value, str) else value for value in values]


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Make an Arrow array; a column of another type than it says (SQLite allows it) becomes text."""
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else plain_text(value) for value in values], pa.string())


def arrow_type(kind: types.TypeEngine[Any]) -> pa.DataType:
    """Return the Arrow type of a column; text for what has none."""
    if isinstance(kind, types.DateTime):
        return pa.timestamp("us", "UTC" if kind.timezone else None)
    if isinstance(kind, types.Date):
        return pa.date32()
    if isinstance(kind, types.Boolean):
        return pa.bool_()
    if isinstance(kind, types.Integer):
        return pa.int64()
    if isinstance(kind, types.Numeric):
        return pa.float64() if isinstance(kind, types.Float) else pa.decimal128(38, kind.scale or 0)
    return pa.binary() if isinstance(kind, types.LargeBinary) else pa.string()
