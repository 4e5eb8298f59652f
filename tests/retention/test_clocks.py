"""Times of every sort of store become +08:00 dates, or unknown; never a guess."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from governance.calendar import local_date
from governance.errors import RefusedError
from retention.clocks import combine, dates_of, read
from retention.witness.days import NEVER, day_of, known

INSTANTS = st.datetimes(datetime(1992, 1, 1), datetime(2090, 1, 1))  # noqa: DTZ001
ZONES = st.sampled_from(["UTC", "Europe/London", "Asia/Shanghai", "America/New_York"])


def one(value: object, kind: pa.DataType | None = None, zone: str = "+08:00", role: str = "record") -> object:
    """Return the date of one value."""
    return dates_of(pa.array([value], kind), zone, role)[0].astype(object)  # type: ignore[arg-type]


def test_midnight_of_east_eight_decides_and_not_that_of_utc() -> None:
    """16:00 UTC is the next day."""
    assert one(datetime(2020, 12, 31, 15, 59, 59, tzinfo=UTC)) == date(2020, 12, 31)
    assert one(datetime(2020, 12, 31, 16, 0, 0, tzinfo=UTC)) == date(2021, 1, 1)


def test_a_time_without_zone_is_read_in_the_datasets_zone() -> None:
    """17:00 in London is already tomorrow in Shanghai, in winter; 16:30 in summer is not before 16:00 UTC."""
    assert one("2020-12-31 17:00:00", zone="Europe/London") == date(2021, 1, 1)
    assert one("2020-06-30 16:30:00", zone="Europe/London") == date(2020, 6, 30)


def test_a_bare_date_counts_from_its_end_in_a_record_and_from_its_start_in_a_copy() -> None:
    """Neither does a floor end early nor a ceiling late."""
    assert one(date(2020, 12, 31), zone="Europe/London", role="record") == date(2021, 1, 1)
    assert one(date(2020, 12, 31), zone="Europe/London", role="copy") == date(2020, 12, 31)
    assert one("2020-12-31") == date(2020, 12, 31)
    for text in ("2020-12-31", "20201231", "2020-W53-4", "2020W534"):
        assert one(text, zone="UTC", role="record") == day_of(text, "UTC", record=True) == date(2021, 1, 1)
        assert one(text, zone="UTC", role="copy") == day_of(text, "UTC", record=False) == date(2020, 12, 31)


@pytest.mark.parametrize("text", ["", "yesterday", "31.12.2020", "2020-13-01", "0000-00-00 00:00:00"])
def test_what_is_no_time_is_unknown(text: str) -> None:
    """Text that is not ISO 8601 is NaT, so that its row is held."""
    assert one(text) is None


def test_integers_need_their_unit_and_other_types_are_refused() -> None:
    """A number is a time only where the register says in what it counts."""
    assert dates_of(pa.array([1_600_000_000]), "UTC", "record", "s")[0] == np.datetime64("2020-09-13")
    with pytest.raises(RefusedError, match="double"):
        dates_of(pa.array([1.5]), "UTC", "record")
    with pytest.raises(RefusedError, match="int64"):
        dates_of(pa.array([1]), "UTC", "record")


def test_all_required_clocks_must_be_known_and_optional_ones_may_be_missing() -> None:
    """Latest of payment and delivery and, where there is one, refund."""
    paid, sent, refund = (
        np.array(v, "datetime64[D]")
        for v in (["2020-01-01"] * 3, ["2020-02-01", None, "2020-02-01"], [None, None, "2021-01-01"])
    )
    assert combine([paid, sent], [refund], "latest").astype(object).tolist() == [
        date(2020, 2, 1),
        None,
        date(2021, 1, 1),
    ]
    assert combine([paid, sent], [], "earliest")[0] == np.datetime64("2020-01-01")


def test_a_listings_clock_is_the_later_of_last_sale_and_delisting() -> None:
    """R-RET-07: and unknown while it was not delisted."""
    sold, delisted = (np.array(v, "datetime64[D]") for v in (["2024-05-01", "2024-05-01"], ["2024-03-01", None]))
    assert combine([sold, delisted], [], "latest").astype(object).tolist() == [date(2024, 5, 1), None]


def test_clocks_are_still_set_forward_after_2037() -> None:
    """11:00 in New York on 14 March 2038 is 23:00 of that day in Shanghai, not the next day."""
    column = pa.array([datetime(2038, 3, 14, 11)], pa.timestamp("us"))  # noqa: DTZ001
    assert dates_of(column, "America/New_York", "record")[0] == np.datetime64("2038-03-14")


@given(INSTANTS, ZONES, st.sampled_from(["record", "copy"]))
def test_columns_and_witness_read_times_alike(instant: datetime, zone: str, role: str) -> None:
    """Arrow's and Python's zones agree on every wall-clock time, also where clocks are set back."""
    column = pa.array([instant], pa.timestamp("us"))
    gap = pa.compute.assume_timezone(column, zone, ambiguous="latest", nonexistent="earliest")
    exists = gap.equals(pa.compute.assume_timezone(column, zone, ambiguous="latest", nonexistent="latest"))
    mine = dates_of(column, zone, role)[0].astype(object)  # type: ignore[arg-type]
    theirs = day_of(instant, zone, record=role == "record")
    assert not exists or mine == theirs


EVER = st.one_of(
    st.datetimes(),
    st.sampled_from([datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59), datetime(8999, 12, 31, 23)]),  # noqa: DTZ001
)


@given(EVER, ZONES, st.sampled_from(["record", "copy"]), st.sampled_from(["s", "ms", "us"]))
def test_no_time_is_too_early_or_too_late_to_be_read(moment: datetime, zone: str, role: str, unit: str) -> None:
    """The ends of a calendar, which stand for no date, are strange to both readings, whatever their type."""
    assume(zone != "Asia/Shanghai" or moment.year not in range(1900, 1992))  # when it had other offsets than +08:00
    record = role == "record"
    micros = (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001
    count = micros // {"s": 1_000_000, "ms": 1_000, "us": 1}[unit]
    for value, kind, counted in (
        (str(moment), pa.string(), None),
        (str(moment.date()), pa.string(), None),
        (moment.replace(tzinfo=UTC).isoformat(), pa.string(), None),
        (moment.date(), pa.date32(), None),
        (count, pa.int64(), unit),
    ):
        dates, strange = read(pa.array([value], kind), zone, role, counted)  # type: ignore[arg-type]
        theirs = day_of(value, zone, record=record, unit=counted)
        assert (dates[0].astype(object), bool(strange[0])) == (known(theirs), theirs == NEVER), (value, kind)
    [odd] = read(pa.array([moment], pa.timestamp("us")), zone, role)[1]  # type: ignore[arg-type]
    assert odd == (day_of(moment, zone, record=record) == NEVER)


@pytest.mark.parametrize("count", [2**63 - 1, -(2**63) + 1, 1_700_000_000_000_000_000])
@pytest.mark.parametrize(("kind", "unit"), [(pa.int64(), "s"), (pa.int64(), "ms"), (pa.timestamp("ms"), None)])
def test_a_count_in_another_unit_is_strange(count: int, kind: pa.DataType, unit: str | None) -> None:
    """Nanoseconds where seconds are counted wrap around to no date that somebody could take for one."""
    assert read(pa.array([count], kind), "UTC", "record", unit)[1].tolist() == [True]  # type: ignore[arg-type]
    assert unit is None or day_of(count, "UTC", record=True, unit=unit) == NEVER


@given(INSTANTS, st.integers(-14, 14))
def test_aware_text_gives_the_local_date(instant: datetime, hours: int) -> None:
    """An offset in the text beats the dataset's zone."""
    moved = instant.replace(tzinfo=UTC).astimezone(__import__("datetime").timezone(timedelta(hours=hours)))
    assert one(moved.isoformat(), zone="America/New_York") == local_date(moved)
