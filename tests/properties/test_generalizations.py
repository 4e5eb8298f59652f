"""What holds of the treatments that make a value coarser, whatever it is."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from transforms.deid.treatments.bucket import bucket
from transforms.deid.treatments.categorize import categorize
from transforms.deid.treatments.city import FARTHEST_KM, _cities, _label, city
from transforms.deid.treatments.code_only import code_only
from transforms.deid.treatments.count_only import count_only
from transforms.deid.treatments.date_part import date_part
from transforms.deid.treatments.device_brand import _PREFIXES, OTHER, device_brand
from transforms.deid.treatments.hierarchy import hierarchy
from transforms.deid.treatments.hour import hour
from transforms.deid.treatments.major_version import _NAMES, major_version
from transforms.deid.treatments.user_agent import BOT, user_agent
from transforms.deid.treatments.vocabulary import names

TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
NUMBERS = st.decimals(0, 10_000, places=2).map(str)
EDGES = st.lists(st.integers(0, 2000), min_size=1, max_size=6, unique=True).map(sorted)
BANDS = st.dictionaries(st.text(min_size=1, max_size=5), st.lists(st.text(min_size=1, max_size=3), min_size=1))
# A secret that no list of names holds: eight letters from the end of the alphabet, or as many digits.
SECRET = st.text("QXZqxz", min_size=8, max_size=12) | st.text("0123456789", min_size=8, max_size=12)
AGENTS = (
    "{}", "{}/1.0", "Mozilla/5.0 ({}) AppleWebKit/537.36 Chrome/{}", "{}bot/2.0 (+http://{}.example.com)",
    "Mozilla/5.0 (Linux; Android 9; {} Build/{}) Chrome/99.0 Mobile Safari/537.36", "{}/1 CFNetwork/978 Darwin/18.5.0",
)  # fmt: skip


def column(function: Any, *texts: str | None, **parameters: Any) -> list[Any]:
    """Return the texts after a column function."""
    made: list[Any] = function(pa.array(texts, pa.string()), **parameters).to_pylist()
    return made


@given(st.lists(st.one_of(st.none(), TEXT), max_size=6))
def test_a_count_tells_presence_alone(texts: list[str | None]) -> None:
    """Two columns with values in the same places look the same."""
    assert column(count_only, *texts) == [None if text is None else True for text in texts]


@given(st.lists(TEXT, max_size=6), BANDS)
def test_bands_are_total(texts: list[str], bands: dict[str, list[str]]) -> None:
    """Every text falls into the first band of which it holds a word, or to the rest; no other word comes out."""
    made = column(categorize, *texts, bands=bands, other="rest")
    for text, band in zip(texts, made, strict=True):
        hits = [name for name, words in bands.items() if any(word.casefold() in text.casefold() for word in words)]
        assert band == (hits[0] if hits else "rest")


@given(
    st.lists(TEXT | st.decimals(0, 10_000, places=2).map(str), max_size=6), EDGES, st.sampled_from(["GiB", "amount"])
)
def test_ranges_are_total(texts: list[str], edges: list[int], unit: str) -> None:
    """Every number falls into one of the ranges that the edges make; what is none is null."""
    labels = {f"<{edges[0]}", f"{edges[-1]}+", *(f"{low}-{high}" for low, high in pairwise(edges))}
    for text, label in zip(texts, column(bucket, *texts, edges=tuple(edges), unit=unit), strict=True):
        assert label in labels or (label is None and not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,6})?", text))


@given(st.lists(TEXT, max_size=6), st.dictionaries(st.sampled_from(["a", "b", "张伟"]), st.text(max_size=3)))
def test_a_hierarchy_is_total(texts: list[str], table: dict[str, str]) -> None:
    """What the file holds becomes its level, all else the word for the rest, white space aside."""
    texts = [*texts, *table]
    stripped = column(pa.compute.utf8_trim_whitespace, *texts)
    assert column(hierarchy, *texts, table=table, other="*") == [table.get(text, "*") for text in stripped]


@given(st.datetimes(timezones=st.timezones()))
def test_a_day_is_that_of_its_hour(instant: Any) -> None:
    """Hour, day and month of one instant agree, in +08:00, at every midnight and end of a month."""
    text = instant.isoformat()
    (hours,), (days,), (months,) = (
        column(hour, text), column(date_part, text, unit="day"), column(date_part, text, unit="month"),
    )  # fmt: skip
    assert (days, months) == ((None, None) if hours is None else (hours[:10], hours[:7]))
    assert hours is None or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00\+08:00", hours)


@given(st.one_of(TEXT, st.from_regex(r"\A[\[(<]?[A-Za-z0-9_.]{1,40}[:;, \])>].{0,20}\Z")))
@example("ERR_1234: no")
def test_a_code_is_short_and_bears_no_number(text: str) -> None:
    """A code is how the message begins, has at most three digits in a row, and the length is that of the rest."""
    codes, lengths = code_only(pa.array([text]))
    (code,), (length,) = codes.to_pylist(), lengths.to_pylist()
    if code is None:
        assert length == len(text)
    else:
        assert text.lstrip().lstrip("[(<").startswith(code)
        assert length == len(text) - text.index(code) - len(code)
        assert re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", code)
        assert not re.search("[0-9]{4}", code)


@settings(deadline=None)  # the first call compiles ua-parser's rules
@given(SECRET, st.sampled_from(AGENTS))
def test_parts_of_an_agent_hold_nothing_of_it(secret: str, form: str) -> None:
    """Only names that ua-parser's rules spell out come through, with a short number: never a word of the string."""
    for kind, parts in zip(("browser", "os"), user_agent(pa.array([form.replace("{}", secret)])), strict=True):
        label = parts[0].as_py()
        family, _, major = label.rpartition(" ")
        known = names(kind) | {"Other", BOT}
        assert label in known or (family in known and re.fullmatch(r"[0-9]{1,3}|[A-Za-z.0-9 ]{2,4}", major))
        assert secret not in label


@given(TEXT | SECRET | st.tuples(st.sampled_from(["Android", "v", "Zhang", ""]), NUMBERS).map(" ".join))
def test_a_version_is_a_known_name_and_a_short_number(text: str) -> None:
    """Of a version only a system's or browser's own name and up to three digits remain, or nothing."""
    (version,) = column(major_version, text)
    if version is not None:
        name, _, number = version.rpartition(" ") if version[-1].isdigit() else (version, "", "")
        assert name in {"", *_NAMES.values()}
        assert re.fullmatch("[0-9]{0,3}", number)
        assert number in text


@settings(deadline=None)
@given(st.one_of(TEXT, SECRET, st.sampled_from(["SM-{}", "{} P30", "iPhone {}", "Redmi {}"]).map(str)), SECRET)
def test_a_brand_is_a_known_one(model: str, secret: str) -> None:
    """Whatever the model says, one of the brands that rules or the table spell out is written, or `other`."""
    (brand,) = column(device_brand, model.replace("{}", secret))
    assert brand in {OTHER, "Apple", *_PREFIXES.values()} | names("brand")
    assert secret not in brand


@cache
def places() -> tuple[list[str], Any]:
    """Return label and (latitude, longitude) in degrees of each city that may be named."""
    cities = _cities()
    return [_label(one) for one in cities], np.array([(one["latitude"], one["longitude"]) for one in cities])


@settings(deadline=None, max_examples=40)  # the first call reads a table of cities
@given(st.integers(0, 10**6), st.floats(-0.6, 0.6), st.floats(-0.6, 0.6))
def test_a_city_is_the_nearest(at: int, north: float, east: float) -> None:
    """A point near a city becomes the nearest one of all, or null if that is more than 50 km away."""
    labels, where = places()
    latitude, longitude = where[at % len(labels)] + [north, east]
    assume(abs(latitude) <= 90 and abs(longitude) <= 180)
    point = f"{latitude:.6f},{longitude:.6f}"
    here = np.radians([float(part) for part in point.split(",")])
    there = np.radians(where)
    half = np.sin((there - here) / 2) ** 2
    away = 2 * 6371.0 * np.arcsin(np.sqrt(half[:, 0] + np.cos(here[0]) * np.cos(there[:, 0]) * half[:, 1]))
    (label,) = column(city, point)
    assume(abs(away.min() - FARTHEST_KM) > 0.01)
    nearest = {labels[place] for place in np.flatnonzero(away < away.min() + 0.01)}
    assert label in ({None} if away.min() > FARTHEST_KM else nearest)


@settings(deadline=None)
@given(TEXT)
def test_a_place_that_is_no_city_is_null(text: str) -> None:
    """Of a text only a label of the table comes out, such as `CN/Nanjing`."""
    (label,) = column(city, text)
    assert label in {None, *places()[0]}
