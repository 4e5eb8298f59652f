"""Presumptions: bound to what was seen, and orders that move under them as others do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from governance.errors import RefusedError, UsageError
from governance.ledger import Ledger
from retention.vault import settling
from retention.vault.presumption import (
    Presumption,
    find_presumption,
    outcome,
    presume,
    presumed_settlement,
    record_presumption,
    require_approved,
)
from retention.vault.settling import Settled, plan_settlement, settle
from retention.vault.waiting import look
from tests.transactions import Place, step

if TYPE_CHECKING:
    from pathlib import Path

    from retention.vault.waiting import Outlook

ARRIVED = datetime(2024, 2, 15, 4, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 4, tzinfo=UTC)
LAST, DUE = "2024-01-20", "2027-01-21"
QUIET = (step("order_created", "2024-01-10"), step("order_paid", LAST))


@pytest.fixture
def place(place: Place) -> Place:
    """Let everything arrive on 15 February 2024."""
    return replace(place, now=ARRIVED, wall=ARRIVED)


def planned(place: Place) -> Presumption:
    """Return what may be presumed on 1 June 2026."""
    return presume(look(place.table(), NOW.date()), now=NOW, wall=NOW, drill=False, by="lin")


def carried(place: Place, plan: Presumption) -> Settled:
    """Carry a plan out."""
    table = place.table()
    what = presumed_settlement(plan, look(table, NOW.date()), NOW.date(), NOW.date())
    return settle(table, what, place.opener, place.keyring, metadata={"ebb.presumed": plan.digest})


def settled(place: Place) -> Settled:
    """Settle as every day."""
    table, today = place.table(), NOW.date()
    return settle(table, plan_settlement(table, today, today), place.opener, place.keyring, metadata={})


def test_a_quiet_order_goes_to_the_due_month_of_its_last_event(place: Place) -> None:
    """R-RET-07: due three years after the last event, payloads unchanged, and the rows say that nothing is known."""
    place.store(*QUIET, step("order_disputed", "2020-01-01", order="D"))
    before = place.opened("content")
    plan = planned(place)
    assert [(c.month, c.system, c.orders, c.rows) for c in plan.cells] == [("2024-01", "sepp", 1, 2)]
    assert plan.waiting == {"in dispute": 1, "presumable": 2}
    assert carried(place, plan) == Settled(moved=2)
    moved = [row for row in place.rows().to_pylist() if row["due_date"]]
    assert {(r["due_date"], r["due_month"], r["key_id"], r["completed_date"]) for r in moved} == {
        (DUE, DUE[:7], DUE, None)
    }
    assert len(moved) == 2
    assert place.opened("content") == before
    assert outcome(plan, look(place.table(), NOW.date())) == {"orders": 1, "rows": 2, "left_out": 0}


def test_twice_is_once_and_settling_leaves_it(place: Place) -> None:
    """The plan again moves nothing, and the daily settling does not take a presumed order back."""
    place.store(*QUIET)
    plan = planned(place)
    carried(place, plan)
    version = place.table().version
    assert carried(place, plan) == Settled()
    assert settled(place) == Settled()
    assert place.table().version == version


def test_an_order_of_which_something_was_heard_since_is_left_out(place: Place) -> None:
    """The plan is bound to the records that it saw, even where the new one is dated long ago."""
    place.store(*QUIET, step("order_paid", LAST, order="B"))
    plan = planned(place)
    place.store(step("order_created", "2024-01-01", order="B"))
    assert carried(place, plan) == Settled(moved=2)
    assert outcome(plan, look(place.table(), NOW.date())) == {"orders": 1, "rows": 2, "left_out": 1}


@pytest.mark.parametrize(
    ("kind", "when", "due"),
    [
        ("order_delivered", "2026-05-01", "2029-05-02"),
        ("order_closed", "2026-05-01", "2029-05-02"),
        ("order_created", "2026-05-01", None),
        ("order_disputed", "2026-05-01", None),
    ],
)
def test_a_later_event_moves_or_reopens_a_presumed_order(place: Place, kind: str, when: str, due: str | None) -> None:
    """The latest wins; the presumed day never counts as a completion that is known."""
    place.store(*QUIET)
    carried(place, planned(place))
    replace(place, now=NOW - timedelta(days=1)).store(step(kind, when))
    settled(place)
    assert set(place.rows()["due_date"].to_pylist()) == {due}
    assert len(place.opened()) == 3


def test_a_completion_that_arrives_with_its_date_moves_a_presumed_order(place: Place) -> None:
    """A record that is dated at the door leaves nothing waiting, and takes its order along all the same."""
    place.store(*QUIET)
    carried(place, planned(place))
    said = step("order_closed", "2026-05-01", transaction_completed_at="2026-05-01T12:00:00+08:00")
    replace(place, now=NOW - timedelta(days=1)).store(said)
    assert settled(place) == Settled(moved=2)
    assert {(row["due_date"], row["completed_date"]) for row in place.rows().to_pylist()} == {
        ("2029-05-02", "2026-05-01")
    }
    assert settled(place) == Settled()


def test_killed_between_two_units_it_goes_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order of which half has moved is the same order: carried out again, the rest follows."""
    for one in QUIET:
        place.store(one)
    plan = planned(place)
    monkeypatch.setattr(settling, "FILES_IN_A_UNIT", 1)

    def killed(_rows: int) -> None:
        raise KeyboardInterrupt

    table = place.table()
    what = presumed_settlement(plan, look(table, NOW.date()), NOW.date(), NOW.date())
    with pytest.raises(KeyboardInterrupt):
        settle(table, what, place.opener, place.keyring, metadata={}, progress=killed)
    assert place.rows()["due_date"].null_count == 1
    assert carried(place, plan) == Settled(moved=1)
    assert set(place.rows()["due_date"].to_pylist()) == {DUE}


def test_a_presumption_needs_approval_in_time_by_whom_it_may(tmp_path: Path) -> None:
    """Nobody's approval, the planner's own where two are wanted, a day's delay and a clock set back are refused."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    plan = presume(look_at_nothing(tmp_path), now=NOW, wall=NOW, drill=True, by="lin")
    record_presumption(ledger, plan, NOW)
    found = find_presumption(ledger, plan.digest[:12])
    assert found.state == "planned"
    with pytest.raises(RefusedError, match="somebody must approve"):
        require_approved(found, NOW, second_pair_of_eyes=False)
    ledger.append("presumption.approval", plan.digest, {"by": " "}, NOW)
    with pytest.raises(RefusedError, match="somebody must approve"):
        require_approved(find_presumption(ledger, plan.digest), NOW, second_pair_of_eyes=False)
    for herself in ("lin", "Lin", "lin "):
        ledger.append("presumption.approval", plan.digest, {"by": herself}, NOW)
    found = find_presumption(ledger, plan.digest)
    require_approved(found, NOW, second_pair_of_eyes=False)
    with pytest.raises(RefusedError, match="other than lin"):
        require_approved(found, NOW, second_pair_of_eyes=True)
    with pytest.raises(RefusedError, match="expired"):
        require_approved(found, NOW + timedelta(days=1), second_pair_of_eyes=False)
    with pytest.raises(RefusedError, match="clock"):
        require_approved(found, NOW - timedelta(days=1), second_pair_of_eyes=False)
    assert found.state == "approved"
    ledger.append("presumption.begun", plan.digest, {}, NOW)
    begun = find_presumption(ledger, plan.digest)
    require_approved(begun, NOW + timedelta(days=1), second_pair_of_eyes=False)
    assert begun.state == "applying"


def look_at_nothing(folder: Path) -> Outlook:
    """Return the outlook of an empty vault."""
    place = Place(folder, now=ARRIVED, wall=ARRIVED)
    place.writer()
    return look(place.table(), NOW.date())


def test_only_the_plan_that_its_digest_names_is_found(tmp_path: Path) -> None:
    """Too few digits, none, another version, and an entry that was changed are refused."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    for digest, kind, said in (("3f", UsageError, "at least"), ("0" * 12, RefusedError, "no presumption")):
        with pytest.raises(kind, match=said):
            find_presumption(ledger, digest)
    plan = presume(look_at_nothing(tmp_path), now=NOW, wall=NOW, drill=False, by="lin")
    ledger.append("presumption.plan", "a" * 64, {"format": "other"}, NOW)
    ledger.append("presumption.plan", "b" * 64, plan.model_dump(mode="json"), NOW)
    with pytest.raises(RefusedError, match="this version"):
        find_presumption(ledger, "a" * 12)
    with pytest.raises(RefusedError, match="not what its digest says"):
        find_presumption(ledger, "b" * 12)
