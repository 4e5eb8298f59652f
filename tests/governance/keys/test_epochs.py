"""Epochs: which key a date belongs to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.keys import china_date, half_year
from governance.keys.epochs import require_half_year, stamp


@pytest.mark.parametrize(
    ("date", "epoch"),
    [("2026-01-01", "2026H1"), ("2026-06-30", "2026H1"), ("2026-07-01", "2026H2"), ("2026-11-23", "2026H2")],
)
def test_half_years(date: str, epoch: str) -> None:
    """A year's first six months are its first epoch."""
    assert half_year(date) == epoch


@pytest.mark.parametrize("date", ["2026-13-01", "2026-1-1", "23.11.2026", "2026-11-23\n", "２０２６-11-23"])
def test_other_writings_of_a_date_are_refused(date: str) -> None:
    """A date that does not read YYYY-MM-DD raises, without being quoted."""
    with pytest.raises(ValueError, match="YYYY-MM-DD") as caught:
        half_year(date)
    assert date not in str(caught.value)


@pytest.mark.parametrize("epoch", ["2026", "2026H3", "2026-11-23", "2026H2 "])
def test_other_personal_epochs_are_refused(epoch: str) -> None:
    """A personal epoch is a half-year and nothing else."""
    with pytest.raises(ValueError, match="half-year"):
        require_half_year(epoch)


def test_the_date_is_that_of_china() -> None:
    """16:00 UTC begins the next day at +08:00."""
    assert china_date(datetime(2026, 11, 23, 15, 59, tzinfo=UTC)) == "2026-11-23"
    assert china_date(datetime(2026, 11, 23, 16, 0, tzinfo=UTC)) == "2026-11-24"


def test_a_naive_instant_is_refused() -> None:
    """An instant without a zone raises: it could be any day."""
    with pytest.raises(ValueError, match="time zone"):
        china_date(datetime(2026, 11, 23))  # noqa: DTZ001 - the mistake under test


_INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).flatmap(  # noqa: DTZ001 - a zone follows
    lambda naive: st.integers(-12, 14).map(lambda hours: naive.replace(tzinfo=timezone(timedelta(hours=hours))))
)


@given(_INSTANTS, _INSTANTS)
def test_stamps_sort_as_instants_do(first: datetime, second: datetime) -> None:
    """Text order of stamps is order in time, whatever the zones."""
    assert (stamp(first) < stamp(second)) == (first < second)
