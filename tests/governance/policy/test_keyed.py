"""Treatments that need a key, as a pack says them."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from governance.policy.explain import words
from governance.policy.keyed import DateShift, Encrypt, FormatPreserving, Keyed, PlanarLaplace, Surrogate
from governance.policy.treatments import AUDIENCES, Geohash, GroupThreshold, Mask, Treatment

SAID = [
    ({"do": "encrypt"}, "turn back, on record"),
    ({"do": "format_preserving", "lengths": [11]}, "same form and length"),
    ({"do": "prefix_preserving_ip"}, "another address"),
    ({"do": "date_shift", "max_days": 30}, "up to 30 days"),
    ({"do": "planar_laplace", "epsilon": 0.5}, "ε = 0.5"),
    ({"do": "surrogate", "of": "name", "locale": "zh_CN"}, "invented name (zh_CN), for each subject"),
    ({"do": "mask", "first": 3, "last": 4}, "first 3 and the last 4 signs"),
    ({"do": "mask", "hide_length": False}, "how long it is"),
    ({"do": "geohash", "precision": 4}, "cell of 4 signs"),
    ({"do": "group_threshold", "k": 20}, "nothing in the stream; in tables the value if 20"),
    ({"do": "group_threshold", "k": 20, "in_stream": "brand"}, "the brand of the device in the stream"),
]


@pytest.mark.parametrize(("text", "said"), SAID)
def test_a_pack_can_say_it_and_people_can_read_it(text: dict[str, object], said: str) -> None:
    """Each new treatment is read from its YAML form, and explained."""
    treatment: Treatment = TypeAdapter(Treatment).validate_python(text)
    assert all(said in words(treatment, audience) for audience in AUDIENCES)


@pytest.mark.parametrize(
    "text",
    [
        {"do": "format_preserving", "lengths": [5]},
        {"do": "format_preserving", "lengths": [11, 5]},
        {"do": "format_preserving", "lengths": [3], "alphabet": "base62"},
        {"do": "format_preserving", "lengths": []},
        {"do": "format_preserving", "lengths": [11], "alphabet": "emoji"},
        {"do": "date_shift", "max_days": 0},
        {"do": "planar_laplace", "epsilon": 0},
        {"do": "planar_laplace", "epsilon": float("inf")},
        {"do": "planar_laplace", "epsilon": float("nan")},
        {"do": "surrogate", "of": "phone", "locale": "zh_CN"},
        {"do": "surrogate", "of": "name", "locale": "xx_XX"},
        {"do": "mask", "first": 7},
        {"do": "mask", "hidden": 1},
        {"do": "mask", "char": "**"},
        {"do": "geohash", "precision": 7},
        {"do": "group_threshold", "k": 1},
        {"do": "encrypt", "key": "mine"},
    ],
)
def test_what_would_protect_too_little_is_refused(text: dict[str, object]) -> None:
    """Domains below a million, no noise, open masks and unknown words are not valid."""
    with pytest.raises(ValidationError):
        TypeAdapter(Treatment).validate_python(text)


def test_lengths_are_a_set() -> None:
    """Order and repetition of lengths do not make another treatment."""
    assert FormatPreserving(lengths=(11, 8, 11)) == FormatPreserving(lengths=(8, 11))


def test_kinds_of_keys() -> None:
    """What belongs to a field has a key a field; what holds a subject together has one for all."""
    assert Encrypt().kind("phone") == "encrypt.phone"
    assert FormatPreserving(lengths=(11,)).kind("phone") == "format_preserving.phone"
    assert {DateShift(max_days=9).kind(field) for field in ("a", "b")} == {"date_shift"}
    assert {PlanarLaplace(epsilon=1).kind(field) for field in ("a", "b")} == {"planar_laplace.1.0"}
    assert PlanarLaplace(epsilon=0.5).kind("a") == "planar_laplace.0.5"
    assert Surrogate(of="name", locale="zh_CN").kind("a") == "surrogate"


def test_what_can_be_turned_back_is_for_the_personal_path() -> None:
    """Of the keyed treatments only the one of addresses may stand on the anonymous path."""
    assert [one.__name__ for one in Keyed.__subclasses__() if not one.personal_only] == ["PrefixPreservingIp"]
    assert Mask().strictness == Geohash(precision=1).strictness == GroupThreshold(k=2).strictness == 50
