"""SQL databases as a store: keyset batches in short transactions, children before parents.

Every batch reads the next keys without a lock, then takes the rows that it will touch under a lock, a few at a time,
judges them once more, and removes them in the same short transaction. Nothing here holds more than one batch.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlalchemy import (
    Engine,
    MetaData,
    Table,
    and_,
    bindparam,
    cast,
    create_engine,
    event,
    func,
    inspect,
    or_,
    select,
    tuple_,
    types,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from governance.errors import RefusedError, StoreError, UsageError
from governance.transport import refuse_shown_password, require_encryption, why_unreached
from retention.stores.base import Purged, Removal, Shape
from retention.stores.sql_columns import arrow_type, read_infinity, to_arrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Column as SqlColumn
    from sqlalchemy import ColumnElement, Connection, Select

    from retention.datasets import Child, Dataset
    from retention.stores.base import Choose, Part, Treat
    from retention.window import Window

BATCH = 5_000
"""Rows read at a time, without a lock."""
LOCKED = 250
"""Rows locked, judged again and removed in one transaction: others wait for one of them no longer than that takes."""
PARAMETERS = 10_000
"""Most values in one statement: well under what SQLite and PostgreSQL take."""


class SqlStore:
    """The tables of one database; SQLite and PostgreSQL are tried, by SQLAlchemy URL.

    Args:
        url: of the database. Never printed with its password.
        batch: rows read at a time.
    """

    _locks = True

    def __init__(self, url: str, *, batch: int = BATCH) -> None:
        self._engine = _connect(url)
        self._metadata = MetaData()
        self._batch = batch

    @property
    def place(self) -> str:
        """The URL without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    def tables(self) -> frozenset[str]:
        """Return the names of all tables of the default schema."""
        with self._reading() as connection:
            return frozenset(inspect(connection).get_table_names())

    def shape(self, table: str) -> Shape:
        """Return columns and primary key."""
        reflected = self._table(table)
        return Shape(
            {c.name: arrow_type(c.type) for c in reflected.columns}, tuple(reflected.primary_key.columns.keys())
        )

    @property
    def parted(self) -> bool:
        """Return False."""
        return False

    def parts(self, table: str) -> Mapping[str, Part] | None:
        """Return None: a table is one piece."""
        return None

    def scan(
        self, dataset: Dataset, columns: Sequence[str], part: str | None = None, window: Window | None = None
    ) -> Iterator[pa.Table]:
        """Yield the rows in key order, a batch at a time, each in a transaction of its own."""
        table, key = self._table(dataset.table), self._key(dataset)
        chosen = [table.c[name] for name in columns]
        extra = [column for column in key if column.name not in columns]
        after: tuple[Any, ...] | None = None
        query = select(*chosen, *extra)
        if window is not None:
            query = query.where(*_within(table, window))
        while True:
            with self._reading() as connection:
                rows = connection.execute(_page(query, key, after, self._batch)).all()
            if not rows:
                return
            after = tuple(getattr(rows[-1], column.name) for column in key)
            yield to_arrow(rows, chosen)

    def below(self, dataset: Dataset, rows: pa.Table) -> int:
        """Count the rows of children."""
        if not dataset.children or not rows.num_rows:
            return 0
        table, key = self._table(dataset.table), self._key(dataset)
        with self._reading() as connection:
            return sum(
                self._count(connection, child, table, key, _among(key, values))
                for child in dataset.children
                for values in _chunks(_key_values(rows, key), len(key))
            )

    def edit(
        self,
        dataset: Dataset,
        part: str | None,
        columns: Sequence[str],
        choose: Choose,
        *,
        mark: str,
        treat: Treat | None = None,
        window: Window | None = None,
    ) -> Removal:
        """Remove or replace the chosen rows, batch by batch."""
        table, key = self._table(dataset.table), self._key(dataset)
        names = list(dict.fromkeys([*columns, *(column.name for column in key)]))
        done = children = 0
        for rows in self.scan(dataset, names, part, window):
            wanted = _key_values(rows.filter(pa.array(choose(rows))), key)
            for values in _chunks(wanted, len(key), LOCKED):
                removal = self._edit_batch(dataset, table, key, names, values=values, choose=choose, treat=treat)
                done, children = done + removal.rows, children + removal.children
        return Removal(done, children)

    def purge(self, table: str, *, history: bool) -> Purged:
        """Overwrite what was freed, as far as the database can."""
        if self._engine.dialect.name == "sqlite":
            with self._reworded(), self._engine.connect() as connection:
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one()
            notes: tuple[str, ...] = ("backups and snapshots of the disk were not looked at",)
            if busy:
                notes = ("a reader kept the write-ahead log open: run `ebb sweep verify` again later", *notes)
            return Purged(physically=not busy, history=not busy, notes=notes)
        with self._reworded(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            quoted = self._engine.dialect.identifier_preparer.quote(table)
            connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {quoted}" if history else f"VACUUM (ANALYZE) {quoted}")
        notes = (
            "PostgreSQL's write-ahead log holds deleted rows until its segments are recycled",
            "base backups, archived logs and replicas were not looked at",
        )
        if not history:
            notes = ("VACUUM frees a row's space; its bytes may stay in a page until they are used again", *notes)
        return Purged(physically=history, history=False, notes=notes)

    def _edit_batch(
        self,
        dataset: Dataset,
        table: Table,
        key: Sequence[SqlColumn[Any]],
        names: Sequence[str],
        *,
        values: Sequence[tuple[Any, ...]],
        choose: Choose,
        treat: Treat | None,
    ) -> Removal:
        columns = [table.c[name] for name in names] if treat is None else list(table.columns)
        with self._writing() as connection:
            again = select(*columns).where(_among(key, values))
            fresh = to_arrow(connection.execute(again.with_for_update() if self._locks else again).all(), columns)
            gone = fresh.filter(pa.array(choose(fresh.select(list(names)))))
            if not gone.num_rows:
                return Removal()
            condition = _among(key, _key_values(gone, key))
            children = sum(self._remove(connection, child, table, key, condition) for child in dataset.children)
            if treat is not None:
                _update(connection, table, key, gone, treat(gone))
                return Removal(gone.num_rows, children)
            done = connection.execute(table.delete().where(condition)).rowcount
            if done > gone.num_rows:  # taken back with the transaction
                raise StoreError(f"the key of {table.name} does not tell its rows apart: name unique columns as `key`")
        return Removal(done, children)

    def _remove(
        self,
        connection: Connection,
        child: Child,
        parent: Table,
        key: Sequence[SqlColumn[Any]],
        condition: ColumnElement[bool],
    ) -> int:
        table, mine = self._child(child, parent, key, condition)
        own_key = list(table.primary_key.columns)
        below = sum(self._remove(connection, grandchild, table, own_key, mine) for grandchild in child.children)
        return below + connection.execute(table.delete().where(mine)).rowcount

    def _count(
        self,
        connection: Connection,
        child: Child,
        parent: Table,
        key: Sequence[SqlColumn[Any]],
        condition: ColumnElement[bool],
    ) -> int:
        table, mine = self._child(child, parent, key, condition)
        own_key = list(table.primary_key.columns)
        number = connection.execute(select(func.count()).select_from(table).where(mine)).scalar_one()
        return int(number) + sum(self._count(connection, below, table, own_key, mine) for below in child.children)

    def _child(
        self, child: Child, parent: Table, key: Sequence[SqlColumn[Any]], condition: ColumnElement[bool]
    ) -> tuple[Table, ColumnElement[bool]]:
        """Return the child's table and the condition of its rows below the parent's."""
        table = self._table(child.table)
        if child.references is None and len(key) != 1:
            raise RefusedError(f"child {child.table}: say which column of {parent.name} it references")
        referenced = parent.c[child.references] if child.references else key[0]
        return table, _column(table, child.column).in_(select(referenced).where(condition))

    def _key(self, dataset: Dataset) -> list[SqlColumn[Any]]:
        table = self._table(dataset.table)
        key = [_column(table, name) for name in dataset.key] or list(table.primary_key.columns)
        if not key:
            raise RefusedError(f"the table {dataset.table} has no primary key: name unique columns as `key`")
        return key

    def _table(self, name: str) -> Table:
        if name not in self._metadata.tables:
            try:
                with self._reading() as connection:
                    table = Table(name, self._metadata, autoload_with=connection, resolve_fks=False)
            except NoSuchTableError:
                raise StoreError(f"there is no table {name} in {self.place}: correct the register") from None
            if self._engine.dialect.name == "sqlite":
                # SQLite stores what it is given: a time that is none must be read as it stands, not fail with its text;
                # and it fills up no CHAR(n), so that blanks there are somebody's.
                for column in table.columns:
                    if isinstance(column.type, (types.DateTime, types.Date, types.Numeric, types.CHAR)):
                        column.type = types.NullType()
        return self._metadata.tables[name]

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._reworded(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with (
            self._reworded(),
            self._engine.connect().execution_options(ebb_begin="BEGIN IMMEDIATE") as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _reworded(self) -> Iterator[None]:
        try:
            yield
        except NoSuchTableError:
            raise
        except SQLAlchemyError as problem:
            unreached = why_unreached(problem, self._engine.url) if isinstance(problem, DBAPIError) else None
            if unreached:
                stays = "what was done stays, run the command again when it is back"
                raise StoreError(f"the database {unreached}; {stays}") from None
            raise StoreError(f"{self.place}: {_advice(problem)}") from None


def _connect(url: str) -> Engine:
    try:
        parsed = make_url(url)
        engine = create_engine(parsed, poolclass=NullPool, hide_parameters=True)
    except ArgumentError:
        raise UsageError("a store's URL is not one: write sqlite:///PATH or postgresql+psycopg://…") from None
    except (ImportError, NoSuchModuleError):
        raise UsageError("no driver for a store's database: pip install 'ebbtide[postgresql]'") from None
    refuse_shown_password(parsed, "store")
    require_encryption(parsed, "store")
    if engine.dialect.name == "sqlite":
        file = parsed.database or ""
        if file not in {"", ":memory:"} and not file.startswith("file:") and not Path(file).exists():
            raise UsageError(f"there is no database {Path(file).absolute()}: correct the store's url")
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif engine.dialect.driver == "psycopg":
        event.listen(engine, "connect", read_infinity)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("secure_delete=ON", "foreign_keys=ON", "busy_timeout=30000", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("ebb_begin", "BEGIN"))


def _page(query: Select[Any], key: Sequence[SqlColumn[Any]], after: tuple[Any, ...] | None, size: int) -> Select[Any]:
    if after is not None:
        left, right = tuple_(*key), tuple_(*(bindparam(None, v, c.type) for v, c in zip(after, key, strict=True)))
        query = query.where(left > right if len(key) > 1 else key[0] > after[0])
    return query.order_by(*key).limit(size)


def _within(table: Table, window: Window) -> list[ColumnElement[bool]]:
    """Return conditions on the clock's columns, compared as ISO text where they are text; none on other types.

    A text of another form, or of no year that may be a clock's, says nothing of where it stands: its row is read.
    """
    columns = [table.c[name] for name in window.columns]
    first, last = window.first.isoformat(), window.last.isoformat()
    if all(isinstance(column.type, (types.DateTime, types.Date)) for column in columns):
        bounds: tuple[Any, Any] = (cast(first, columns[0].type), cast(last, columns[0].type))
    elif all(isinstance(column.type, (types.String, types.NullType)) for column in columns):
        odd = [or_(column.not_like("____-__-__%"), column >= "9000") for column in columns]
        early = [or_(column.is_(None), column < last, other) for column, other in zip(columns, odd, strict=True)]
        return [*early, or_(*(column >= first for column in columns), *odd)]
    else:
        return []
    return [
        *(or_(column.is_(None), column < bounds[1]) for column in columns),
        or_(*(column >= bounds[0] for column in columns)),
    ]


def _among(key: Sequence[SqlColumn[Any]], values: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    if len(key) == 1:
        return key[0].in_([value for (value,) in values])
    return or_(*(and_(*(c == v for c, v in zip(key, value, strict=True))) for value in values))


def _chunks(values: list[tuple[Any, ...]], width: int, most: int = PARAMETERS) -> Iterator[list[tuple[Any, ...]]]:
    size = min(most, 500 if width > 1 else PARAMETERS)
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _key_values(rows: pa.Table, key: Sequence[SqlColumn[Any]]) -> list[tuple[Any, ...]]:
    return list(zip(*(rows[column.name].to_pylist() for column in key), strict=True))


def _update(
    connection: Connection, table: Table, key: Sequence[SqlColumn[Any]], before: pa.Table, after: pa.Table
) -> None:
    changed = [name for name in after.column_names if not after[name].equals(before[name])]
    if not changed:
        return
    condition = and_(*(column == bindparam(f"key_{number}") for number, column in enumerate(key)))
    statement = table.update().where(condition).values({name: bindparam(f"new_{name}") for name in changed})
    columns = [after[name].to_pylist() for name in changed]
    connection.execute(
        statement,
        [
            {
                **{f"key_{n}": part for n, part in enumerate(parts)},
                **{f"new_{c}": v for c, v in zip(changed, new, strict=True)},
            }
            for parts, new in zip(_key_values(before, key), zip(*columns, strict=True), strict=True)
        ],
    )


def _column(table: Table, name: str) -> SqlColumn[Any]:
    if name not in table.c:
        raise StoreError(f"the table {table.name} has no column {name}: correct the register")
    return table.c[name]


def _advice(problem: SQLAlchemyError) -> str:
    origin = problem.orig if isinstance(problem, DBAPIError) else problem
    name = getattr(origin, "sqlite_errorname", "") or getattr(origin, "sqlstate", "") or type(origin).__name__
    if name.startswith(("SQLITE_CONSTRAINT", "23")):
        return f"a row outside the register points at one that is due ({name}): register that table among the children"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "55P03", "40")):
        return f"the database is busy ({name}): run the command again, it goes on where it stopped"
    if name.startswith(("SQLITE_FULL", "53")):
        return f"the disk is full ({name}): make room, then run the command again"
    return f"the database cannot be used ({name}): what was done stays, run the command again when it is back"
