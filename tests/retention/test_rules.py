"""KEEP, HOLD and DUE: the requirement's own examples, the edges of the calendar, and properties."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.calendar import CHINA
from governance.errors import RefusedError
from governance.policy.retention import PERIODS, due_date
from governance.policy.rows import Retention
from retention.clocks import dates_of
from retention.rules import FLOOR_MONTHS, Status, Term, Why, due_dates, judge, may_presume_closed
from retention.witness.days import due_day, silent_from

TXN = Term("TXN", "record")
DAYS = st.dates(date(1996, 1, 1), date(2090, 12, 31))
NOWS = st.datetimes(datetime(1996, 1, 1), datetime(2090, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
CALENDAR_CLASSES = st.sampled_from([c for c in get_args(Retention) if PERIODS[c].months or PERIODS[c].days])
ROLES = st.sampled_from(["record", "copy", "aggregate"])


def days(*values: str | date | None) -> np.ndarray:
    """Return datetime64[D]; None is unknown."""
    return np.array(values, dtype="datetime64[D]")


def at(text: str) -> datetime:
    """Read an instant."""
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("completed", "due"),
    [
        ("2021-05-10T23:30:00+08:00", "2024-05-11T00:00:00+08:00"),
        ("2024-02-29T12:00:00+08:00", "2027-03-01T00:00:00+08:00"),
        ("2020-12-31T16:30:00+00:00", "2024-01-02T00:00:00+08:00"),
        ("2021-02-28T12:00:00+08:00", "2024-02-29T00:00:00+08:00"),
        ("2020-12-31T15:59:59+00:00", "2024-01-01T00:00:00+08:00"),
    ],
)
def test_a_transaction_is_due_at_the_instant_of_the_requirement(completed: str, due: str) -> None:
    """R-RET-06: a microsecond before its instant a record is kept, at the instant it is due."""
    start = dates_of(pa.array([at(completed)]), "UTC", "record")
    before = judge(TXN, start, at(due) - timedelta(microseconds=1))
    then = judge(TXN, start, at(due))
    assert (before.status[0], then.status[0]) == (Status.KEEP, Status.DUE)
    assert datetime.combine(then.due[0].astype(date), datetime.min.time(), CHINA) == at(due)


def test_a_gps_point_is_due_after_ninety_days() -> None:
    """R-RET-05: collected on 1 January, due from 2 April 00:00."""
    term = Term("PERM", "record")
    assert judge(term, days("2025-01-01"), at("2025-04-01T23:59:59+08:00")).status[0] == Status.KEEP
    assert judge(term, days("2025-01-01"), at("2025-04-02T00:00:00+08:00")).status[0] == Status.DUE


def test_an_order_without_a_completion_is_held_and_named() -> None:
    """R-RET-07: after fifty years too, unknown is HOLD with RET_NO_CLOCK."""
    found = judge(TXN, days(None), at("2075-01-01T00:00:00Z"))
    assert (found.status[0], found.why[0]) == (Status.HOLD, Why.NO_CLOCK)


def test_an_open_or_held_row_past_its_day_stays() -> None:
    """Open, disputed and held rows are HOLD whatever their date; a case is named before all else."""
    start = days("2001-01-01", "2001-01-01", "2001-01-01")
    found = judge(
        TXN,
        start,
        at("2026-01-01T00:00:00Z"),
        unfinished=np.array([True, False, True]),
        held=np.array([False, True, True]),
    )
    assert found.status.tolist() == [Status.HOLD] * 3
    assert found.why.tolist() == [Why.OPEN, Why.CASE, Why.CASE]


def test_a_floor_binds_the_record_and_not_the_copy() -> None:
    """A stated date earlier than the floor counts for a copy only."""
    start, stated, now = days("2024-01-01"), days("2024-06-01"), at("2025-01-01T00:00:00Z")
    assert judge(Term("TXN", "copy"), start, now, stated=stated).status[0] == Status.DUE
    assert judge(TXN, start, now, stated=stated).status[0] == Status.KEEP


def test_a_row_that_states_no_date_where_it_should_is_held() -> None:
    """R-RET-07: with a clock beside it too, of a record as of a copy."""
    stated, much_later = days(None), at("2040-01-01T00:00:00Z")
    for role in ("record", "copy"):
        verdicts = judge(Term("TXN", role), days("2024-01-01"), much_later, stated=stated)  # type: ignore[arg-type]
        assert (verdicts.status[0], verdicts.why[0]) == (Status.HOLD, Why.NO_CLOCK)


def test_an_extension_lengthens_and_never_shortens() -> None:
    """R-RET-03: the later of term and extension counts."""
    now = at("2026-01-01T00:00:00Z")
    longer, shorter = Term("TXN", "record", date(2026, 6, 1)), Term("TXN", "record", date(2020, 1, 1))
    assert judge(longer, days("2020-01-01"), now).status[0] == Status.KEEP
    assert judge(shorter, days("2023-01-01"), now).due[0] == np.datetime64("2026-01-02")


def test_what_has_ended_goes_at_once_and_what_lasts_stays() -> None:
    """PROFILE and CONTENT: due on the day they ended; content that nobody removed is kept, not unknown."""
    now, unknown = at("2026-01-01T00:00:00Z"), days(None, None)
    content = judge(Term("CONTENT", "record"), unknown, now, ended=days("2025-12-31", None))
    assert content.status.tolist() == [Status.DUE, Status.KEEP]
    profile = judge(Term("PROFILE", "record"), days("2025-01-01", None), now, ended=days("2025-12-31", None))
    assert profile.status.tolist() == [Status.DUE, Status.HOLD]


def test_class_none_is_refused() -> None:
    """What must never be stored has no term."""
    with pytest.raises(RefusedError, match="NONE"):
        Term("NONE", "record")


@given(CALENDAR_CLASSES, DAYS)
def test_columns_policy_and_witness_count_alike(retention: Retention, day: date) -> None:
    """Three implementations of the calendar agree on every class and day."""
    period = PERIODS[retention]
    mine = due_dates(days(day), months=period.months, days=period.days)[0].astype(date)
    assert mine == due_date(retention, day) == due_day(retention, day)


@given(CALENDAR_CLASSES, st.lists(st.none() | DAYS, min_size=1, max_size=20), NOWS, st.none() | DAYS)
def test_no_record_is_due_before_its_floor(
    retention: Retention, starts: list[date | None], now: datetime, stated: date | None
) -> None:
    """Whatever a row states and whenever it is asked, DUE means that the floor is over."""
    start = days(*starts)
    found = judge(
        Term(retention, "record"), start, now, stated=None if stated is None else days(*[stated] * len(starts))
    )
    for number in np.flatnonzero(found.status == Status.DUE):
        day = starts[number]
        if day is not None and retention in FLOOR_MONTHS:
            floor = due_dates(days(day), months=FLOOR_MONTHS[retention])[0].astype(date)
            assert now >= datetime.combine(floor, datetime.min.time(), CHINA)


@given(
    CALENDAR_CLASSES,
    ROLES,
    st.lists(st.none() | DAYS, min_size=1, max_size=20),
    NOWS,
    st.timedeltas(timedelta(0), timedelta(9999)),
)
def test_time_only_ever_makes_more_due(
    retention: Retention, role: str, starts: list[date | None], now: datetime, later: timedelta
) -> None:
    """Monotone in `now`: DUE stays DUE, HOLD stays HOLD."""
    term = Term(retention, role)  # type: ignore[arg-type]
    first, second = (judge(term, days(*starts), moment) for moment in (now, now + later))
    assert (second.status[first.status == Status.DUE] == Status.DUE).all()
    assert ((first.status == Status.HOLD) == (second.status == Status.HOLD)).all()


@given(st.lists(st.tuples(st.none() | DAYS, st.booleans()), min_size=1, max_size=20), NOWS)
def test_a_hold_never_shortens(rows: list[tuple[date | None, bool]], now: datetime) -> None:
    """With a hold, a row is HOLD; without, its verdict is what it was."""
    start, held = days(*(day for day, _ in rows)), np.array([flag for _, flag in rows])
    without, with_hold = judge(TXN, start, now), judge(TXN, start, now, held=held)
    assert (with_hold.status[held] == Status.HOLD).all()
    assert (with_hold.status[~held] == without.status[~held]).all()
    assert np.array_equal(with_hold.due, without.due, equal_nan=True)


@given(st.none() | DAYS, NOWS, CALENDAR_CLASSES, ROLES)
def test_an_unknown_clock_is_always_held(day: date | None, now: datetime, retention: Retention, role: str) -> None:
    """RET_NO_CLOCK is said exactly where no clock is known."""
    found = judge(Term(retention, role), days(day), now)  # type: ignore[arg-type]
    assert (found.why[0] == Why.NO_CLOCK) == (day is None)


def test_an_order_is_presumed_closed_after_twelve_whole_months() -> None:
    """R-RET-07: not in the twelfth month, not while it is open, not where it has a clock or no last change."""
    last = days("2024-02-29", "2024-02-29", "2024-02-29", None)
    start, unfinished = days(None, None, "2024-02-29", None), np.array([False, True, False, False])
    for moment, first in (("2025-02-28T23:59:59+08:00", False), ("2025-03-01T00:00:00+08:00", True)):
        assert may_presume_closed(start, last, at(moment), unfinished).tolist() == [first, False, False, False]
    assert may_presume_closed(start, last, at("2025-03-01T00:00:00+08:00"))[1]


@given(
    ROLES,
    st.lists(st.tuples(st.none() | DAYS, st.none() | DAYS, st.booleans()), min_size=1, max_size=20),
    NOWS,
    st.timedeltas(timedelta(0), timedelta(9999)),
)
def test_a_presumption_never_shortens_a_floor_and_only_adds_what_is_silent(
    role: str, rows: list[tuple[date | None, date | None, bool]], now: datetime, later: timedelta
) -> None:
    """DUE only when the floor after the last change is over; DUE stays DUE; all other rows are judged as without it."""
    term, unfinished = Term("TXN", role), np.array([flag for _, _, flag in rows])  # type: ignore[arg-type]
    start, last = days(*(one for one, _, _ in rows)), days(*(two for _, two, _ in rows))

    def presuming(moment: datetime) -> tuple[np.ndarray, np.ndarray]:
        mask = may_presume_closed(start, last, moment, unfinished)
        clock = np.where(mask, last, start)
        return mask, judge(term, clock, moment, unfinished=unfinished, presumed=mask).status

    mask, status = presuming(now)
    _, then = presuming(now + later)
    assert (then[status == Status.DUE] == Status.DUE).all()
    without = judge(term, start, now, unfinished=unfinished)
    assert (status[~mask] == without.status[~mask]).all()
    assert (without.why[mask] == Why.NO_CLOCK).all()
    for number in np.flatnonzero(mask):
        day = rows[number][1]
        assert day is not None
        assert now >= datetime.combine(silent_from(day), datetime.min.time(), CHINA)
        over = due_date("TXN", day)
        assert over is not None
        assert (status[number] == Status.DUE) == (now >= datetime.combine(over, datetime.min.time(), CHINA))


@given(DAYS)
def test_twelve_months_are_counted_alike(day: date) -> None:
    """Rules and witness agree on when a year of silence is over."""
    assert silent_from(day) == due_dates(days(day), months=12)[0].astype(date)
