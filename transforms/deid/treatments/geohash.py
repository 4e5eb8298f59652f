"""Geohash: a point becomes the cell that holds it, such as `wtsqq`; anything else becomes null."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from transforms.deid.treatments.points import parse_points

if TYPE_CHECKING:
    import numpy.typing as npt

_SIGNS = np.frombuffer(b"0123456789bcdefghjkmnpqrstuvwxyz", np.uint8)
_BITS = 5


def geohash(values: pa.Array, *, precision: int) -> pa.Array:
    """Return the geohash of `precision` signs of each `latitude,longitude`."""
    places, points = parse_points(values)
    found: list[str | None] = [None] * len(values)
    letters = _SIGNS[_cells(points, precision)].tobytes().decode()
    for number, place in enumerate(places):
        found[place] = letters[number * precision : (number + 1) * precision]
    return pa.array(found, pa.string())


def _cells(points: npt.NDArray[np.float64], precision: int) -> npt.NDArray[np.int64]:
    """Return the signs of each point as numbers below 32: bits of longitude and latitude in turn."""
    bits = precision * _BITS
    turns = ((1, (bits + 1) // 2, 360.0), (0, bits // 2, 180.0))
    mixed = np.zeros((len(points), bits), np.uint8)
    for offset, (column, count, span) in enumerate(turns):
        cells = np.floor((points[:, column] / span + 0.5) * 2**count).astype(np.int64)
        cells = np.clip(cells, 0, 2**count - 1)  # the pole and the date line belong to the last cell
        mixed[:, offset::2] = (cells[:, None] >> np.arange(count)[::-1]) & 1
    return mixed.reshape(len(points), precision, _BITS) @ (1 << np.arange(_BITS)[::-1])
