"""Cities of points and names."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.deid.treatments.city import city


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("32.06,118.78", "CN/Nanjing"), ("32.0617, 118.7778", "CN/Nanjing"), ("南京", "CN/Nanjing"),
        ("NANJING", "CN/Nanjing"), ("39.9;116.4", "CN/Beijing"), ("London", "GB/London"),
        ("-33.87,151.21", "AU/Sydney"), ("0,0", None), ("99,0", None), ("0,181", None), ("somewhere", None),
        ("Zhang Wei, Nanjing", None), ("", None), (None, None), ("32.06", None),
    ],
)  # fmt: skip
def test_a_place_becomes_its_city(text: str | None, label: str | None) -> None:
    """A point takes the nearest large city within 50 km, a name must be a city's own; all else is null."""
    assert city(pa.array([text], pa.string())).to_pylist() == [label]
