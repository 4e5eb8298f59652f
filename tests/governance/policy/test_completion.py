"""When orders are completed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy.completion import (
    CLOCKS,
    CLOSED,
    CREATED,
    DELIVERED,
    DISPUTE_CLOSED,
    DISPUTED,
    PAID,
    REFUNDED,
    Step,
    completed_on_arrival,
    order_completed,
)

FIRST = date(2025, 1, 1)
TYPES = (CREATED, PAID, DELIVERED, REFUNDED, DISPUTED, DISPUTE_CLOSED, CLOSED)


def life(*steps: tuple[str, int]) -> list[Step]:
    """Return the steps of an order, each on a day counted from the first."""
    return [Step(kind, FIRST + timedelta(days=day)) for kind, day in steps]


@pytest.mark.parametrize(
    ("steps", "day"),
    [
        ([(CREATED, 0)], None),
        ([(CREATED, 0), (PAID, 1)], None),
        ([(CREATED, 0), (DELIVERED, 5)], None),
        ([(CREATED, 0), (PAID, 1), (DELIVERED, 5)], 5),
        ([(CREATED, 0), (PAID, 9), (DELIVERED, 5)], 9),
        ([(CREATED, 0), (PAID, 1), (REFUNDED, 3)], 3),
        ([(CREATED, 0), (PAID, 1), (DELIVERED, 5), (REFUNDED, 40)], 40),
        ([(CREATED, 0), (PAID, 1), (DELIVERED, 5), (DISPUTED, 8)], None),
        ([(CREATED, 0), (PAID, 1), (DELIVERED, 5), (DISPUTED, 8), (DISPUTE_CLOSED, 20)], 20),
        ([(PAID, 1), (DELIVERED, 5), (DISPUTED, 8), (DISPUTE_CLOSED, 20), (DISPUTED, 21)], None),
        ([(PAID, 1), (DELIVERED, 5), (CLOSED, 30)], 5),
        ([(CREATED, 0), (CLOSED, 30)], 30),
        ([(CREATED, 0), (PAID, 1), (CLOSED, 30)], 30),
        ([], None),
    ],
)
def test_completion_is_the_latest_of_its_clocks(steps: list[tuple[str, int]], day: int | None) -> None:
    """Payment, delivery, refund and end of dispute count; closing only for orders that got nowhere (R-RET-06)."""
    assert order_completed(life(*steps)) == (None if day is None else FIRST + timedelta(days=day))


def test_a_record_that_states_its_completion() -> None:
    """A stated completion counts on arrival, unless the record itself is a later clock, or opens a dispute."""
    later = FIRST + timedelta(days=9)
    assert completed_on_arrival(Step(CLOSED, later, FIRST)) == FIRST
    assert completed_on_arrival(Step(DELIVERED, later, FIRST)) == later
    assert completed_on_arrival(Step(DISPUTED, later, FIRST)) is None
    assert completed_on_arrival(Step(DELIVERED, later)) is None


@pytest.mark.parametrize(
    ("kind", "on", "stated", "expected"),
    [
        (CREATED, "2026-06-01", "1970-01-01", None),
        (CREATED, "2026-06-01", "0001-01-01", None),
        (CREATED, "2026-06-01", "2026-05-30", None),
        (CREATED, "2026-06-01", "2026-05-31", "2026-05-31"),
        (CREATED, "0001-01-01", "0001-01-01", "0001-01-01"),
        (CLOSED, "2026-06-01", "1970-01-01", None),
        (CLOSED, "2026-06-01", "2023-05-31", None),
        (CLOSED, "2026-06-01", "2023-06-01", "2023-06-01"),
        (CLOSED, "2011-01-01", "2011-01-01", "2011-01-01"),
        (REFUNDED, "2026-06-01", "2020-01-01", "2026-06-01"),
        (PAID, "2026-06-01", "1970-01-01", "2026-06-01"),
    ],
)
def test_a_completion_that_cannot_be_is_not_known(kind: str, on: str, stated: str, expected: str | None) -> None:
    """Not before the order was created, nor three years before its last event; a refund may tell of an old one."""
    found = completed_on_arrival(Step(kind, date.fromisoformat(on), date.fromisoformat(stated)))
    assert found == (None if expected is None else date.fromisoformat(expected))


@given(st.lists(st.tuples(st.sampled_from(TYPES), st.integers(0, 400)), max_size=12), st.randoms())
def test_order_does_not_matter_and_no_clock_is_later(steps: list[tuple[str, int]], rng: object) -> None:
    """The same events in another order give the same day, which no payment, delivery, refund or end is after."""
    taken = life(*steps)
    shuffled = list(taken)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    found = order_completed(taken)
    assert found == order_completed(shuffled)
    if found is not None:
        assert all(step.on <= found for step in taken if step.event_type in CLOCKS)


@given(st.lists(st.tuples(st.sampled_from(TYPES), st.integers(0, 400)), max_size=12), st.sampled_from(TYPES))
def test_more_events_never_shorten(steps: list[tuple[str, int]], kind: str) -> None:
    """One more event later than all others never moves the completion of a paid and delivered order earlier."""
    before = order_completed(life((PAID, 0), (DELIVERED, 0), *steps))
    after = order_completed(life((PAID, 0), (DELIVERED, 0), *steps, (kind, 401)))
    if before is not None and after is not None:
        assert after >= before
