"""What waits for a completion, and why; which orders may be presumed closed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from retention.vault.settling import plan_settlement, settle
from retention.vault.waiting import Cell, look
from tests.transactions import Place, step

ARRIVED = datetime(2024, 2, 15, 4, tzinfo=UTC)


@pytest.fixture
def place(place: Place) -> Place:
    """Let everything arrive on 15 February 2024."""
    return replace(place, now=ARRIVED, wall=ARRIVED)


def reasons(place: Place, today: str) -> dict[str, int]:
    """Return the waiting rows by reason."""
    found: dict[str, int] = {}
    for cell, number in look(place.table(), date.fromisoformat(today)).cells.items():
        found[cell.why] = found.get(cell.why, 0) + number
    return found


def test_every_reason_for_waiting_is_told(place: Place) -> None:
    """In dispute for years, completed and unsettled, without a number, heard of lately, and presumable."""
    unnumbered = json.loads(step("order_created", "2023-01-03"))
    del unnumbered["fields"]["order_number"]
    place.store(
        step("order_paid", "2023-01-01"),
        step("order_created", "2020-01-01", order="D"),
        step("order_disputed", "2020-02-01", order="D"),
        step("order_closed", "2023-01-02", order="C"),
        json.dumps(unnumbered).encode(),
    )
    waits = {"in dispute": 2, "no order number": 1, "to be settled": 1}
    assert reasons(place, "2024-03-01") == {**waits, "heard of lately": 1}
    assert reasons(place, "2030-03-01") == {**waits, "presumable": 1}
    cells = look(place.table(), date(2030, 1, 1)).cells
    assert cells[Cell("2024-02", "sepp", "order_paid", "presumable")] == 1


def test_what_arrived_today_is_settled_tomorrow(place: Place) -> None:
    """A completed order of which a record came today is left by settling, so it is not told to be settled."""
    place.store(step("order_closed", "2023-01-02"))
    assert reasons(place, "2024-02-15") == {"arrived today": 1}
    assert reasons(place, "2024-02-16") == {"to be settled": 1}


def test_twelve_months_are_counted_as_all_periods_are(place: Place) -> None:
    """The first day is not counted: heard of on 15 February 2024, presumable from 16 February 2025."""
    place.store(step("order_paid", "2024-02-15"))
    assert reasons(place, "2025-02-15") == {"heard of lately": 1}
    assert reasons(place, "2025-02-16") == {"presumable": 1}


def test_what_arrives_late_is_news_too(place: Place) -> None:
    """An old event that came in lately keeps its order from being presumed closed; the last event is the oldest's."""
    place.store(step("order_paid", "2019-05-01"))
    later = replace(place, now=datetime(2025, 1, 1, 4, tzinfo=UTC))
    later.store(step("order_created", "2019-04-30"))
    assert reasons(place, "2025-12-31") == {"heard of lately": 2}
    (quiet,) = look(place.table(), date(2026, 1, 3)).quiet.values()
    assert (quiet.last, quiet.rows) == (date(2019, 5, 1), 2)


def test_a_mark_is_of_the_records_and_changes_with_them(place: Place) -> None:
    """The same records give the same mark wherever they lie; one more gives another; two orders never share one."""
    place.store(step("order_paid", "2019-05-01"), step("order_paid", "2019-05-01", order="B"))
    first = look(place.table(), date(2026, 1, 1))
    assert len({quiet.mark for quiet in first.quiet.values()}) == 2
    assert look(place.table(), date(2027, 1, 1)).quiet == first.quiet
    place.store(step("order_created", "2019-04-30"))
    second = look(place.table(), date(2026, 1, 1))
    assert sum(second.quiet[order].mark != quiet.mark for order, quiet in first.quiet.items()) == 1


def test_a_settled_order_does_not_wait(place: Place) -> None:
    """What has its completion and due date is neither waiting nor presumed."""
    place.store(step("order_closed", "2019-05-01"))
    table = place.table()
    settle(table, plan_settlement(table, date(2024, 2, 16), ARRIVED.date()), place.opener, place.keyring, metadata={})
    table.refresh()
    found = look(table, date(2030, 1, 1))
    assert (found.cells, found.quiet, found.presumed) == ({}, {}, {})
