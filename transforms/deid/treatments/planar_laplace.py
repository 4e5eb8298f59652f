"""Planar Laplace noise: a point moves in a random direction, by a distance with the density ε²·r·exp(−ε·r).

For one point, this is geo-indistinguishability: of two true points at a distance of r km, either gives any result with
a likelihood that differs at most by the factor exp(ε·r). The mean distance is 2/ε km.

Noise that is fresh for each event averages out: a hundred positions of one home would show it. Noise that follows from
the value alone does so too, since positions jitter. Therefore it follows, under a key, from subject and +08:00 day: all
points of one subject's day move by one and the same vector, and a day spends one ε. Columns of two ε have two keys, and
a day spends both.

Warnings:
    Over n days a place visited daily is seen n times: the ε of the days add up.
    The shape of a day's track stays: who knows one true place of that day can work out the others. Publish one place
    for each subject and day, or use a cell or the city.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from governance.keys.handles import frame
from transforms.deid.treatments.points import parse_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from governance.keys import CipherKey

    Floats = npt.NDArray[np.float64]

_EARTH_KM = 6371.0
_DECIMALS = 3  # about 100 m: finer digits would say more about the arithmetic than about the place


def planar_laplace(
    values: pa.Array, key: CipherKey, subjects: Sequence[str | None], days: Sequence[str], *, epsilon: float
) -> pa.Array:
    """Return each `latitude,longitude` moved; null without a subject, and for what is no point.

    Args:
        values: texts.
        key: the key of the noise, of the epoch.
        subjects: whose each value is.
        days: the +08:00 date of each value's event.
        epsilon: ε for each km.
    """
    places, points = parse_points(values)
    kept = [number for number, place in enumerate(places) if subjects[place] is not None]
    who = [(subjects[places[number]] or "", days[places[number]]) for number in kept]
    moved = move(points[kept], *draw(key, who, epsilon))
    found: list[str | None] = [None] * len(values)
    for number, (latitude, longitude) in zip(kept, moved.tolist(), strict=True):
        found[places[number]] = f"{latitude:.{_DECIMALS}f},{longitude:.{_DECIMALS}f}"
    return pa.array(found, pa.string())


def draw(key: CipherKey, who: Sequence[tuple[str, str]], epsilon: float) -> tuple[Floats, Floats]:
    """Return (distance in km, direction) for each (subject, day): the distance is a sum of two exponentials."""
    distinct = {pair: number for number, pair in enumerate(dict.fromkeys(who))}
    macs = key.macs("noise", [frame(*pair) for pair in distinct])
    words = np.frombuffer(b"".join(mac[:24] for mac in macs), ">u8").reshape(-1, 3)
    uniform = ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53  # never 0, never 1
    uniform = uniform[[distinct[pair] for pair in who]]
    return -np.log(uniform[:, 0] * uniform[:, 1]) / epsilon, 2 * np.pi * uniform[:, 2]


def move(points: Floats, distance: Floats, direction: Floats) -> Floats:
    """Return the points at a distance in km along a great circle that starts in `direction`, from north by east."""
    latitude, longitude = np.radians(points).T
    angle = distance / _EARTH_KM
    sine = np.sin(latitude) * np.cos(angle) + np.cos(latitude) * np.sin(angle) * np.cos(direction)
    east = np.sin(direction) * np.sin(angle) * np.cos(latitude)
    turned = longitude + np.arctan2(east, np.cos(angle) - np.sin(latitude) * sine)
    wrapped = (np.degrees(turned) + 180) % 360 - 180
    return np.stack([np.degrees(np.arcsin(np.clip(sine, -1, 1))), wrapped], axis=1)
