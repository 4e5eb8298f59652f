"""Whatever arrives: no step raises, nothing is lost or doubled, no secret is kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.keys import EventKeys
from governance.policy import load_catalogue
from tests.transforms.conftest import bundle, event, total
from transforms.deid.classify import classify
from transforms.deid.decode import Decoder
from transforms.deid.gate import Authorization, gate

if TYPE_CHECKING:
    from transforms.deid.events import Batch

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FORMATS = ("native", "apache_combined", "gdpr_sample", "none-such")
CANARY = "c4n4ry"
SECRETS = sorted(load_catalogue().secret_names | load_catalogue().biometric_names)
NAMES = ["system", "event_type", "event_time", "event_id", "subject", "fields", "meta", "account", "page_url", "dnt"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=5),
    max_leaves=12,
)


class Glass:
    """A sealer that keeps what it was given, so that a test can look through it."""

    day = "2026-11-01"

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def seal(self, payload: bytes, associated: bytes) -> bytes:
        """Remember the payload and return nothing of it."""
        assert len(associated) == 16
        self.payloads.append(payload)
        return b"sealed"

    def wrapped_key(self) -> bytes:
        """Return no key."""
        return b""


@cache
def decoder() -> Decoder:
    """Return one decoder for all examples: what it learned from one must not harm another."""
    return Decoder(load_catalogue(), "service_log", keys=EventKeys(b"d" * 32, b"p" * 32), now=NOW)


def through(lines: list[bytes], record_format: str = "native") -> tuple[Batch, Glass]:
    """Take lines through every step of this package and check the sum after each."""
    glass, catalogue = Glass(), load_catalogue()
    batch = decoder()(bundle(lines, record_format, "sepp"), glass)
    assert batch.read == total(batch) == sum(bool(line.strip()) for line in lines)
    batch = classify(batch, catalogue, "service_log", NOW)
    assert batch.read == total(batch)
    batch = gate(batch, Authorization("operator", frozenset({"sepp"})), catalogue)
    assert batch.read == total(batch)
    return batch, glass


@given(st.lists(st.binary(max_size=80), max_size=6), st.sampled_from(FORMATS))
def test_any_bytes(lines: list[bytes], record_format: str) -> None:
    """Arbitrary bytes in any format never raise, and every record is accounted for."""
    through(lines, record_format)


@given(st.lists(json_values, max_size=5), st.sampled_from(FORMATS))
def test_any_json(documents: list[Any], record_format: str) -> None:
    """Arbitrary JSON never raises, and every record is accounted for."""
    through([json.dumps(document).encode() for document in documents], record_format)


@given(
    st.dictionaries(st.sampled_from(["system", "event_type", "event_time", "subject", "fields", "meta"]), json_values),
    st.binary(max_size=20),
)
def test_any_change_to_an_event(changes: dict[str, Any], garbage: bytes) -> None:
    """An event with anything in place of its parts never raises and leaves good neighbours alone."""
    good = json.dumps(event()).encode()
    broken = json.dumps(event() | changes).encode()
    batch, _ = through([good, broken, garbage.replace(b"\n", b""), good])
    assert batch.table.num_rows >= 2


@given(json_values, st.sampled_from(SECRETS), st.sampled_from(NAMES[4:7]), st.integers(0, 200), st.booleans())
def test_secrets_are_never_kept(value: Any, secret: str, section: str, cut: int, escaped: bool) -> None:
    """A secret leaves no byte in a sealed payload or a dead letter, in a whole or a cut-off record."""
    raw = json.dumps(event() | {section: {secret: CANARY, "x": value}}).encode()
    if escaped:
        raw = raw.replace(secret.encode(), b"\\u%04x" % ord(secret[0]) + secret[1:].encode())
    batch, glass = through([raw, raw[: len(raw) - cut] if CANARY.encode() in raw[: len(raw) - cut] else b""])
    assert not batch.table.num_rows
    assert not any(CANARY.encode() in payload for payload in glass.payloads)
    assert CANARY not in repr(batch.dead_letters)
    assert CANARY not in repr(batch.fields_dropped)


@pytest.mark.parametrize("record_format", FORMATS)
def test_nothing(record_format: str) -> None:
    """No line at all is a batch without rows."""
    batch, _ = through([], record_format)
    assert batch.table.num_rows == 0
