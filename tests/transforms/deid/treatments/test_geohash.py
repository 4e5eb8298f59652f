"""Geohash cells."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.deid.treatments.geohash import geohash


@pytest.mark.parametrize(
    ("text", "precision", "cell"),
    [
        ("57.64911,10.40744", 6, "u4pruy"), ("42.6,-5.6", 5, "ezs42"), ("42.605, -5.603", 5, "ezs42"), ("0,0", 1, "s"),
        ("90,180", 6, "zzzzzz"), ("-90,-180", 6, "000000"), ("-0.000001,-0.000001", 6, "7zzzzz"),
        ("31.23,121.47", 4, "wtw3"),
        ("91,0", 6, None), ("Nanjing", 6, None), ("", 6, None), (None, 6, None),
    ],
)  # fmt: skip
def test_a_point_falls_into_its_cell(text: str | None, precision: int, cell: str | None) -> None:
    """Published examples, the edges of the map, and what is no point."""
    assert geohash(pa.array([text], pa.string()), precision=precision).to_pylist() == [cell]


def test_fewer_signs_are_a_larger_cell() -> None:
    """A coarser cell is the beginning of the finer one."""
    values = pa.array(["32.06,118.79", "-33.87,151.21", "40.7,-74.0", "51.5 0.12"])
    finest = geohash(values, precision=6).to_pylist()
    for precision in range(1, 6):
        assert geohash(values, precision=precision).to_pylist() == [cell[:precision] for cell in finest]
