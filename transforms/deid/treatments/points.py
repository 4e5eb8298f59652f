"""Points on the earth: `32.06,118.79` in decimal degrees, latitude first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

_POINT = re.compile(r"([+-]?[0-9]{1,3}(?:\.[0-9]{1,20})?)\s*[,; ]\s*([+-]?[0-9]{1,3}(?:\.[0-9]{1,20})?)", re.ASCII)
_MOST_LATITUDE, _MOST_LONGITUDE = 90, 180


def parse_point(text: str) -> tuple[float, float] | None:
    """Return (latitude, longitude) of a text; None if it is no point on the earth."""
    match = _POINT.fullmatch(text.strip())
    if match is None:
        return None
    latitude, longitude = float(match[1]), float(match[2])
    return (latitude, longitude) if abs(latitude) <= _MOST_LATITUDE and abs(longitude) <= _MOST_LONGITUDE else None


def parse_points(values: pa.Array) -> tuple[list[int], npt.NDArray[np.float64]]:
    """Return where the points stand among the values, and the points as rows of (latitude, longitude)."""
    read = [None if text is None else parse_point(text) for text in values.to_pylist()]
    places = [place for place, point in enumerate(read) if point is not None]
    return places, np.array([point for point in read if point is not None], np.float64).reshape(-1, 2)
