"""Points with noise."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from governance.keys import CipherKey
from governance.policy.keyed import PlanarLaplace
from tests.transforms.deid.chain import CATALOGUE
from tests.transforms.deid.treatments.keys import key
from transforms.deid.treatments.keyed import Beside, bind_keyed
from transforms.deid.treatments.planar_laplace import draw, move, planar_laplace

HOME = "32.060,118.790"


def noisy(texts: list[str | None], who: list[str | None], days: list[str], epsilon: float = 0.5) -> list[str | None]:
    """Return the texts after the treatment."""
    column = planar_laplace(pa.array(texts, pa.string()), key(), who, days, epsilon=epsilon)
    made: list[str | None] = column.to_pylist()
    return made


def test_a_day_of_a_subject_has_one_noise() -> None:
    """The same place shows the same all day, so that its events do not average out; another day or subject moves it."""
    first, again, tomorrow, other = noisy([HOME] * 4, ["li", "li", "li", "wu"], ["d1", "d1", "d2", "d1"])
    assert first == again
    assert len({first, tomorrow, other, HOME}) == 4


def test_distances_are_those_of_the_distribution() -> None:
    """The mean is 2/ε, the median 1.678/ε, and no direction is preferred."""
    distance, direction = draw(key(), [(f"{number}", "d") for number in range(20_000)], 0.5)
    assert distance.mean() == pytest.approx(4.0, rel=0.03)
    assert np.median(distance) == pytest.approx(1.678 / 0.5, rel=0.03)
    quarters, _ = np.histogram(direction, 4, (0, 2 * np.pi))
    assert quarters.min() > 4700


@pytest.mark.parametrize("point", [(0.0, 0.0), (32.06, 118.79), (-33.9, 151.2), (51.5, 179.99), (89.9, 10.0)])
def test_a_point_lands_at_its_distance(point: tuple[float, float]) -> None:
    """On the globe, across the date line and beside the pole."""
    directions = np.linspace(0, 2 * np.pi, 16)
    moved = move(np.array([point] * 16), np.full(16, 25.0), directions)
    assert (np.abs(moved[:, 0]) <= 90).all()
    assert (np.abs(moved[:, 1]) <= 180).all()
    (lat, lon), (lats, lons) = np.radians(point), np.radians(moved).T
    haversine = np.sin((lats - lat) / 2) ** 2 + np.cos(lat) * np.cos(lats) * np.sin((lons - lon) / 2) ** 2
    assert 2 * 6371.0 * np.arcsin(np.sqrt(haversine)) == pytest.approx(np.full(16, 25.0), rel=1e-6)


def test_two_epsilons_do_not_give_a_place_away() -> None:
    """One place in two columns of different ε has two noises: under one key, the two would lie on a line with it."""
    row, beside = CATALOGUE.inventory["gps_location"], Beside(["li"], ["2026-11-22"])
    seen = []
    for epsilon in (0.5, 5.0):
        step = bind_keyed(PlanarLaplace(epsilon=epsilon), row)
        noise = CipherKey(bytes(32), step.kind, "2026H2")
        seen.append([float(part) for part in step.treat(pa.array([HOME]), noise, beside)[0].as_py().split(",")])
    guess = (5.0 * np.array(seen[1]) - 0.5 * np.array(seen[0])) / 4.5
    assert np.abs(guess - [32.06, 118.79]).max() > 0.005


def test_only_points_of_somebody_show() -> None:
    """Without a subject, or without a point, there is nothing; no digit beyond 100 m is written."""
    made = noisy([HOME, "Nanjing", None, HOME], [None, "li", "li", "li"], ["d"] * 4)
    assert made[:3] == [None, None, None]
    assert all(len(number.rpartition(".")[2]) == 3 for number in (made[3] or "").split(","))
    assert noisy([], [], []) == []
