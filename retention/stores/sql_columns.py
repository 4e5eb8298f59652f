"""Rows of a database as Arrow columns."""

from __future__ import annotations

from datetime import UTC, date, datetime
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


def read_infinity(connection: Any, _record: object) -> None:
    """Have a connection to PostgreSQL read infinity, and what is before Christ, as the last time that Python knows.

    No clock is of that time (`retention.clocks`); psycopg by itself ends the query.
    """
    from psycopg import DataError  # noqa: PLC0415 - an extra
    from psycopg.adapt import Loader  # noqa: PLC0415 - an extra
    from psycopg.pq import Format  # noqa: PLC0415 - an extra

    def patient(own: type[Any], last: date) -> type[Loader]:
        class Patient(Loader):
            def __init__(self, oid: int, context: Any = None) -> None:
                super().__init__(oid, context)
                self._own = own(oid, context)

            def load(self, data: Any) -> Any:
                try:
                    return self._own.load(data)
                except DataError:
                    return last

        return Patient

    last = datetime.max.replace(tzinfo=UTC)
    lasts = {"timestamp": last.replace(tzinfo=None), "timestamptz": last, "date": last.date()}
    for name, end in lasts.items():
        own = connection.adapters.get_loader(connection.adapters.types[name].oid, Format.TEXT)
        connection.adapters.register_loader(name, patient(own, end))


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
