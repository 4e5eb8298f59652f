"""What ops look at every day: the forecast of what falls due, and the line that says what is overdue."""

from __future__ import annotations

import json
import subprocess
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from governance.calendar import local_date
from governance.errors import UsageError
from pipelines import cli
from pipelines.due_picture import to_svg
from pipelines.settings import load_settings, wall_clock
from pipelines.sweep_room import Room
from pipelines.sweeping import plan_sweep
from retention.plan import Limit
from retention.sweeps import list_sweeps
from tests.integration.processes import EBB
from tests.integration.sweeps import vault_with_due_orders
from tests.retention.rooms import make_room, query

if TYPE_CHECKING:
    from pathlib import Path

DAYS = 30


def today() -> date:
    """Return the +08:00 date."""
    return local_date(wall_clock())


def three_years_ago(days: int = 0) -> date:
    """Return the day three years before the one `days` from today."""
    day = today() + timedelta(days=days)
    return day.replace(year=day.year - 3, day=min(day.day, 28))


def ebb(home: Path, *arguments: str) -> tuple[int, str, list[str]]:
    """Run a command as a process; return its exit code, standard output and the lines of standard error."""
    command = [str(EBB), *arguments, "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr.splitlines()


def answer(home: Path, *arguments: str) -> dict[str, Any]:
    """Run a command that must succeed and return its document."""
    code, out, errors = ebb(home, *arguments, "--json")
    assert code == 0, errors
    document: dict[str, Any] = json.loads(out)
    return document


def three_years_later(day: date) -> date:
    """Return the day on which a transaction completed on `day` is due, worked out by hand."""
    leap = (day.month, day.day) == (2, 29)
    return date(day.year + 3, 3, 1) if leap else day.replace(year=day.year + 3) + timedelta(days=1)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home: orders that fall due from about 20 days ago to 60 days hence, a vault's from today on."""
    make_room(tmp_path, orders=1)
    query(tmp_path, "DELETE FROM order_lines")
    query(tmp_path, "DELETE FROM orders")
    for number in range(80):
        moment = f"{three_years_ago(-20) + timedelta(days=number)} 12:00:00"
        query(tmp_path, f"INSERT INTO orders VALUES ({number}, 'customer-1', 'closed', '{moment}', NULL)")
    vault_with_due_orders(tmp_path, orders=50, first=three_years_ago())
    return tmp_path


def test_the_forecast_counts_what_falls_due_within_thirty_days(home: Path) -> None:
    """Database and vault as worked out by hand; nothing is recorded, nothing can be applied, and it says so."""
    horizon = today() + timedelta(days=DAYS)
    days = [date.fromisoformat(row[0][:10]) for row in query(home, "SELECT completed_at FROM orders")]
    orders = sum(three_years_later(day) <= horizon for day in days)
    completed = [three_years_ago() + timedelta(days=number) for number in range(50)]
    events = 3 * sum(three_years_later(day) <= horizon for day in completed)
    assert 0 < orders < 80
    assert 0 < events < 150

    told = answer(home, "sweep", "plan", "--due-within", f"{DAYS}d")
    due = {share["dataset"]: sum(u["rows"] for u in share["units"]) for share in told["shares"]}
    assert due == {"dead_letters": 0, "shop.orders": orders, "vault.transactions": events}
    assert told["due"] == orders + events == sum(line["due"] for line in told["calendar"])
    assert (told["forecast"], told["overdue"]) == (True, [])
    assert answer(home, "sweep", "list") == {"sweeps": []}
    code, _, errors = ebb(home, "sweep", "apply", told["digest"])
    assert (code, len(errors)) == (3, 1)
    code, shown, errors = ebb(home, "sweep", "plan", "--due-within", f"{DAYS}d")
    assert (code, errors) == (0, [])
    assert shown.startswith(f"Forecast for {wall_clock() + timedelta(days=DAYS):%Y-%m-%d}")
    assert "A forecast is not recorded and cannot be applied." in shown
    assert "Next: ebb sweep approve" not in shown
    assert len(query(home, "SELECT 1 FROM orders")) == 80


@pytest.mark.parametrize("days", ["0d", "1", "9999d"])
def test_every_forecast_is_one_however_near(tmp_path: Path, days: str) -> None:
    """Today's is not recorded either."""
    make_room(tmp_path)
    result = CliRunner().invoke(cli.ebb, ["sweep", "plan", "--due-within", days, "--home", str(tmp_path)])
    assert result.output.startswith("Forecast for ")
    assert Room(load_settings(home=tmp_path)).ledger.entries() == []


@pytest.mark.parametrize("days", ["soon", "-1d", "30h", "99999d", "٣d"])
def test_what_is_no_number_of_days_is_a_wrong_call(tmp_path: Path, days: str) -> None:
    """Exit 2 and how it is written."""
    result = CliRunner().invoke(cli.ebb, ["sweep", "plan", f"--due-within={days}", "--home", str(tmp_path)])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == "--due-within takes days, such as 30d; at most four digits"


def test_the_picture_is_written_after_the_plan_was_shown(tmp_path: Path) -> None:
    """A file of the same months, also when rows are overdue; a place that takes none is a wrong call, said last."""
    make_room(tmp_path)
    plan = ["sweep", "plan", "--home", str(tmp_path), "--calendar"]
    result = CliRunner().invoke(cli.ebb, [*plan, str(tmp_path / "due.svg")])
    assert str(result.exception).startswith("OVERDUE")
    (sweep,) = list_sweeps(Room(load_settings(home=tmp_path)).ledger)
    assert (tmp_path / "due.svg").read_text(encoding="utf-8") == to_svg(sweep.plan)
    result = CliRunner().invoke(cli.ebb, [*plan, str(tmp_path / "none" / "due.svg")])
    assert isinstance(result.exception, UsageError)
    assert "name another file for --calendar" in str(result.exception)
    assert "Next: if that is right, plan anew" in result.output


@pytest.mark.parametrize("only", [(), ("--dataset", "shop.orders")])
def test_overdue_is_one_line_for_monitoring(tmp_path: Path, only: tuple[str, ...]) -> None:
    """A recorded plan with rows due for more than thirty days ends with 1 and one line, also for one dataset."""
    room = make_room(tmp_path)
    code, out, errors = ebb(tmp_path, "sweep", "plan", *only, "--json")
    assert (code, len(errors)) == (1, 1)
    assert errors[0].startswith("ebb: OVERDUE by more than 30 days: shop.orders (since ")
    document = json.loads(out)
    assert document["overdue"] == ["shop.orders"]
    assert [entry.reference for entry in room.ledger.entries("sweep.plan")] == [document["digest"]]


def test_a_drill_and_what_is_late_by_less_are_no_alarm(tmp_path: Path) -> None:
    """A drill looks at another day; thirty days of grace end with the thirtieth, in +08:00."""
    make_room(tmp_path)
    code, _, errors = ebb(tmp_path, "sweep", "plan", "--now", "2026-06-01T00:00:00Z")
    assert (code, errors) == (0, [])
    query(tmp_path, "UPDATE orders SET completed_at = NULL WHERE id > 1")
    grace = today() - timedelta(days=DAYS)
    days = [grace - timedelta(days=1100 - number) for number in range(10)]
    late = max(day for day in days if three_years_later(day) < grace)  # not each day is one on which something is due
    for completed, overdue in ((min(day for day in days if three_years_later(day) >= grace), 0), (late, 1)):
        query(tmp_path, f"UPDATE orders SET completed_at = '{completed} 12:00:00' WHERE id = 1")
        plan = plan_sweep(Room(load_settings(home=tmp_path)), now=None, by="a", limit=Limit(share=1.0))
        assert (plan.due, len(plan.overdue(plan.now))) == (1, overdue)
