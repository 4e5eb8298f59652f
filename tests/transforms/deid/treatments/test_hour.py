"""Hours in +08:00."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.deid.treatments.hour import hour


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-01T05:13:22Z", "2026-10-01T13:00:00+08:00"),
        ("2026-12-31T16:30:00.123456+00:00", "2027-01-01T00:00:00+08:00"),
        ("2026-10-01T05:43:22+05:30", "2026-10-01T08:00:00+08:00"),
        ("2026-10-01T05:13:22", None),
        ("9999-12-31T23:59:59Z", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_an_instant_becomes_its_hour(text: str | None, expected: str | None) -> None:
    """Minutes and offset go; a time without an offset is no instant."""
    assert hour(pa.array([text], pa.string())).to_pylist() == [expected]
