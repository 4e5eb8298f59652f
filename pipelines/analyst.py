"""The analyst's window on the lake: de-identified tables, read only, and nothing else of this machine (R-ADM-01).

DuckDB would open any file it is asked for. Here it may not: what can be read is what is registered, through views
that leave out `event_key`, and one SELECT is all that is ever run.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

import duckdb
import pyarrow as pa

from governance.errors import EbbError, LakeError, RefusedError, UsageError
from governance.policy import STREAMS
from retention.stores.delta import Table, open_table, table_exists

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

HIDDEN = ("event_key",)
"""Columns that serve the pipeline alone; no view has them."""
DAILY_DEVICES = "daily_devices"
PERSONAL_PREFIX = "personal_"

# In this order, the lock last. Files are named nowhere in the settings either: a look at them must show no path, and
# a query too large for memory must fail rather than spill rows into a folder.
_LOCKS = (
    "SET temp_directory = ''",
    "SET secret_directory = '/nowhere'",
    "SET allow_persistent_secrets = false",
    "SET python_enable_replacements = false",
    "SET autoload_known_extensions = false",
    "SET autoinstall_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET enable_external_access = false",
    "SET TimeZone = 'Asia/Shanghai'",
    "SET lock_configuration = true",
)
_NO_TABLE = re.compile(r"Table with name (.+) does not exist!")
_NAME = re.compile(r"\w+")
_READER = re.compile(
    r'unction (?:with name )?"?(?:(?:read|sniff|parquet)_\w+|\w+_(?:scan\w*|query|attach)|st_read\w*|glob|getenv)"? '
    r"|Table Function with name \S+ is not in the catalog, but it exists in"
)
_READ_ONLY = "one SELECT on the tables of the lake, nothing else: no files, no settings, no changes"


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """Rows of a query.

    Attributes:
        columns: names, in the order asked for.
        rows: values that JSON knows.
        more: whether rows beyond the limit were left out.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    more: bool

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as objects."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def lake_tables(lake: str, *, personal: bool = False) -> dict[str, Table]:
    """Return the tables that exist, by the names of their views.

    Args:
        lake: root of the lake.
        personal: add the tables of the personal path, as `personal_<stream>`.
    """
    places = {stream: f"{lake}/analytics/{stream}" for stream in STREAMS}
    if personal:
        places |= {f"{PERSONAL_PREFIX}{stream}": f"{lake}/personal/{stream}" for stream in STREAMS}
    return {name: open_table(uri) for name, uri in places.items() if table_exists(uri)}


class Analyst:
    """A locked connection with one view a table, and `daily_devices`.

    Guarantees:
        A query reaches no file, no variable of this process, no extension and no column of `HIDDEN`; it changes
        nothing; and nothing it computes is written to disk.
    """

    def __init__(self, tables: Mapping[str, Table]) -> None:
        """Open the tables as they are now.

        Raises:
            LakeError: there is no table.
        """
        if not tables:
            raise LakeError("the lake has no tables yet: `ebb run service-logs --from …` makes them")
        self._connection = duckdb.connect()
        for name, table in tables.items():
            dataset = table.dataset()
            shown = pa.schema([column for column in dataset.schema if column.name not in HIDDEN])
            self._connection.register(name, dataset.replace_schema(shown))
        self._connection.execute(_daily_devices([name for name in tables if not name.startswith(PERSONAL_PREFIX)]))
        for lock in _LOCKS:
            self._connection.execute(lock)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the connection."""
        self._connection.close()

    def ask(self, sql: str, limit: int | None = None) -> Answer:
        """Run one SELECT.

        Args:
            sql: the query.
            limit: the most rows to return; all when None.

        Raises:
            UsageError: not SQL, or it names what is not there.
            RefusedError: it is not a SELECT, or reaches out of the tables.
            EbbError: it failed on the way.
        """
        self._check(sql)
        try:
            self._connection.execute(sql)
            columns = tuple(column[0] for column in self._connection.description or ())
            rows = self._connection.fetchall() if limit is None else self._connection.fetchmany(limit + 1)
        except duckdb.Error as problem:
            raise _reworded(problem) from None
        kept = rows if limit is None else rows[:limit]
        return Answer(_distinct(columns), [tuple(map(_plain, row)) for row in kept], len(kept) < len(rows))

    def _check(self, sql: str) -> None:
        try:
            statements = duckdb.extract_statements(sql)
        except duckdb.Error as problem:
            raise _reworded(problem) from None
        if not statements:
            raise UsageError('an empty query; try: ebb query "SELECT * FROM daily_devices"')
        if len(statements) > 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise RefusedError(f"ebb query runs {_READ_ONLY}")


def _daily_devices(streams: list[str]) -> str:
    """Return the view that counts devices; ids are tokens of the day, so only days can be counted."""
    parts = [f"SELECT event_date, system, device_id, cookie_id FROM {name}" for name in streams if name != "equipment"]  # noqa: S608
    parts += [f"SELECT event_date, system, device_id, NULL FROM {name}" for name in streams if name == "equipment"]  # noqa: S608
    if not parts:
        return "SELECT 1"
    return (
        f"CREATE VIEW {DAILY_DEVICES} AS SELECT event_date, system, "  # noqa: S608 - names of tables are ebb's own
        "nullif(count(DISTINCT coalesce(device_id, cookie_id)), 0) AS devices, count(*) AS events "
        f"FROM ({' UNION ALL '.join(parts)}) GROUP BY event_date, system"
    )


def _reworded(problem: Exception) -> EbbError:
    """Say what is wrong; parts of a message that may quote a row's value are left out."""
    if isinstance(problem, duckdb.PermissionException) or _reaches_out(str(problem)):
        return RefusedError(f"refused: ebb query runs {_READ_ONLY}")
    if isinstance(problem, duckdb.ParserException | duckdb.CatalogException | duckdb.BinderException):
        # These speak of the query's text and of names: nothing has been read yet.
        lines = [line for line in str(problem).splitlines() if line.strip()]
        if hint := _hint(lines[0]):
            return UsageError(hint)
        said = list(chain(lines[:1], (line for line in lines[1:] if line.startswith(("Did you mean", "Candidate")))))
        return UsageError(" ".join(said) + "; `ebb catalog` lists tables and columns")
    if isinstance(problem, duckdb.ConversionException | duckdb.OutOfRangeException):
        return EbbError("a value does not fit the type asked for: use try_cast")
    if isinstance(problem, duckdb.OutOfMemoryException):
        return EbbError("the query needs more memory than there is: ask for fewer days, columns or groups")
    return EbbError(f"the query failed ({type(problem).__name__}): simplify it, and look at `ebb catalog`")


def _reaches_out(said: str) -> bool:
    """Say whether a query failed over a name that can only be a file, or a function that reads or fetches."""
    table = _NO_TABLE.search(said)
    return bool((table and not _NAME.fullmatch(table[1])) or _READER.search(said))


def _hint(said: str) -> str | None:
    """Return what to do about a table that ebb knows and that is not there."""
    table = _NO_TABLE.search(said)
    name = table[1].lower() if table else ""
    stream = name.removeprefix(PERSONAL_PREFIX)
    if stream not in STREAMS:
        return None
    if name.startswith(PERSONAL_PREFIX):
        return f"{name} is asked for with --personal; if it was, there is no run of {stream} yet"
    return (
        f"there is no run of {stream} yet: `ebb run {stream.replace('service_log', 'service-logs')} --from …` makes it"
    )


def _distinct(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Number repeated names, since an object has each name once."""
    names: list[str] = []
    for column in columns:
        name, number = column, 1
        while name in names:
            number += 1
            name = f"{column}_{number}"
        names.append(name)
    return tuple(names)


def _plain(value: object) -> Any:
    """Return a value that JSON knows."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            return None
        return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else float(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
