"""Which due rows no sweep may take: those of orders that were heard of and not settled since."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from retention.vault.heard_again import CASE, HeardAgain
from retention.vault.presumption import presume, presumed_settlement
from retention.vault.settling import plan_settlement, settle
from retention.vault.waiting import look
from tests.transactions import Place, step

ARRIVED = datetime(2022, 2, 15, 4, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 4, tzinfo=UTC)
TODAY = NOW.date()


def presumed(place: Place) -> Place:
    """Presume two orders closed in January 2022, and one of 2024; return the place as of 1 June 2026."""
    old = replace(place, now=ARRIVED, wall=ARRIVED)
    old.store(step("order_created", "2022-01-10"), step("order_paid", "2022-01-20"))
    old.store(step("order_created", "2022-01-20", order="B"))
    later = datetime(2024, 2, 15, 4, tzinfo=UTC)
    replace(place, now=later, wall=later).store(step("order_created", "2024-01-20", order="C"))
    now = replace(place, now=NOW, wall=NOW)
    table = now.table()
    plan = presume(look(table, TODAY), now=NOW, wall=NOW, drill=False, by="lin")
    what = presumed_settlement(plan, look(table, TODAY), TODAY, TODAY)
    assert settle(table, what, now.opener, now.keyring, metadata={}).moved == 4
    return now


def keys(place: Place, today: date = TODAY) -> set[str]:
    """Return the event types of the rows that are held."""
    held = {value for hold in HeardAgain(place.table(), "v", today)() for value in hold.values}
    return {row["event_type"] for row in place.rows().to_pylist() if row["event_key"].hex() in held}


def test_an_order_with_a_record_without_a_date_is_held_and_no_other(place: Place) -> None:
    """Both rows of the order; neither the other order, nor one of the same number in another system."""
    place = presumed(place)
    ask = HeardAgain(place.table(), "v", TODAY)
    assert ask() == []
    place.store(step("order_disputed", "2026-06-01", system="mic_global"), step("order_created", "2026-06-01", "E"))
    assert ask() == []
    place.store(step("order_disputed", "2026-06-01"))
    (hold,) = ask()
    assert (hold.case, hold.dataset, hold.scope, len(hold.values)) == (f"{CASE}-2026-06-01", "v", "record", 2)
    assert ask()[0] is hold
    assert keys(place) == {"order_created", "order_paid"}


def test_a_record_that_is_due_later_holds_its_order_until_it_is_settled(place: Place) -> None:
    """A completion that arrived with its date: the order's other rows are due with it, not before."""
    place = presumed(place)
    place.store(step("order_closed", "2026-05-01", transaction_completed_at="2026-05-01T12:00:00+08:00"))
    assert keys(place) == {"order_created", "order_paid"}


def test_what_is_not_due_yet_needs_no_hold(place: Place) -> None:
    """Its due date is still to come: there is time to settle."""
    place = presumed(place)
    place.store(step("order_disputed", "2026-06-01", order="C"))
    assert keys(place) == set()
    assert keys(place, date(2027, 1, 21)) == {"order_created"}


def completed(place: Place) -> Place:
    """Complete and settle two orders in June 2023; return the place as of 2 June 2026, on which both are due."""
    arrived = datetime(2023, 6, 2, 4, tzinfo=UTC)
    old = replace(place, now=arrived, wall=arrived)
    for order in ("A-1", "B"):
        old.store(step("order_paid", "2023-05-31", order), step("order_delivered", "2023-06-01", order))
    now = replace(place, now=DUE, wall=DUE)
    assert settled(now, date(2023, 6, 3)) == (4, 0)
    return now


DUE = datetime(2026, 6, 2, 4, tzinfo=UTC)


def settled(place: Place, today: date) -> tuple[int, int]:
    """Settle, and return how many rows moved and how many came back."""
    table = place.table()
    plan = plan_settlement(table, today, place.wall.date())
    done = settle(table, plan, place.opener, place.keyring, metadata={})
    return done.moved, done.reopened


def test_a_dispute_of_a_completed_order_holds_it_until_it_is_settled(place: Place) -> None:
    """The rows that are due stay for the dispute that has arrived; settled, they wait with it, and nothing is held."""
    place = completed(place)
    today = DUE.date()
    assert keys(place, today) == set()
    place.store(step("order_disputed", "2026-06-02"))
    (hold,) = HeardAgain(place.table(), "v", today)()
    assert len(hold.values) == 2
    assert keys(place, today) == {"order_paid", "order_delivered"}
    tomorrow = date(2026, 6, 3)
    assert settled(place, tomorrow) == (0, 2)
    assert keys(place, tomorrow) == set()
    place.store(step("dispute_closed", "2026-06-02"))
    assert settled(place, tomorrow) == (4, 0)
    assert sorted(row["due_date"] for row in place.rows().to_pylist()) == ["2026-06-02"] * 2 + ["2029-06-03"] * 4
    assert keys(place, tomorrow) == set()


def test_a_later_clock_of_a_completed_order_holds_it(place: Place) -> None:
    """A refund that waits to be settled is news as a dispute is (R-RET-06); another system's is not."""
    place = completed(place)
    place.store(step("order_refunded", "2026-06-02", system="mic_global"))
    assert keys(place, DUE.date()) == set()
    place.store(step("order_refunded", "2026-06-02", "B"))
    (hold,) = HeardAgain(place.table(), "v", DUE.date())()
    assert len(hold.values) == 2
