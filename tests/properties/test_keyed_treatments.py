"""What holds of every keyed treatment, and of masks, cells and hierarchies, whatever text a producer sends."""

from __future__ import annotations

import ipaddress
import re
from datetime import date
from typing import Any

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from governance.policy.keyed import (
    DateShift,
    Encrypt,
    FormatPreserving,
    Keyed,
    PlanarLaplace,
    PrefixPreservingIp,
    Surrogate,
)
from tests.transforms.deid.chain import CATALOGUE
from tests.transforms.deid.treatments.keys import key
from transforms.deid.treatments.geohash import geohash
from transforms.deid.treatments.hierarchy import hierarchy
from transforms.deid.treatments.keyed import Beside, bind_keyed
from transforms.deid.treatments.mask import mask
from transforms.deid.treatments.prefix_preserving_ip import prefix_preserving_ip

ROW = CATALOGUE.inventory["page_url"]
EVERY: list[Keyed] = [
    Encrypt(),
    FormatPreserving(lengths=(8, 11)),
    PrefixPreservingIp(),
    DateShift(max_days=40),
    PlanarLaplace(epsilon=0.7),
    Surrogate(of="name", locale="zh_CN"),
    Surrogate(of="company", locale="en_US", by="value"),
]
TEXT = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.from_regex(r"[0-9]{8}|1[3-9][0-9]{9}", fullmatch=True),
    st.ip_addresses().map(str),
    st.dates().map(date.isoformat),
    st.tuples(st.floats(-90, 90), st.floats(-180, 180)).map(lambda point: f"{point[0]:.6f},{point[1]:.6f}"),
)
PEOPLE = st.one_of(st.none(), st.sampled_from(["li", "wu", "张伟"]))
DAYS = st.sampled_from(["2026-11-22", "2026-11-23"])
LINES = st.lists(st.tuples(st.one_of(st.none(), TEXT), PEOPLE, DAYS), max_size=5)


def treated(treatment: Keyed, lines: list[tuple[str | None, str | None, str]], scope: int = 0) -> list[str | None]:
    """Return the results of a treatment over (value, subject, day)."""
    beside = Beside([who for _, who, _ in lines], [day for *_, day in lines])
    values = pa.array([text for text, *_ in lines], pa.string())
    column = bind_keyed(treatment, ROW).treat(values, key(scope=scope), beside)
    assert column.type == pa.string()
    made: list[str | None] = column.to_pylist()
    return made


@settings(deadline=None)  # the first call draws the pools of surrogates
@given(LINES)
@example(
    [("", "li", "2026-11-22"), ("\0", None, "2026-11-22"), ("\udcff".encode("utf-8", "replace").decode(), "wu", "d")]
)
def test_company_and_order_make_no_difference(lines: list[Any]) -> None:
    """One result a value, null for null, and each is what it would be alone: no row tells of another."""
    for treatment in EVERY:
        made = treated(treatment, lines)
        assert len(made) == len(lines)
        assert made == [treated(treatment, [line])[0] for line in lines]
        assert all(one is None for one, line in zip(made, lines, strict=True) if line[0] is None)
        assert treated(treatment, lines[::-1]) == made[::-1]


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, st.just("li"), DAYS), min_size=3, max_size=3, unique_by=lambda line: line[0]))
def test_another_key_gives_other_tokens(lines: list[Any]) -> None:
    """What one recipient gets does not match what another gets."""
    first, second = (treated(Encrypt(), lines, scope) for scope in (0, 1))
    assert not set(first) & set(second)


@given(st.lists(st.ip_addresses(v=4), min_size=2, max_size=6) | st.lists(st.ip_addresses(v=6), min_size=2, max_size=6))
def test_prefixes_are_preserved_exactly(addresses: list[Any]) -> None:
    """Two addresses share as many leading bits as before: no fewer, no more."""
    addresses = [one for one in addresses if one.version == 4 or (one.ipv4_mapped is None and one.sixtofour is None)]
    made = prefix_preserving_ip(pa.array([str(one) for one in addresses], pa.string()), key()).to_pylist()
    after = [ipaddress.ip_address(one) for one in made]
    assert [one.version for one in after] == [one.version for one in addresses]
    for one, two in zip(addresses, after, strict=True):
        assert (int(one) ^ int(addresses[0])).bit_length() == (int(two) ^ int(after[0])).bit_length()


@given(st.text(st.characters(codec="utf-8"), max_size=60), st.integers(0, 6), st.integers(0, 4), st.booleans())
def test_a_mask_shows_its_ends_only(text: str, first: int, last: int, hide_length: bool) -> None:
    """At most so many signs of each end show, and at least `hidden` are hidden; else all are."""
    column = mask(pa.array([text]), first=first, last=last, char="*", hidden=4, hide_length=hide_length)
    shown = column[0].as_py()
    middle = 4 if hide_length else len(text) - first - last
    if len(text) < first + last + 4:
        assert shown == "*" * (4 if hide_length else len(text))
    else:
        assert shown == text[:first] + "*" * middle + (text[-last:] if last else "")


@given(st.floats(-90, 90), st.floats(-180, 180), st.integers(1, 6))
def test_a_cell_holds_its_point(latitude: float, longitude: float, precision: int) -> None:
    """Read back, the cell's bounds enclose the point."""
    (cell,) = geohash(pa.array([f"{latitude:.9f},{longitude:.9f}"]), precision=precision).to_pylist()
    bounds = {0: [-180.0, 180.0], 1: [-90.0, 90.0]}
    bits = "".join(f"{'0123456789bcdefghjkmnpqrstuvwxyz'.index(sign):05b}" for sign in cell)
    for place, bit in enumerate(bits):
        low, high = bounds[place % 2]
        bounds[place % 2] = [(low + high) / 2, high] if bit == "1" else [low, (low + high) / 2]
    assert re.fullmatch(rf"[0-9a-z]{{{precision}}}", cell)
    assert bounds[0][0] <= round(longitude, 9) <= bounds[0][1]
    assert bounds[1][0] <= round(latitude, 9) <= bounds[1][1]


@given(st.lists(TEXT, max_size=5), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4))
def test_a_hierarchy_says_only_what_it_holds(texts: list[str], table: dict[str, str]) -> None:
    """No value but the file's own words, or `*`, comes out."""
    made = hierarchy(pa.array(texts, pa.string()), table=table, other="*").to_pylist()
    assert set(made) <= {*table.values(), "*"}
