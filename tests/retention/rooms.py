"""A small installation to sweep: a shop's database, a register, a ledger, without Beam in the way."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipelines.settings import load_settings, wall_clock
from pipelines.sweep_room import Room
from pipelines.sweeping import apply_sweep
from retention.apply import apply_unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from retention.sweeps import Sweep

NOW = datetime(2026, 6, 1, tzinfo=UTC)
REGISTER = """\
stores:
  - {{id: shop, kind: sql, url: "sqlite:///{path}"}}
datasets:
  - id: shop.orders
    store: shop
    table: orders
    system: sepp
    role: record
    class: TXN
    zone: Asia/Shanghai
    clock: {{columns: [completed_at], optional: [refunded_at]}}
    open: {{column: state, values: [open, disputed]}}
    subject: customer
    children: [{{table: order_lines, column: order_id}}]
"""


def make_room(home: Path, orders: int = 400, register: str = REGISTER) -> Room:
    """Write a shop of `orders`, one every four days from 2021 on, and return its room."""
    home.mkdir(exist_ok=True)
    path = home / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            "CREATE TABLE orders"
            "(id INTEGER PRIMARY KEY, customer TEXT, state TEXT, completed_at TEXT, refunded_at TEXT);"
            "CREATE TABLE order_lines(id INTEGER PRIMARY KEY, order_id INTEGER REFERENCES orders(id), goods TEXT);"
        )
        for number in range(orders):
            moment = datetime(2021, 1, 1) + timedelta(days=number * 4)  # noqa: DTZ001
            row = (number, f"customer-{number % 10}", "closed", None if number % 20 == 0 else str(moment), None)
            connection.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", row)
            connection.execute("INSERT INTO order_lines(order_id, goods) VALUES (?, 'thing')", (number,))
    (home / "datasets.yaml").write_text(register.format(path=path), encoding="utf-8")
    return Room(load_settings(home=home))


def work_off(room: Room, sweep: Sweep, pending: Sequence[Any]) -> None:
    """Work units off one after the other, in this process."""
    for unit in pending:
        apply_unit(unit, room.work(sweep.plan, unit.dataset), room.ledger, wall_clock)


def apply_here(room: Room, digest: str) -> Sweep:
    """Apply a plan without an engine."""
    return apply_sweep(room, digest, lambda sweep, pending: work_off(room, sweep, pending))


def query(home: Path, statement: str) -> list[tuple[Any, ...]]:
    """Ask the shop's database."""
    with closing(sqlite3.connect(home / "shop.sqlite")) as connection, connection:
        return connection.execute(statement).fetchall()
