"""`ebb vault waiting` and `ebb vault presume` as a person types them, killed half-way, and the sweep afterwards."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from governance.calendar import local_date
from governance.errors import RefusedError
from pipelines import presuming, settlement
from pipelines.settings import load_settings, wall_clock
from pipelines.sweep_room import Room
from pipelines.sweeping import apply_sweep, approve_sweep, plan_sweep, verify_sweep
from retention.plan import Limit
from retention.stores.delta import open_table
from tests.pipelines.calling import answer, call, code
from tests.retention.rooms import apply_here, work_off
from tests.transactions import step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retention.plan import Plan
    from retention.sweeps import Sweep

EXIT = 137
KILLED = f"""
import os, sys
from pipelines import cli
from retention.stores.delta import FencedTable
from retention.vault import settling
settling.FILES_IN_A_UNIT = 1
real = FencedTable.commit
def commit(*arguments, **keywords):
    real(*arguments, **keywords)
    os._exit({EXIT})
FencedTable.commit = commit
cli.main()
"""


def arrive(home: Path, lines: Sequence[bytes], now: str) -> None:
    """Run records into the vault as on a day."""
    source = home.parent / f"{now[:10]}.ndjson"
    source.write_bytes(b"\n".join(lines))
    report = answer(home, "run", "transactions", "--from", f"files:{source}", "--now", now, "--drain")
    assert (report["read"], report["rows"]) == (len(lines), len(lines)), report


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """Return a home of the test's own."""
    return Path(shutil.copytree(made, tmp_path / "home"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with three orders that stopped in January 2023, in two files, one of them in dispute."""
    home = tmp_path_factory.mktemp("made") / "home"
    arrive(home, [step("order_created", "2023-01-10", order=one) for one in "ABD"], "2023-01-11T00:00:00Z")
    late = [step("order_paid", "2023-01-20", order=one) for one in "AB"]
    arrive(home, [*late, step("order_disputed", "2023-01-20", order="D")], "2023-01-21T00:00:00Z")
    return home


def rows(home: Path) -> list[dict[str, Any]]:
    """Return the vault's clear columns."""
    dataset = open_table(str(home / "lake" / "vault" / "transactions")).dataset()
    found: list[dict[str, Any]] = dataset.to_table(columns=["event_type", "due_date", "completed_date"]).to_pylist()
    return found


def test_presumed_closed_killed_half_way_carried_out_and_swept_when_due(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listed, planned, refused without another's approval, killed, finished once, told in commits and ledger, swept."""
    monkeypatch.setenv("EBB_SECOND_PAIR_OF_EYES", "true")
    listed = answer(home, "vault", "waiting")
    assert {(one["month"], one["event_type"], one["why"], one["rows"]) for one in listed["waiting"]} == {
        ("2023-01", "order_created", "presumable", 2),
        ("2023-01", "order_paid", "presumable", 2),
        ("2023-01", "order_created", "in dispute", 1),
        ("2023-01", "order_disputed", "in dispute", 1),
    }
    plan = answer(home, "vault", "presume", "plan", "--by", "lin")
    assert (plan["orders"], plan["rows"]) == (2, 4)
    assert "marks" not in plan
    digest = plan["digest"]
    assert code(call(home, "vault", "presume", "apply", digest)) == 3
    assert code(call(home, "vault", "presume", "approve", digest, "--by", "lin")) == 3
    assert "4 records" in call(home, "vault", "presume", "approve", digest, "--by", "wang").output

    command = ["vault", "presume", "apply", digest, "--home", str(home)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *command], capture_output=True, check=False)
    assert killed.returncode == EXIT, killed.stderr
    assert sum(row["due_date"] is not None for row in rows(home)) == 2
    assert "applying" in call(home, "vault", "presume", "show", digest).output

    done = answer(home, "vault", "presume", "apply", digest)
    assert done["applied"] == {"orders": 2, "rows": 4, "left_out": 0}
    assert "records of 2 orders" in call(home, "vault", "presume", "apply", digest).output
    ledger = Room(load_settings(home=home)).ledger
    assert [entry.kind for entry in ledger.entries("presumption.")] == [
        f"presumption.{one}" for one in ("plan", "approval", "begun", "applied")
    ]
    table = open_table(str(home / "lake" / "vault" / "transactions"))
    assert sum(entry.get("ebb.presumed") == digest for entry in table.commits()) == 2
    due = [row for row in rows(home) if row["due_date"]]
    assert {(row["due_date"], row["completed_date"]) for row in due} == {("2026-01-21", None)}
    assert call(home, "vault", "settle").exception is None
    assert len([row for row in rows(home) if row["due_date"]]) == 4
    assert "4 records lie in the vault presumed closed" in call(home, "vault", "waiting").output

    room = Room(load_settings(home=home))
    sweep = plan_sweep(room, now=None, by="lin", limit=Limit(share=1.0))
    assert sweep.due == 4
    approve_sweep(room, sweep.digest, "wang")
    apply_here(room, sweep.digest)
    assert verify_sweep(room, sweep.digest)["ok"]
    assert {row["event_type"] for row in rows(home)} == {"order_created", "order_disputed"}


def presumed(home: Path) -> Room:
    """Presume closed what may be, and return the room."""
    digest = answer(home, "vault", "presume", "plan", "--by", "lin")["digest"]
    answer(home, "vault", "presume", "approve", digest, "--by", "wang")
    assert answer(home, "vault", "presume", "apply", digest)["applied"]["rows"] == 4
    return Room(load_settings(home=home))


def planned(room: Room) -> Plan:
    """Plan and approve a sweep."""
    plan = plan_sweep(room, now=None, by="lin", limit=Limit(share=1.0))
    approve_sweep(room, plan.digest, "wang")
    return plan


def hears(home: Path, order: str) -> None:
    """Let yesterday's dispute about an order arrive today."""
    yesterday = local_date(wall_clock()) - timedelta(days=1)
    arrive(home, [step("order_disputed", yesterday.isoformat(), order=order)], wall_clock().isoformat())


def test_a_presumed_order_that_is_heard_of_again_stays_until_it_is_settled(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-RET-07: due at once; what is heard today is settled tomorrow, and until then no plan takes its order."""
    room = presumed(home)
    old = planned(room)
    assert old.due == 4
    hears(home, "B")
    with pytest.raises(RefusedError, match="plan anew"):
        apply_here(room, old.digest)
    plan = planned(room)
    assert plan.due == 2
    assert apply_here(room, plan.digest).removed("vault.transactions") == 2
    assert verify_sweep(room, plan.digest)["ok"]
    assert sum(row["due_date"] is not None for row in rows(home)) == 2
    tomorrow = wall_clock() + timedelta(days=1)
    monkeypatch.setattr(settlement, "wall_clock", lambda: tomorrow)
    assert call(home, "vault", "settle").exception is None
    assert all(row["due_date"] is None for row in rows(home))
    assert len(rows(home)) == 2 + 3


def test_a_completed_order_in_dispute_since_the_last_settling_stays(home: Path) -> None:
    """Due, and disputed today: a plan from before is refused, a new one holds the order (R-RET-06)."""
    sold = [step("order_paid", "2023-01-12", order="C"), step("order_delivered", "2023-01-20", order="C")]
    arrive(home, sold, "2023-02-01T00:00:00Z")
    assert call(home, "vault", "settle").exception is None
    room = Room(load_settings(home=home))
    old = planned(room)
    assert old.due == 2
    hears(home, "C")
    with pytest.raises(RefusedError, match="plan anew"):
        apply_here(room, old.digest)
    assert planned(room).due == 0
    assert len(rows(home)) == 6 + 3


def test_what_is_heard_of_while_a_sweep_is_at_work_stays_and_is_counted(home: Path) -> None:
    """Asked again right before the deed: rows of an approved unit whose order has news are kept, as those of a case."""
    room = presumed(home)
    plan = planned(room)

    def late(sweep: Sweep, pending: Sequence[Any]) -> None:
        hears(home, "A")
        work_off(room, sweep, pending)

    done = apply_sweep(room, plan.digest, late)
    assert (done.removed("vault.transactions"), [one["kept"] for one in done.outcomes.values()]) == (2, [2])
    assert verify_sweep(room, plan.digest)["ok"]
    assert len(rows(home)) == 2 + 3


def test_nothing_is_presumed_before_its_time(home: Path) -> None:
    """An instant to come is refused; in the twelfth month nothing may be presumed yet."""
    assert code(call(home, "vault", "presume", "plan", "--now", "2099-01-01T00:00:00Z")) == 3
    early = call(home, "vault", "presume", "plan", "--now", "2024-01-21T15:00:00Z")
    assert "Nothing can be presumed closed" in early.output
    assert "heard of lately" in call(home, "vault", "waiting", "--now", "2024-01-21T15:00:00Z").output
    assert "Next: ebb vault presume approve" in call(home, "vault", "presume", "plan").output


def test_a_drill_says_so_in_every_commit(home: Path) -> None:
    """An instant that was given stands in plan and commits; what is settled in the meantime is left out."""
    digest = answer(home, "vault", "presume", "plan", "--now", "2025-06-01T00:00:00Z")["digest"]
    answer(home, "vault", "presume", "approve", digest, "--by", "wang")
    arrive(home, [step("order_delivered", "2023-02-01", order="B")], "2026-11-01T00:00:00Z")
    assert "left out, heard of since              1" in call(home, "vault", "presume", "apply", digest).output
    commits = open_table(str(home / "lake" / "vault" / "transactions")).commits()
    assert [one["ebb.now"][:10] for one in commits if one.get("ebb.presumed") == digest] == ["2025-06-01"]
    assert "(given)" in call(home, "vault", "presume", "show", digest).output


def test_an_old_plan_is_neither_approved_nor_carried_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day later the vault may hold other news: plan anew."""
    digest = answer(home, "vault", "presume", "plan")["digest"]
    later = presuming.wall_clock() + timedelta(hours=25)
    monkeypatch.setattr(presuming, "wall_clock", lambda: later)
    for word in ("approve", "apply"):
        assert code(call(home, "vault", "presume", word, digest)) == 3


def test_a_ledger_that_was_changed_presumes_nothing(home: Path) -> None:
    """On a record that cannot be trusted no order is taken for closed."""
    digest = answer(home, "vault", "presume", "plan", "--by", "lin")["digest"]
    answer(home, "vault", "presume", "approve", digest, "--by", "wang")
    with sqlite3.connect(home / "ledger.sqlite") as connection:
        connection.execute("DROP TRIGGER ebb_ledger_no_update")
        connection.execute("UPDATE ebb_ledger SET recorded = '2020' WHERE kind = 'presumption.approval'")
    connection.close()
    assert code(call(home, "vault", "presume", "apply", digest)) == 1
    assert all(row["due_date"] is None for row in rows(home))
