"""What holds of every treatment, whatever text a producer sends."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from governance.policy import STREAMS, load_catalogue
from governance.policy.treatments import Pseudonymize
from transforms.deid.treatments.bucket import bucket
from transforms.deid.treatments.hour import hour
from transforms.deid.treatments.keep import keep
from transforms.deid.treatments.major_version import major_version
from transforms.deid.treatments.registry import Context, bind, columns_of
from transforms.deid.treatments.truncate_ip import truncate_ip
from transforms.deid.treatments.url_path import LONGEST_SEGMENT, MOST_SLASHES, url_path

if TYPE_CHECKING:
    from collections.abc import Callable

CATALOGUE = load_catalogue()
TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
URL = st.one_of(
    TEXT,
    st.from_regex(r"(?:https?:)?(?://(?:[a-z0-9@:.\[\]%-]{0,20}))?(?:/[A-Za-z0-9;=@%.~_-]{0,30}){0,20}[?#]?.{0,9}"),
)
LONG_RUN = re.compile(r"[0-9]{5,}")
ROWS = [
    pytest.param(row, treatment, id=f"{row.field}-{treatment.do}")
    for row in CATALOGUE.stream_fields("service_log")
    for treatment in dict.fromkeys((row.treatment("anonymous"), row.treatment("personal")))
    if columns_of(treatment, row) and not isinstance(treatment, Pseudonymize) and row.type == "text"
]


def treated(function: Callable[..., pa.Array], *texts: str | None, **parameters: Any) -> list[Any]:
    """Return the texts after a column function."""
    return function(pa.array(texts, pa.string()), **parameters).to_pylist()


def test_the_inventory_is_covered() -> None:
    """Every text field of the widest stream that is treated at all takes part."""
    assert "service_log" in STREAMS
    assert len(ROWS) > 20


@pytest.mark.parametrize(("row", "treatment"), ROWS)
def test_no_text_breaks_a_treatment(row: Any, treatment: Any) -> None:
    """One output a value, null for null, the promised type, and no run of five digits of the input (R-COMB-04)."""
    function = bind(treatment, Context(row, ("/product/{id}/{name}.html",)))
    columns = columns_of(treatment, row)
    keeps_words = getattr(treatment, "words", "drop") != "drop"

    @settings(deadline=None, max_examples=30)  # the first call may load a table of cities
    @given(st.lists(st.one_of(TEXT, URL, st.none()), max_size=6))
    @example(["13800138000", "/138001/38000", "a@b.cn 13800138000", None, ""])
    def check(texts: list[str | None]) -> None:
        results = function(pa.array(texts, pa.string()))
        assert [result.type for result in results] == [column.type for column in columns]
        for result in results:
            assert len(result) == len(texts)
            for text, value in zip(texts, result.to_pylist(), strict=True):
                assert text is not None or value is None
                if isinstance(value, str) and keeps_words:
                    assert not re.search(r"\d{9}", value)
                elif isinstance(value, str):
                    assert not LONG_RUN.search(value)
                    assert "@" not in value

    check()


@given(TEXT, st.sampled_from(["code", "language", "host", "any_number", "flag"]))
def test_keep_is_idempotent(text: str, shape: str) -> None:
    """What was kept once is kept again; what became `other` stays so."""
    once = treated(keep, text, shape=shape)
    assert treated(keep, *once, shape=shape) == once
    assert once in ([text], ["other"])


@given(URL)
def test_a_path_is_idempotent(url: str) -> None:
    """A path template is its own template."""
    once = treated(url_path, url, host=False)
    assert treated(url_path, *once, host=False) == once


@given(URL)
def test_a_path_is_that_of_a_plain_reading(url: str) -> None:
    """The regular expressions of Arrow agree with a reading segment by segment."""
    assert treated(url_path, url, host=False) == [_plain_path(url)]


def _plain_path(url: str) -> str:
    bare = re.split(r"[?#]", _trimmed(url), maxsplit=1)[0]
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(?!//)", bare):
        return "*"
    path = re.sub(r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/]*", "", bare)
    path = re.sub("^//+", "/", "/".join(segment.partition(";")[0] for segment in path.split("/")))
    segments = path.split("/")
    kept = [
        segment if re.fullmatch(rf"[A-Za-z._~+*-]{{0,{LONGEST_SEGMENT}}}", segment) else "*" for segment in segments
    ]
    if len(kept) > MOST_SLASHES and "/".join(kept[MOST_SLASHES:]):
        kept = [*kept[:MOST_SLASHES], "*"]
    return "/".join(kept) or "/"


def _trimmed(text: str) -> str:
    return pa.compute.utf8_trim_whitespace(pa.array([text]))[0].as_py()


@given(URL)
def test_a_host_holds_no_address_and_no_user(url: str) -> None:
    """With the host too, no run of five digits, no @, no port and no percent sign is left."""
    (value,) = treated(url_path, url, host=True)
    assert re.fullmatch(r"[A-Za-z0-9._~+*/-]*", value)
    assert not LONG_RUN.search(value)
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", value)


@given(st.ip_addresses(), st.sampled_from([(16, 32), (24, 48), (20, 40), (8, 0)]))
def test_a_network_holds_its_address(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, bits: tuple[int, int]
) -> None:
    """Truncation agrees with the standard library, and nothing beyond the prefix remains."""
    (network,) = treated(truncate_ip, str(address), v4=bits[0], v6=bits[1])
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or address
    prefix = bits[0] if isinstance(address, ipaddress.IPv4Address) else bits[1]
    expected = ipaddress.ip_network(f"{address}/{prefix}", strict=False)
    assert ipaddress.ip_network(network) == expected


@given(TEXT)
def test_what_is_no_address_is_null(text: str) -> None:
    """Only networks leave, whatever comes in."""
    (network,) = treated(truncate_ip, text, v4=16, v6=32)
    assert network is None or ipaddress.ip_network(network).prefixlen in (16, 32)


@given(TEXT)
def test_a_major_version_is_idempotent(text: str) -> None:
    """A version that was cut stays as it is."""
    once = treated(major_version, text)
    assert treated(major_version, *once) == once


@given(st.datetimes(timezones=st.timezones()))
def test_an_hour_is_idempotent(instant: Any) -> None:
    """The hour of an hour is the hour."""
    once = treated(hour, instant.isoformat())
    assert treated(hour, *once) == once


@given(st.floats(0, 10_000, allow_nan=False), st.lists(st.integers(1, 512), min_size=1, unique=True).map(sorted))
def test_a_size_lies_within_its_range(size: float, edges: list[int]) -> None:
    """The label's edges enclose the size."""
    (label,) = treated(bucket, f"{size:.3f} GiB", edges=tuple(edges))
    low, _, high = label.strip("<+").partition("-")
    number = float(f"{size:.3f}")
    if label.startswith("<"):
        assert number < float(low)
    elif label.endswith("+"):
        assert number >= float(low)
    else:
        assert float(low) <= number < float(high)
