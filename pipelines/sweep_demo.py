"""A sweep from beginning to end on generated data: a lake with last year's events, and a shop's database."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from governance.calendar import CHINA
from governance.errors import EbbError, counted
from governance.policy import load_catalogue
from pipelines.launch import RunOptions, launch, prepare
from pipelines.settings import load_settings, wall_clock
from pipelines.sweep_pages import show_plan
from pipelines.sweep_room import Room, RoomOpener
from pipelines.sweeping import apply_sweep, approve_sweep, certify_sweep, plan_sweep, verify_sweep
from pipelines.synthetic import events
from retention.certificate import to_page
from retention.plan import Limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retention.plan import Unit
    from retention.sweeps import Sweep

EVENTS, ORDERS, SEED = 2_000, 5_000, 7
_REGISTER = """\
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
    floor_source: three years from completion of the transaction (R-RET-02)
    clock: {{columns: [completed_at], optional: [refunded_at]}}
    open: {{column: state, values: [open, disputed]}}
    subject: customer
    children: [{{table: order_lines, column: order_id}}]
"""


def run_demo(keep: Path | None) -> None:
    """Make data, sweep it and print each step; in `keep`, or in a folder that is gone afterwards."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="ebb-sweep-") as folder:
            _demo(Path(folder))
        return
    if keep.exists() and any(keep.iterdir()):
        raise EbbError(f"{keep} is not empty: name a folder that the demo can make")
    _demo(keep)


def _demo(home: Path) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    wall = wall_clock()
    began = wall - timedelta(days=400)
    click.echo(f"== 1. {EVENTS:,} events of {began:%B %Y} into the lake, {ORDERS:,} orders into a database")
    source = home / "events.ndjson"
    with source.open("wb") as file:
        made = events("service_log", EVENTS, SEED, began, load_catalogue(), span=timedelta(days=3))
        file.writelines(line + b"\n" for line in made)
    backfill = (began + timedelta(days=4)).isoformat()
    launch(prepare(RunOptions(stream="service_log", source=f"files:{source}", now=backfill, drain=True, home=home)))
    make_shop(home / "shop.sqlite", ORDERS, wall)
    (home / "datasets.yaml").write_text(_REGISTER.format(path=home / "shop.sqlite"), encoding="utf-8")
    room = Room(load_settings(home=home))

    click.echo("\n== 2. ebb sweep plan --limit-share 1")
    plan = plan_sweep(room, now=None, by="planner", limit=Limit(share=1.0))
    show_plan(plan)

    click.echo("\n== 3. ebb sweep approve, apply")
    approve_sweep(room, plan.digest, "approver")

    def work_off(sweep: Sweep, pending: Sequence[Unit]) -> None:
        from pipelines.retention_sweep import sweep_units  # noqa: PLC0415 - imports Beam

        sweep_units(pending, sweep.plan, RoomOpener(room.settings, room.ledger.ticket), "embedded", ())

    done = apply_sweep(room, plan.digest, work_off)
    for share in plan.shares:
        click.echo(f"{share.dataset}: {counted(done.removed(share.dataset), 'row')} deleted")

    click.echo("\n== 4. ebb sweep verify")
    report = verify_sweep(room, plan.digest)
    for found in report["datasets"]:
        verdict = "; ".join(found["wrong"]) or "as planned"
        click.echo(f"{found['dataset']}: {found['before']:,} before, {found['after']:,} there: {verdict}")
    if not report["ok"]:
        raise EbbError("the demo's sweep did not verify: please report it")

    click.echo("\n== 5. ebb sweep certificate\n")
    click.echo(to_page(certify_sweep(room, plan.digest)))
    again = plan_sweep(room, now=None, by="planner", limit=Limit())
    click.echo(f"== 6. A second sweep finds {again.due} rows that are due.")


def make_shop(path: Path, orders: int, wall: datetime) -> None:
    """Write a database of orders over five years, some open, some without a completion, with their lines."""
    chance = random.Random(SEED)  # noqa: S311 - example data, the same each time
    start = wall.astimezone(CHINA).replace(tzinfo=None) - timedelta(days=5 * 365)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            "CREATE TABLE orders"
            "(id INTEGER PRIMARY KEY, customer TEXT, state TEXT, completed_at TEXT, refunded_at TEXT);"
            "CREATE TABLE order_lines(id INTEGER PRIMARY KEY, order_id INTEGER REFERENCES orders(id), goods TEXT);"
            "CREATE INDEX lines_of_order ON order_lines(order_id);"
        )
        for number in range(orders):
            completed = start + timedelta(minutes=chance.randrange(5 * 365 * 24 * 60))
            state = chance.choices(("closed", "open", "disputed"), (95, 4, 1))[0]
            told = None if state == "open" else completed.isoformat(" ", "seconds")
            row = (number, f"customer {chance.randrange(900)}", state, told, None)
            connection.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", row)
            lines = [(number, f"part {chance.randrange(50)}") for _ in range(chance.randrange(1, 4))]
            connection.executemany("INSERT INTO order_lines(order_id, goods) VALUES (?, ?)", lines)
