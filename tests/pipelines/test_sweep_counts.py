"""What the ledger says that a unit took is what went, whatever happens between the last check and the deed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from governance.errors import StoreError
from pipelines.settings import load_settings, wall_clock
from pipelines.sweep_room import Room
from pipelines.sweeping import apply_sweep, approve_sweep, certify_sweep, plan_sweep, verify_sweep
from retention.apply import apply_unit
from retention.holds import Hold
from retention.plan import Limit
from retention.stores.delta import FencedTable, TableSpec, create_table
from retention.sweeps import place_hold
from tests.postgresql import run_sql
from tests.retention.rooms import NOW, REGISTER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from retention.apply import Work
    from retention.plan import Plan
    from retention.sweeps import Sweep

SHOP = "shop.orders"
DUE = "(SELECT min(id) FROM orders WHERE completed_at IS NOT NULL)"
EMPTIED = "    action: anonymize\n    anonymize: {{treatments: {{customer: {{do: suppress}}}}, keep: [id, state]}}\n"
CHILDREN = "    children: [{{table: order_lines, column: order_id}}]\n"


@dataclass(frozen=True)
class Shop:
    """A room whose register names one table of orders with their lines, in a database of its own."""

    room: Room
    url: str

    def ask(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements; return the rows of the last."""
        return run_sql(self.url, *statements)

    def run(self, *statements: str) -> None:
        """Run statements."""
        self.ask(*statements)

    def count(self, table: str = "orders") -> int:
        """Count rows."""
        return int(self.ask(f"SELECT count(*) FROM {table}")[0][0])


@pytest.fixture
def shop(database: str, tmp_path: Path) -> Shop:
    """Return the same shop on each database."""
    return shop_on(database, tmp_path)


def shop_on(url: str, home: Path, register: str = REGISTER) -> Shop:
    """Make 40 orders with a line each, one every four days from April 2023 on; every tenth has no completion."""
    first = datetime(2023, 4, 1)  # noqa: DTZ001 - as a shop writes it
    orders = [(n, f"customer-{n % 5}", None if n % 10 == 0 else str(first + n * timedelta(days=4))) for n in range(40)]
    run_sql(
        url,
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT, state TEXT, completed_at TEXT, refunded_at TEXT)",
        "CREATE TABLE order_lines(id INTEGER PRIMARY KEY, order_id INTEGER REFERENCES orders(id), goods TEXT)",
        *(f"INSERT INTO orders VALUES ({n}, '{who}', 'closed', {text(done)}, NULL)" for n, who, done in orders),
        *(f"INSERT INTO order_lines VALUES ({n}, {n}, 'thing')" for n, _, _ in orders),
    )
    (home / "datasets.yaml").write_text(register.replace("sqlite:///{path}", url).format(), encoding="utf-8")
    return Shop(Room(load_settings(home=home)), url)


def text(value: str | None) -> str:
    """Write a value of this test's own as SQL."""
    return "NULL" if value is None else f"'{value}'"


def planned(room: Room, *only: str) -> Plan:
    """Plan and approve."""
    plan = plan_sweep(room, now=NOW, by="planner", limit=Limit(share=1.0), only=only)
    approve_sweep(room, plan.digest, "approver")
    return plan


def apply_with(room: Room, plan: Plan, meddle: Callable[[], None], *, before_the_lock: bool = False) -> Sweep:
    """Apply, and meddle once: after every check and before the first unit, or between its two looks at the rows."""
    waiting = [meddle]

    def once() -> None:
        if waiting:
            waiting.pop()()

    def meddling(work: Work) -> Work:
        def standing() -> Sequence[Hold]:
            found = work.standing_holds()
            once()
            return found

        return replace(work, standing_holds=standing)

    def work_off(sweep: Sweep, pending: Sequence[Any]) -> None:
        if not before_the_lock:
            once()
        for unit in pending:
            work = room.work(sweep.plan, unit.dataset)
            apply_unit(unit, meddling(work) if before_the_lock else work, room.ledger, wall_clock)

    done = apply_sweep(room, plan.digest, work_off)
    assert not waiting
    return done


def told(room: Room, plan: Plan, done: Sweep, dataset: str = SHOP) -> tuple[int, int, int]:
    """Return what the outcomes tell: rows, kept, changed; verification and certificate must agree with it."""
    report = verify_sweep(room, plan.digest)
    assert report["ok"], report
    found = next(one for one in report["datasets"] if one["dataset"] == dataset)
    entry = next(one for one in certify_sweep(room, plan.digest)["datasets"] if one["dataset"] == dataset)
    counts = (done.removed(dataset), done.kept(dataset), done.changed(dataset))
    assert counts == (found["removed"], found["kept"], found["changed"])
    assert counts == (entry["removed"], entry["kept_by_holds"], entry["changed_since"])
    assert len([note for note in entry["notes"] if "planned rows" in note]) == (counts[1] > 0) + (counts[2] > 0)
    return counts


@pytest.mark.parametrize("before_the_lock", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        f"UPDATE orders SET refunded_at = '2026-05-01 00:00:00' WHERE id = {DUE}",
        f"UPDATE orders SET state = 'disputed' WHERE id = {DUE}",
        f"UPDATE orders SET completed_at = NULL WHERE id = {DUE}",
    ],
)
def test_a_row_that_changed_is_not_counted_as_gone(shop: Shop, change: str, *, before_the_lock: bool) -> None:
    """Refunded, disputed or without its clock, it stays, and the unit says one less; before less gone is after."""
    plan = planned(shop.room, SHOP)
    done = apply_with(shop.room, plan, lambda: shop.run(change), before_the_lock=before_the_lock)
    assert told(shop.room, plan, done) == (plan.due - 1, 0, 1)
    assert done.removed_children(SHOP) == plan.due - 1
    assert shop.count() == shop.count("order_lines") == 40 - plan.due + 1


@pytest.mark.parametrize("before_the_lock", [False, True])
def test_a_hold_placed_in_the_middle_is_counted_as_kept(shop: Shop, *, before_the_lock: bool) -> None:
    """Between the two looks at a row too."""
    plan = planned(shop.room, SHOP)
    [(first,)] = shop.ask(f"SELECT {DUE}")

    def hold() -> None:
        listed = Hold("C-1", SHOP, "record", frozenset({str(first)}))
        place_hold(shop.room.ledger, listed, by="wu", reason="claim", wall=datetime.now(tz=UTC))

    done = apply_with(shop.room, plan, hold, before_the_lock=before_the_lock)
    assert told(shop.room, plan, done) == (plan.due - 1, 1, 0)
    assert shop.count() == shop.count("order_lines") == 40 - plan.due + 1


@pytest.mark.parametrize("before_the_lock", [False, True])
def test_a_row_that_its_owner_deleted_is_not_counted_as_swept(shop: Shop, *, before_the_lock: bool) -> None:
    """Gone by another hand: not by this sweep, and no reason to doubt it."""
    plan = planned(shop.room, SHOP)
    gone = (f"DELETE FROM order_lines WHERE order_id = {DUE}", f"DELETE FROM orders WHERE id = {DUE}")
    done = apply_with(shop.room, plan, lambda: shop.run(*gone), before_the_lock=before_the_lock)
    assert told(shop.room, plan, done) == (plan.due - 1, 0, 1)
    assert done.removed_children(SHOP) == plan.due - 1
    assert shop.count() == 40 - plan.due


def test_a_due_row_that_came_after_the_check_is_counted_too(shop: Shop) -> None:
    """It goes with its month, so the month says one more."""
    plan = planned(shop.room, SHOP)
    row = "INSERT INTO orders SELECT 9999, customer, state, completed_at, NULL FROM orders WHERE id = "
    done = apply_with(shop.room, plan, lambda: shop.run(row + DUE))
    assert told(shop.room, plan, done) == (plan.due + 1, 0, 0)
    assert shop.count() == 40 - plan.due


def test_verification_still_sees_what_nobody_planned(shop: Shop) -> None:
    """One row changed, and another one gone that was not due: the first does not excuse the second."""
    plan = planned(shop.room, SHOP)
    change = (
        f"UPDATE orders SET refunded_at = '2026-05-01 00:00:00' WHERE id = {DUE}",
        "DELETE FROM order_lines WHERE order_id >= 38",
        "DELETE FROM orders WHERE id >= 38",
    )
    done = apply_with(shop.room, plan, lambda: shop.run(*change))
    assert done.changed(SHOP) == 1
    [finding] = verify_sweep(shop.room, plan.digest)["datasets"]
    assert finding["wrong"] == ["1 more row is gone than planned"]


def test_an_anonymized_row_is_counted_once_it_is_empty(database: str, tmp_path: Path) -> None:
    """A row that changed keeps its name and is not among those that were emptied."""
    shop = shop_on(database, tmp_path, REGISTER.replace(CHILDREN, "") + EMPTIED)
    plan = planned(shop.room, SHOP)
    change = f"UPDATE orders SET state = 'open' WHERE id = {DUE}"
    done = apply_with(shop.room, plan, lambda: shop.run(change), before_the_lock=True)
    assert told(shop.room, plan, done) == (plan.due - 1, 0, 1)
    assert shop.ask("SELECT count(*) FROM orders WHERE customer IS NULL") == [(plan.due - 1,)]


def test_stopped_in_the_middle_of_a_unit_it_counts_what_both_runs_took(shop: Shop) -> None:
    """A held row is in neither; that a number rests on what was found later stands in the certificate."""
    plan = planned(shop.room, SHOP)
    first = plan.units[0]
    assert first.rows > 2
    [(kept,), (taken,)] = shop.ask("SELECT id FROM orders WHERE completed_at IS NOT NULL ORDER BY id LIMIT 2")

    class Stop(Exception):  # noqa: N818
        """Stands for a power cut."""

    def stop(_sweep: Sweep, _pending: Sequence[Any]) -> None:
        name = {"dataset": first.dataset, "part": first.part, "rows": first.rows}
        shop.room.ledger.append("sweep.intent", plan.digest, name, wall_clock())
        shop.ask(f"DELETE FROM order_lines WHERE order_id = {taken}", f"DELETE FROM orders WHERE id = {taken}")
        raise Stop

    with pytest.raises(Stop):
        apply_sweep(shop.room, plan.digest, stop)
    listed = Hold("C-1", SHOP, "record", frozenset({str(kept)}))
    place_hold(shop.room.ledger, listed, by="wu", reason="claim", wall=datetime.now(tz=UTC))
    done = apply_with(Room(shop.room.settings), plan, lambda: None)
    assert told(shop.room, plan, done) == (plan.due - 1, 1, 0)
    assert done.removed_children(SHOP) == plan.due - 1
    notes = certify_sweep(shop.room, plan.digest)["datasets"][0]["notes"]
    assert len([note for note in notes if "stopped in the middle" in note]) == 1


def test_a_key_that_two_rows_share_takes_neither(database: str, tmp_path: Path) -> None:
    """Named by a register, it would take a row with the due one that is not due: nothing goes."""
    register = REGISTER.replace(CHILDREN, "    key: [customer]\n")
    shop = shop_on(database, tmp_path, register)
    shop.run("DROP TABLE order_lines")
    plan = planned(shop.room, SHOP)
    with pytest.raises(StoreError, match="does not tell its rows apart"):
        apply_with(shop.room, plan, lambda: None)
    assert shop.count() == 40


LAKE = """\
stores:
  - {{id: lake2, kind: delta, url: "{path}"}}
datasets:
  - {{id: lake2.visits, store: lake2, table: visits, system: sepp, role: copy, class: LOG, zone: Asia/Shanghai,
     clock: {{due: due_date}}, subject: subject, key: [event_key]}}
"""
VISITS = pa.schema(
    [("event_key", pa.string()), ("day", pa.string()), ("due_date", pa.string()), ("subject", pa.string())]
)


@pytest.fixture
def lake(tmp_path: Path) -> tuple[Room, FencedTable]:
    """Return a lake with two partitions of which half the rows are due."""
    (tmp_path / "datasets.yaml").write_text(LAKE.format(path=tmp_path / "other"))
    spec = TableSpec(f"{tmp_path}/other/visits", VISITS, "day", ("day",))
    create_table(spec)
    table = FencedTable(spec)
    assert table.commit(table.write_files(visits(20)), {})
    return Room(load_settings(home=tmp_path)), table


def visits(number: int, first: int = 0, due: str = "2026-01-01") -> pa.Table:
    """Return visits of two days, of which every second is due."""
    rows = [
        (f"k{n}", f"2025-06-0{n % 2 + 1}", due if n % 4 < 2 else "2099-01-01", f"s{n}")
        for n in range(first, first + number)
    ]
    return pa.table(dict(zip(VISITS.names, zip(*rows, strict=True), strict=True)), schema=VISITS)


def test_rows_of_a_lake_that_came_late_or_are_held_are_counted_as_what_they_are(
    lake: tuple[Room, FencedTable],
) -> None:
    """A writer commits due rows into the partition in hand, and a case is placed, between choosing and committing."""
    room, table = lake
    plan = planned(room, "lake2.visits")
    assert plan.due == 10

    def meddle() -> None:
        table.refresh()
        assert table.commit(table.write_files(visits(4, first=100)), {})
        listed = Hold("C-1", "lake2.visits", "record", frozenset({"k0", "k1", "k4"}))
        place_hold(room.ledger, listed, by="wu", reason="claim", wall=datetime.now(tz=UTC))

    done = apply_with(room, plan, meddle, before_the_lock=True)
    assert told(room, plan, done, "lake2.visits") == (10 + 2 - 3, 3, 0)
    table.refresh()
    assert table.dataset().count_rows() == 24 - 9


def test_a_lake_tells_the_same_number_when_the_outcome_was_lost(lake: tuple[Room, FencedTable]) -> None:
    """Killed between commit and outcome: the commit itself says how many rows went."""
    room, _ = lake
    plan = planned(room, "lake2.visits")
    place_hold(
        room.ledger,
        Hold("C-1", "lake2.visits", "record", frozenset({"k0"})),
        by="wu",
        reason="claim",
        wall=datetime.now(tz=UTC),
    )

    class Deaf:
        """The ledger of a process that dies before its outcome is written."""

        require_lock = room.ledger.require_lock

        def append(self, kind: str, *content: Any) -> None:
            if kind == "sweep.outcome":
                raise KeyboardInterrupt
            room.ledger.append(kind, *content)

    def die(sweep: Sweep, pending: Sequence[Any]) -> None:
        apply_unit(pending[0], room.work(sweep.plan, pending[0].dataset), Deaf(), wall_clock)  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        apply_sweep(room, plan.digest, die)
    done = apply_with(Room(room.settings), plan, lambda: None)
    assert told(room, plan, done, "lake2.visits") == (9, 1, 0)
