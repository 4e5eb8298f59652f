"""Every store with the same tables in it, to run one suite on all of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from retention.datasets import Child, Clock, Dataset, OpenStates
from retention.stores.delta import FencedTable, TableSpec, create_table
from retention.stores.lake import DeltaStore
from retention.stores.memory import MemoryStore
from retention.stores.sql import SqlStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from retention.stores.base import Store

KINDS = ("memory", "sqlite", "postgresql", "delta")
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("customer", pa.string()),
        ("state", pa.string()),
        ("completed_at", pa.timestamp("us")),
        ("day", pa.string()),
    ]
)
_DDL = """
DROP TABLE IF EXISTS lots; DROP TABLE IF EXISTS lines; DROP TABLE IF EXISTS orders;
CREATE TABLE orders(id BIGINT PRIMARY KEY, customer TEXT, state TEXT, completed_at TIMESTAMP, day TEXT);
CREATE TABLE lines(line BIGINT PRIMARY KEY, order_id BIGINT REFERENCES orders(id));
CREATE TABLE lots(lot BIGINT PRIMARY KEY, line BIGINT REFERENCES lines(line));
"""


def orders(count: int = 300) -> list[tuple[Any, ...]]:
    """Return orders: five years of them, every tenth without a completion, every seventh open."""
    rows = []
    for number in range(count):
        moment = datetime(2021, 1, 1) + timedelta(days=number * 6)  # noqa: DTZ001 - a database's naive time
        state = "open" if number % 7 == 0 else "closed"
        done = None if number % 10 == 0 else moment
        rows.append((number, f"customer-{number % 20}", state, done, moment.date().isoformat()[:7]))
    return rows


def lines(count: int = 300) -> list[tuple[int, int]]:
    """Return two lines an order."""
    return [(2 * number + extra, number) for number in range(count) for extra in (0, 1)]


@dataclass
class Case:
    """A store under test.

    Attributes:
        again: opens the same store anew, as another process would.
        nested: it has children.
        place: kind and URL as the witness wants them; None for memory.
    """

    kind: str
    store: Store
    dataset: Dataset
    again: Callable[[], Store]
    nested: bool
    place: tuple[str, str] | None
    folder: Path


def order_dataset(*, nested: bool) -> Dataset:
    """Return the dataset of `orders`."""
    below = Child(table="lines", column="order_id", children=(Child(table="lots", column="line", references="line"),))
    return Dataset(
        id="shop.orders",
        store="shop",
        table="orders",
        system="sepp",
        role="record",
        retention="TXN",
        zone="Asia/Shanghai",
        clock=Clock(columns=("completed_at",)),
        open=OpenStates(column="state", values=("open",)),
        subject="customer",
        key=("id",),
        children=(below,) if nested else (),
    )


@pytest.fixture(params=KINDS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    """Return each store in turn, filled with the same orders."""
    return make_case(request.param, tmp_path, request)


def make_case(kind: str, folder: Path, request: pytest.FixtureRequest) -> Case:
    """Fill a store of a kind."""
    nested = kind != "delta"
    dataset = order_dataset(nested=nested)
    if kind == "memory":
        store = MemoryStore(
            {
                "orders": _table(),
                "lines": pa.table(dict(zip(("line", "order_id"), zip(*lines(), strict=True), strict=True))),
                "lots": pa.table({"lot": [n for n, _ in lines()], "line": [n for n, _ in lines()]}),
            }
        )
        return Case(kind, store, dataset, lambda: store, nested, None, folder)
    if kind == "delta":
        root = str(folder / "lake")
        spec = TableSpec(f"{root}/orders", SCHEMA, "day", ("day",))
        create_table(spec)
        table = FencedTable(spec)
        for start in (0, 150):
            assert table.commit(table.write_files(_table().slice(start, 150)), {})
        return Case(kind, DeltaStore(root), dataset, lambda: DeltaStore(root), nested, ("delta", root), folder)
    if kind == "sqlite":
        path = folder / "shop.sqlite"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executescript(_DDL)
            rows = [(*row[:3], str(row[3]) if row[3] else None, row[4]) for row in orders()]
            _fill(connection, rows, "?")
        url = f"sqlite:///{path}"
    else:
        psycopg = pytest.importorskip("psycopg")
        url = request.getfixturevalue("postgresql")
        with psycopg.connect(url.replace("+psycopg", "")) as connection, connection.cursor() as cursor:
            cursor.execute(_DDL)
            _fill(cursor, orders(), "%s")
    return Case(kind, SqlStore(url, batch=64), dataset, lambda: SqlStore(url, batch=64), nested, ("sql", url), folder)


def _fill(cursor: Any, rows: list[tuple[Any, ...]], mark: str) -> None:
    cursor.executemany(f"INSERT INTO orders VALUES ({', '.join([mark] * 5)})", rows)
    cursor.executemany(f"INSERT INTO lines VALUES ({mark}, {mark})", lines())
    cursor.executemany(f"INSERT INTO lots VALUES ({mark}, {mark})", [(n, n) for n, _ in lines()])


def _table() -> pa.Table:
    return pa.table(dict(zip(SCHEMA.names, zip(*orders(), strict=True), strict=True)), schema=SCHEMA)
