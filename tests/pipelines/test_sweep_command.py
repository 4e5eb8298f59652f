"""`ebb sweep`, `ebb datasets`, `ebb hold` and `ebb ledger` as a person types them, with Beam's embedded engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from governance.errors import EbbError
from pipelines.cli import ebb
from tests.retention.rooms import NOW, REGISTER, make_room, query

if TYPE_CHECKING:
    from pathlib import Path


def call(home: Path, *arguments: str) -> Result:
    """Run a command in a home."""
    return CliRunner().invoke(ebb, [*arguments, "--home", str(home)])


def answer(home: Path, *arguments: str) -> dict[str, object]:
    """Run a command that must succeed and return its JSON."""
    result = call(home, *arguments, "--json")
    assert result.exception is None, result.exception
    document = json.loads(result.stdout)
    assert isinstance(document, dict)
    return document


def code(result: Result) -> int:
    """Return the exit code that `ebb` gives for ebb's own errors."""
    return result.exception.exit_code if isinstance(result.exception, EbbError) else result.exit_code


def test_plan_approve_apply_verify_certificate_check(tmp_path: Path) -> None:
    """The whole way, with the certificate written, checked, and refused after one changed letter."""
    make_room(tmp_path)
    plan = answer(tmp_path, "sweep", "plan", "--now", "2026-06-01T00:00:00Z", "--limit-share", "1", "--by", "lin")
    digest = str(plan["digest"])
    assert code(call(tmp_path, "sweep", "apply", digest)) == 3
    assert "rows" in call(tmp_path, "sweep", "approve", digest, "--by", "wang").output
    applied = answer(tmp_path, "sweep", "apply", digest)
    assert applied["state"] == "applied"
    assert sum(d["rows"] for d in applied["datasets"]) == plan["due"]  # type: ignore[attr-defined]
    assert answer(tmp_path, "sweep", "verify", digest)["ok"]
    target = tmp_path / "certificate.json"
    assert call(tmp_path, "sweep", "certificate", digest, "--to", str(target)).exit_code == 0
    assert "Valid" in call(tmp_path, "sweep", "certificate", "--check", str(target)).output
    assert "Certificate of deletion" in target.with_suffix(".md").read_text()
    target.write_text(target.read_text().replace('"removed": ', '"removed": 1'))
    assert code(call(tmp_path, "sweep", "certificate", "--check", str(target))) == 1
    assert "certified" in call(tmp_path, "sweep", "list").output
    assert "certified" in call(tmp_path, "sweep", "show", digest).output
    assert "chain whole" in call(tmp_path, "ledger", "verify").output
    assert "sweep.certificate" in call(tmp_path, "ledger", "show").output


def test_the_default_limit_refuses_and_says_what_to_do(tmp_path: Path) -> None:
    """Exit 3 before the first delete; the message names the option."""
    make_room(tmp_path)
    shown = call(tmp_path, "sweep", "plan", "--now", "2026-06-01T00:00:00Z")
    assert "OVER THE LIMIT" in shown.output
    digest = shown.output.split("Digest ")[1].split()[0]
    call(tmp_path, "sweep", "approve", digest)
    refused = call(tmp_path, "sweep", "apply", digest)
    assert code(refused) == 3
    assert "--limit-share" in str(refused.exception)
    assert query(tmp_path, "SELECT count(*) FROM orders") == [(400,)]


def test_nothing_acts_later_than_the_wall_clock(tmp_path: Path) -> None:
    """`--now` of tomorrow is a forecast for plan, and refused by apply."""
    make_room(tmp_path)
    shown = call(tmp_path, "sweep", "plan", "--due-within", "3000d")
    assert "cannot be applied" in shown.output
    assert call(tmp_path, "sweep", "list").output.startswith("No sweeps")
    assert code(call(tmp_path, "sweep", "apply", "0" * 16, "--now", "2099-01-01T00:00:00Z")) == 3
    assert code(call(tmp_path, "sweep", "plan", "--now", "2099-01-01T00:00:00")) == 2


def test_overdue_rows_are_exit_one_and_a_line_for_monitoring(tmp_path: Path) -> None:
    """Without a drill, what was due more than thirty days ago is an alarm."""
    make_room(tmp_path)
    overdue = call(tmp_path, "sweep", "plan")
    assert code(overdue) == 1
    assert str(overdue.exception).startswith("OVERDUE by more than 30 days: shop.orders")


def test_holds_are_placed_listed_and_released_without_showing_anybody(tmp_path: Path) -> None:
    """Cases and counts are shown; names are not, in the ledger neither."""
    make_room(tmp_path)
    (tmp_path / "people").write_text("customer-3\ncustomer-4\n")
    place = ("hold", "place", "2026-17", "--dataset", "shop.orders", "--reason", "claim")
    assert call(tmp_path, *place, "--subjects-from", str(tmp_path / "people")).exit_code == 0
    assert code(call(tmp_path, *place)) == 2
    listed = call(tmp_path, "hold", "list")
    assert "2026-17" in listed.output
    shown = call(tmp_path, "ledger", "show", "--json").output
    assert "customer-3" not in listed.output + shown
    plan = answer(tmp_path, "sweep", "plan", "--now", "2026-06-01T00:00:00Z")
    cells = [c for share in plan["shares"] for c in share["cells"]]  # type: ignore[attr-defined]
    assert sum(c["rows"] for c in cells if c["status"] == "case") == 80
    assert call(tmp_path, "hold", "release", "2026-17").exit_code == 0
    assert "Nothing is held" in call(tmp_path, "hold", "list").output
    again = call(tmp_path, *place, "--subjects-from", str(tmp_path / "people"))
    assert code(again) == 3
    assert str(again.exception).startswith("case 2026-17 was released")


@pytest.mark.parametrize("name", ["", " ", "lin\napproved by wang"])
def test_who_acts_has_a_name(tmp_path: Path, name: str) -> None:
    """Nobody, and a name that writes lines of its own, are refused before anything is recorded."""
    make_room(tmp_path)
    result = call(tmp_path, "hold", "place", "2026-17", "--whole", "--reason", "claim", "--by", name)
    assert code(result) == 2
    assert "who acts has a name" in str(result.exception)
    assert "Nothing is held" in call(tmp_path, "hold", "list").output


def test_the_register_is_checked_against_the_stores(tmp_path: Path) -> None:
    """Unknown tables and columns are reported; a dataset without a class is refused with RET_NO_CLASS."""
    make_room(tmp_path)
    assert "every one as registered" in call(tmp_path, "datasets", "check").output
    assert "shop.orders" in call(tmp_path, "datasets", "list").output
    query(tmp_path, "CREATE TABLE coupons(id INTEGER PRIMARY KEY)")
    found = call(tmp_path, "datasets", "check")
    assert code(found) == 1
    assert "RET_NO_CLASS the table coupons" in found.output
    register = tmp_path / "datasets.yaml"
    whole = register.read_text()
    register.write_text(whole.replace("refunded_at", "returned_at").replace("customer", "client"))
    problems = str(answer_of_failed(call(tmp_path, "datasets", "check", "--json")))
    assert "no column returned_at" in problems
    assert "no column client" in problems
    register.write_text(whole.replace("    class: TXN\n", ""))
    refused = call(tmp_path, "datasets", "check")
    assert code(refused) == 3
    assert "RET_NO_CLASS" in str(refused.exception)


def answer_of_failed(result: Result) -> object:
    """Return the problems that a failed check printed as JSON."""
    return json.loads(result.stdout)["problems"]


def test_anonymizing_must_name_every_column(tmp_path: Path) -> None:
    """A column that nothing speaks of is reported; keeping the subject is refused by the register itself."""
    register = (
        REGISTER + "    action: anonymize\n    anonymize: {{treatments: {{customer: {{do: suppress}}}}, keep: []}}\n"
    )
    make_room(tmp_path, register=register.replace("    open: {{column: state, values: [open, disputed]}}\n", ""))
    found = call(tmp_path, "datasets", "check")
    assert "becomes of the column state" in found.output
    (tmp_path / "datasets.yaml").write_text(
        (tmp_path / "datasets.yaml").read_text().replace("keep: []", "keep: [customer]")
    )
    assert code(call(tmp_path, "datasets", "check")) == 1


def test_what_was_anonymized_and_what_was_deleted_below_it_are_told_apart(tmp_path: Path) -> None:
    """Orders stay without their customers; their lines have nothing to stay for."""
    treated = "anonymize: {{treatments: {{customer: {{do: suppress}}}}, keep: [refunded_at]}}"
    make_room(tmp_path, register=REGISTER + f"    action: anonymize\n    {treated}\n")
    plan = answer(tmp_path, "sweep", "plan", "--now", NOW.isoformat(), "--limit-share", "1", "--by", "lin")
    digest = str(plan["digest"])
    assert call(tmp_path, "sweep", "approve", digest, "--by", "wang").exception is None
    applied = call(tmp_path, "sweep", "apply", digest).output
    (due,) = query(tmp_path, "SELECT count(*) FROM orders WHERE customer IS NULL")[0]
    assert f"shop.orders: {due} rows anonymized ({due} rows below them deleted)" in applied
    verified = call(tmp_path, "sweep", "verify", digest).output
    assert f"shop.orders: 400 before, {due} anonymized, 400 there: as planned" in verified


@pytest.mark.slow
def test_the_demo_runs_from_beginning_to_end(tmp_path: Path) -> None:
    """`ebb sweep demo` ends with an empty second sweep."""
    result = CliRunner().invoke(ebb, ["sweep", "demo", "--keep", str(tmp_path / "demo")])
    assert result.exception is None, result.exception
    assert "A second sweep finds 0 rows" in result.output
