"""Days and months in +08:00."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.deid.treatments.date_part import date_part


@pytest.mark.parametrize(
    ("text", "day", "month"),
    [
        ("2026-12-31T16:30:00Z", "2027-01-01", "2027-01"),
        ("2026-10-01T05:13:22+08:00", "2026-10-01", "2026-10"),
        ("0998-12-31T16:30:00Z", "0999-01-01", "0999-01"),
        ("9999-12-31T16:30:00Z", None, None),
        ("2026-10-01", None, None),
        ("yesterday", None, None),
        (None, None, None),
    ],
)
def test_an_instant_becomes_its_day_or_month(text: str | None, day: str | None, month: str | None) -> None:
    """The +08:00 date decides; a time without an offset is no instant."""
    values = pa.array([text], pa.string())
    assert date_part(values, unit="day").to_pylist() == [day]
    assert date_part(values, unit="month").to_pylist() == [month]
