"""`ebb sweep plan --presume-closed`: rows of a database without a clock, from plan to certificate (R-RET-07)."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.errors import RefusedError, UsageError
from pipelines.settings import load_settings, wall_clock
from pipelines.sweep_room import Room
from pipelines.sweeping import apply_sweep, approve_sweep, certify_sweep, plan_sweep, verify_sweep
from retention.apply import apply_unit
from retention.plan import Limit
from retention.stores.sql import SqlStore
from retention.survey import survey
from retention.sweeps import find_sweep
from retention.witness.opinion import form_opinion
from tests.pipelines.calling import answer, call, code
from tests.postgresql import run_sql
from tests.retention.rooms import NOW, apply_here

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from retention.apply import Work
    from retention.datasets import Dataset
    from retention.plan import Plan
    from retention.sweeps import Sweep

SHOP = "shop.orders"
REGISTER = """\
stores: [{{id: shop, kind: sql, url: "{url}"}}]
datasets:
  - id: shop.orders
    store: shop
    table: orders
    system: sepp
    role: record
    class: TXN
    zone: Asia/Shanghai
    clock: {{columns: [completed_at], optional: [refunded_at], last_changed: updated_at}}
    open: {{column: state, values: [disputed]}}
    subject: customer
    children: [{{table: order_lines, column: order_id}}]
"""
ORDERS = (
    # id, state, completed_at, refunded_at, updated_at; judged on 1 June 2026
    (1, "closed", None, None, "2023-05-30 12:00:00"),  # due by presumption
    (2, "closed", None, None, "2023-05-30 12:00:00"),  # due by presumption
    (3, "closed", None, None, "2023-06-01 12:00:00"),  # its floor ends tomorrow
    (4, "closed", None, None, "2025-06-01 12:00:00"),  # its year ends tomorrow
    (5, "disputed", None, None, "2019-01-01 00:00:00"),
    (6, "closed", "2023-05-01 00:00:00", None, "2026-05-01 00:00:00"),  # due by its clock
    (7, "closed", "2023-06-15 00:00:00", None, "2019-01-01 00:00:00"),
    (8, "closed", None, None, None),
    (9, "closed", None, "2023-06-15 00:00:00", "2019-01-01 00:00:00"),  # refunded after its last change
)


class Shop:
    """A shop with a register, on a database of its own."""

    def __init__(self, url: str, home: Path, register: str = REGISTER) -> None:
        self.url, self.home = url, home
        self.run(
            "CREATE TABLE orders(id INTEGER PRIMARY KEY, state TEXT, completed_at TIMESTAMP, refunded_at TIMESTAMP,"
            " updated_at TIMESTAMP, customer TEXT)",
            "CREATE TABLE order_lines(id INTEGER PRIMARY KEY, order_id INTEGER REFERENCES orders(id))",
            *(f"INSERT INTO orders VALUES ({', '.join(map(literal, row))}, 'somebody')" for row in ORDERS),
            *(f"INSERT INTO order_lines VALUES ({row[0]}, {row[0]})" for row in ORDERS),
        )
        (home / "datasets.yaml").write_text(register.format(url=url), encoding="utf-8")
        self.room = Room(load_settings(home=home))

    def run(self, *statements: str) -> None:
        """Run statements."""
        run_sql(self.url, *statements)

    def ids(self) -> set[int]:
        """Return the orders that are there."""
        return {row[0] for row in run_sql(self.url, "SELECT id FROM orders")}

    def planned(self, *, presume: bool = True) -> Plan:
        """Plan and approve."""
        limit = Limit(share=1.0)
        plan = plan_sweep(self.room, now=NOW, by="lin", limit=limit, only=[SHOP], presume=presume)
        approve_sweep(self.room, plan.digest, "wang")
        return plan


def literal(value: object) -> str:
    """Write a value of this test's own as SQL."""
    return "NULL" if value is None else repr(value)


@pytest.fixture
def shop(database: str, tmp_path: Path) -> Shop:
    """Return the shop on each database."""
    return Shop(database, tmp_path)


def cells(plan: Plan) -> dict[str, int]:
    """Return a plan's rows by status."""
    [share] = plan.shares
    return {status: share.count(status) for status in {cell.status for cell in share.cells}}


def test_rows_without_a_clock_go_three_years_after_their_last_change(shop: Shop) -> None:
    """By an approved plan that says so; open, lately changed and unknown rows stay held, and all of it agrees."""
    plan = shop.planned()
    assert cells(plan) == {"due": 3, "keep": 3, "open": 1, "RET_NO_CLOCK": 2}
    assert (plan.share(SHOP).presumed, plan.presume_closed) == (4, True)
    assert plan.share(SHOP).oldest_due == "2026-05-02"  # of the row with a clock: what is presumed is not overdue
    done = apply_here(shop.room, plan.digest)
    assert (done.removed(SHOP), done.removed_children(SHOP), done.changed(SHOP)) == (3, 3, 0)
    assert shop.ids() == {3, 4, 5, 7, 8, 9}
    assert verify_sweep(shop.room, plan.digest)["ok"]
    [entry] = certify_sweep(shop.room, plan.digest)["datasets"]
    assert [note for note in entry["notes"] if "4 rows without a clock" in note and "R-RET-07" in note]
    assert find_sweep(shop.room.ledger, plan.digest).plan == plan


def test_without_the_flag_nothing_changes(shop: Shop) -> None:
    """The register's key alone presumes nothing; a change of that column alone voids no plan."""
    plan = shop.planned(presume=False)
    assert cells(plan) == {"due": 1, "keep": 1, "open": 1, "RET_NO_CLOCK": 6}
    assert "presume" not in plan.to_json()
    shop.run("UPDATE orders SET updated_at = '2026-05-31 00:00:00'")
    assert apply_here(shop.room, plan.digest).removed(SHOP) == 1
    assert verify_sweep(shop.room, plan.digest)["ok"]
    assert shop.ids() == {1, 2, 3, 4, 5, 7, 8, 9}


def test_the_digest_tells_whether_anything_is_presumed(shop: Shop) -> None:
    """Whoever approves a plan approves its presumption."""
    plan = shop.planned()
    other = plan.model_copy(update={"presume_closed": False})
    assert plan.digest != other.digest
    fewer = plan.model_copy(update={"shares": (plan.share(SHOP).model_copy(update={"presumed": 3}),)})
    assert plan.digest != fewer.digest


def test_a_row_that_changed_since_the_plan_voids_it(shop: Shop) -> None:
    """Heard of again before the sweep begins: plan anew, and it stays."""
    plan = shop.planned()
    shop.run("UPDATE orders SET updated_at = '2026-05-31 00:00:00' WHERE id = 1")
    with pytest.raises(RefusedError, match="plan anew"):
        apply_here(shop.room, plan.digest)
    assert cells(shop.planned()) == {"due": 2, "keep": 3, "open": 1, "RET_NO_CLOCK": 3}
    assert len(shop.ids()) == 9


@pytest.mark.parametrize("before_the_lock", [False, True])
@pytest.mark.parametrize("change", ["updated_at = '2026-05-31 00:00:00'", "state = 'disputed'", "updated_at = NULL"])
def test_a_row_that_changes_while_the_sweep_is_at_work_stays(shop: Shop, change: str, *, before_the_lock: bool) -> None:
    """After the last check, or between a row's first look and its lock: kept, told, and verified."""
    plan, waiting = shop.planned(), [f"UPDATE orders SET {change} WHERE id = 1"]

    def meddle() -> None:
        if waiting:
            shop.run(waiting.pop())

    def meddling(work: Work) -> Work:
        def standing() -> Sequence[Any]:
            found = work.standing_holds()
            meddle()
            return found

        return replace(work, standing_holds=standing)

    def work_off(sweep: Sweep, pending: Sequence[Any]) -> None:
        if not before_the_lock:
            meddle()
        for unit in pending:
            work = shop.room.work(sweep.plan, unit.dataset)
            apply_unit(unit, meddling(work) if before_the_lock else work, shop.room.ledger, wall_clock)

    done = apply_sweep(shop.room, plan.digest, work_off)
    assert not waiting
    assert (done.removed(SHOP), done.kept(SHOP), done.changed(SHOP)) == (2, 0, 1)
    assert shop.ids() == {1, 3, 4, 5, 7, 8, 9}
    assert verify_sweep(shop.room, plan.digest)["ok"]


def test_a_row_that_was_emptied_is_changed_by_that(database: str, tmp_path: Path) -> None:
    """Where rows are anonymized, and their database notes each change, verification does not miss them."""
    keep = "keep: [id, state, completed_at, refunded_at, updated_at]"
    action = (
        f"    action: anonymize\n    anonymize: {{{{treatments: {{{{customer: {{{{do: suppress}}}}}}}}, {keep}}}}}\n"
    )
    children = "    children: [{{table: order_lines, column: order_id}}]\n"
    shop = Shop(database, tmp_path, REGISTER.replace(children, "") + action)
    plan = shop.planned()

    def work_off(sweep: Sweep, pending: Sequence[Any]) -> None:
        for unit in pending:
            apply_unit(unit, shop.room.work(sweep.plan, SHOP), shop.room.ledger, wall_clock)
        shop.run("UPDATE orders SET updated_at = '2026-05-31 00:00:00' WHERE customer IS NULL")

    assert apply_sweep(shop.room, plan.digest, work_off).removed(SHOP) == 3
    report = verify_sweep(shop.room, plan.digest)
    assert report["ok"], report
    assert len(shop.ids()) == 9


def test_on_the_command_line(tmp_path: Path) -> None:
    """The plan says how many, the register's column is checked, and without one the flag is a mistake."""
    shop = Shop(f"sqlite:///{tmp_path}/shop.sqlite", tmp_path)
    assert "every one as registered" in call(tmp_path, "datasets", "check").output
    plan = ("sweep", "plan", "--now", "2026-06-01T00:00:00Z", "--limit-share", "1")
    said = call(tmp_path, *plan, "--presume-closed").output
    assert "PRESUMED closed at their last change (R-RET-07): shop.orders, 4 rows" in said
    assert "PRESUMED" not in call(tmp_path, *plan).output
    document = answer(tmp_path, *plan, "--presume-closed")
    assert document["presume_closed"] is True
    assert [share["presumed"] for share in document["shares"] if share["dataset"] == SHOP] == [4]
    assert "PRESUMED" in call(tmp_path, "sweep", "show", document["digest"]).output
    register = shop.home / "datasets.yaml"
    whole = register.read_text()
    register.write_text(whole.replace("updated_at", "touched_at"))
    missing = call(tmp_path, "datasets", "check", "--json")
    assert "the table orders has no column touched_at" in str(json.loads(missing.stdout)["problems"])
    assert code(call(tmp_path, *plan, "--presume-closed")) == 3
    register.write_text(whole.replace("updated_at", "id"))
    wrong = call(tmp_path, "datasets", "check", "--json")
    assert "the clock id is of type int64, which is no time" in str(json.loads(wrong.stdout)["problems"])
    register.write_text(whole.replace(", last_changed: updated_at", ""))
    refused = call(tmp_path, *plan, "--presume-closed")
    assert isinstance(refused.exception, UsageError)
    assert "last_changed" in str(refused.exception)


FIRST, LAST = datetime(2021, 1, 1), datetime(2027, 1, 1)  # noqa: DTZ001 - as a shop writes them
WRITTEN = st.sampled_from(["", "never", "2023-05-31", "2025-05-31"])
TIMES = st.none() | WRITTEN | st.datetimes(FIRST, LAST).map(str)
ROWS = st.lists(st.tuples(st.sampled_from(["closed", "disputed"]), TIMES, TIMES, TIMES), min_size=1, max_size=30)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.sampled_from(["record", "copy"]), st.datetimes(datetime(2024, 1, 1), LAST))  # noqa: DTZ001
def test_plan_and_second_reading_agree_on_any_rows(
    rows: list[tuple[str, str | None, str | None, str | None]], role: str, now: datetime
) -> None:
    """Two implementations count the same rows in the same months; nothing is due within three years of a change."""
    moment = now.replace(tzinfo=UTC)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/shop.sqlite"
        with closing(sqlite3.connect(f"{folder}/shop.sqlite")) as connection, connection:
            connection.execute(
                "CREATE TABLE orders(id INTEGER PRIMARY KEY, state TEXT, completed_at TIMESTAMP, refunded_at TIMESTAMP,"
                " updated_at TEXT)"
            )
            connection.executemany(
                "INSERT INTO orders(state, completed_at, refunded_at, updated_at) VALUES (?, ?, ?, ?)", rows
            )
        dataset = table(role)
        share = survey(dataset, SqlStore(url), moment, ())
        seen = form_opinion(dataset, "sql", url, moment, (), wall=moment)
        plain = survey(dataset.judged(presume=False), SqlStore(url), moment, ())
    assert Counter({c.month: c.rows for c in share.cells if c.status == "due"}) == seen.due
    other = Counter[str]()
    for cell in share.cells:
        other[cell.month] += cell.rows if cell.status != "due" else 0
    assert +other == +seen.other
    assert share.due >= plain.due
    assert share.count("RET_NO_CLOCK") == plain.count("RET_NO_CLOCK") - share.presumed
    assert share.count("open") == plain.count("open")
    if all(row[3] is not None and row[3][:4] >= str(moment.year - 2) for row in rows):
        assert share.due == plain.due


def table(role: str) -> Dataset:
    """Return the register's dataset without children."""
    from retention.datasets import Clock, Dataset, OpenStates  # noqa: PLC0415 - the names are used here alone

    return Dataset(
        id=SHOP,
        store="shop",
        table="orders",
        system="sepp",
        role=role,  # type: ignore[arg-type]
        retention="TXN",
        zone="Europe/London",
        clock=Clock(columns=("completed_at",), optional=("refunded_at",), last_changed="updated_at"),
        open=OpenStates(column="state", values=("disputed",)),
    )
