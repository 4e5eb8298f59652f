"""Texts that are points."""

from __future__ import annotations

import pytest

from transforms.deid.treatments.points import parse_point


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("32.06,118.79", (32.06, 118.79)), (" +1 ; -2 ", (1.0, -2.0)), ("1 2", (1.0, 2.0)),
        ("-90,180", (-90.0, 180.0)), ("90.1,0", None), ("0,180.1", None), ("1", None), ("1,2,3", None),
        ("nan,nan", None), ("１,２", None), ("", None),
    ],
)  # fmt: skip
def test_a_point_is_two_numbers_on_the_map(text: str, point: tuple[float, float] | None) -> None:
    """Latitude, then longitude, within the earth."""
    assert parse_point(text) == point
