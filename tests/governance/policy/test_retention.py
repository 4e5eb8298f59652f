"""Counting of retention periods (R-RET-05, R-RET-06)."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy.retention import PERIODS, due_date

CHINA = timezone(timedelta(hours=8))


@pytest.mark.parametrize(
    ("retention_class", "clock", "due"),
    [
        ("PERM", "2023-01-01", "2023-04-02"),
        ("PERM", "2024-01-01", "2024-04-01"),
        ("PRIZE", "2023-01-01", "2023-04-02"),
        ("TXN", "2021-05-10", "2024-05-11"),
        ("TXN", "2024-02-29", "2027-03-01"),
        ("TXN", "2021-01-01", "2024-01-02"),
        ("GOV", "2021-02-28", "2024-02-29"),
        ("LOG", "2023-08-31", "2024-03-01"),
        ("LOG", "2022-08-31", "2023-03-01"),
        ("LOG", "2023-12-15", "2024-06-16"),
        ("COMM", "2023-02-28", "2024-02-29"),
        ("COMM", "2024-02-29", "2025-03-01"),
        ("PROFILE", "2020-02-29", "2023-03-01"),
    ],
)
def test_due_dates(retention_class: str, clock: str, due: str) -> None:
    """The first day is not counted, a missing day is the month's last, and the next day is the due one."""
    assert due_date(retention_class, date.fromisoformat(clock)) == date.fromisoformat(due)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("instant", "due"), [("2021-05-10T23:30+08:00", "2024-05-11"), ("2020-12-31T16:30+00:00", "2024-01-02")]
)
def test_completion_counts_from_its_date_in_china(instant: str, due: str) -> None:
    """The +08:00 date of completion is the clock, whatever the zone of the record."""
    clock = datetime.fromisoformat(instant).astimezone(CHINA).date()
    assert due_date("TXN", clock) == date.fromisoformat(due)


@pytest.mark.parametrize("retention_class", ["NONE", "CONTENT"])
def test_classes_that_no_calendar_ends(retention_class: str) -> None:
    """What is never stored, or goes with an act of the user, has no date."""
    assert due_date(retention_class, date(2024, 1, 1)) is None  # type: ignore[arg-type]


@given(st.sampled_from(sorted(PERIODS)), st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_a_later_clock_is_never_due_earlier(retention_class: str, clock: date) -> None:
    """Due dates lie after the clock and grow with it."""
    due = due_date(retention_class, clock)  # type: ignore[arg-type]
    later = due_date(retention_class, clock + timedelta(days=1))  # type: ignore[arg-type]
    if due is not None and later is not None:
        assert clock < due <= later
