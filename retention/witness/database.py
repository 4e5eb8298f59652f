"""Read a database with its plain driver: SQLite's of the standard library, or psycopg."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from governance.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg.adapt import Loader

_ROWS = 20_000
_CHARACTER = 1042
"""PostgreSQL's number of the type CHAR(n), whose values it fills up with blanks."""


def stream_rows(url: str, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table, those columns, in no order, from one snapshot."""
    names = ", ".join(_quoted(name) for name in columns) or "1"
    yield from _query(url, f"SELECT {names} FROM {_quoted(table)}")  # noqa: S608 - names are quoted


def count_orphans(url: str, table: str, column: str, parent: str, references: str) -> int:
    """Count rows of a child whose parent is gone."""
    child, other = _quoted(table), _quoted(parent)
    query = (
        f"SELECT count(*) FROM {child} c WHERE c.{_quoted(column)} IS NOT NULL AND NOT EXISTS "  # noqa: S608
        f"(SELECT 1 FROM {other} p WHERE p.{_quoted(references)} = c.{_quoted(column)})"
    )
    return int(next(iter(_query(url, query)))[0])


def count_rows(url: str, table: str) -> int:
    """Count the rows of a table."""
    return int(next(iter(_query(url, f"SELECT count(*) FROM {_quoted(table)}")))[0])  # noqa: S608


def primary_key(url: str, table: str) -> list[str]:
    """Return the primary key's columns."""
    if url.startswith("sqlite"):
        rows = _query(url, f"PRAGMA table_info({_quoted(table)})")
        return [row[1] for row in sorted(rows, key=lambda row: row[5]) if row[5]]
    literal = _quoted(table).replace("'", "''")
    query = (
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) "  # noqa: S608
        f"WHERE i.indrelid = '{literal}'::regclass AND i.indisprimary ORDER BY array_position(i.indkey, a.attnum)"
    )
    return [row[0] for row in _query(url, query)]


def _query(url: str, query: str) -> Iterator[tuple[Any, ...]]:
    if url.startswith("sqlite"):
        path = url.partition("///")[2]
        try:
            with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)) as connection:
                yield from connection.execute(query)
        except sqlite3.Error as problem:
            raise StoreError(f"the second reading of {path} failed ({problem.sqlite_errorname})") from None
        return
    yield from _postgresql(url, query)


def _postgresql(url: str, query: str) -> Iterator[tuple[Any, ...]]:
    try:
        import psycopg  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageError("no driver for PostgreSQL: pip install 'ebbtide[postgresql]'") from None
    try:
        with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1)) as connection:
            connection.execute("SET TIME ZONE 'UTC'")
            for kind in ("timestamp", "timestamptz", "date"):
                connection.adapters.register_loader(kind, _loader(date if kind == "date" else datetime))
            with connection.cursor(name="ebb_witness") as cursor:
                cursor.itersize = _ROWS
                cursor.execute(query.encode())
                padded = [one.type_code == _CHARACTER for one in cursor.description or ()]
                yield from (_without_padding(row, padded) for row in cursor) if any(padded) else cursor
    except psycopg.Error as problem:
        raise StoreError(f"the second reading of the database failed ({problem.sqlstate})") from None


def _loader(kind: type[date]) -> type[Loader]:
    """Return what reads times as PostgreSQL writes them; infinity, and what is before Christ, as the last there is."""
    from psycopg.adapt import Loader  # noqa: PLC0415 - an extra

    class Times(Loader):
        def load(self, data: Any) -> date:
            try:
                return kind.fromisoformat(bytes(data).decode())
            except ValueError:
                return kind.max

    return Times


def _without_padding(row: Sequence[Any], padded: Sequence[bool]) -> tuple[Any, ...]:
    return tuple(v.rstrip(" ") if blank and v is not None else v for v, blank in zip(row, padded, strict=True))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
