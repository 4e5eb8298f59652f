"""Apache's access logs become `web_log` events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.transforms.conftest import NOW, bundle, reasons, total
from transforms.deid.decode import Decoder

if TYPE_CHECKING:
    from pathlib import Path

    from governance.keys import EventKeys
    from governance.policy import Catalogue
    from tests.transforms.conftest import Decode
    from transforms.deid.events import Sealer

COMMON = b'203.0.113.9 - frank [10/Oct/2026:13:55:36 -0700] "GET /a.gif?x=1 HTTP/1.0" 200 2326'
APACHE = {"record_format": "apache_combined", "system": "sepp"}
FIELDS = (
    "ip_address", "remote_user", "http_method", "page_url", "http_status", "response_bytes", "referrer", "user_agent",
)  # fmt: skip


def test_combined_and_common(decode: Decode) -> None:
    """Both formats give the same columns; a dash is null, and the time keeps its zone."""
    batch = decode(COMMON + b' "http://ref/" "Mozilla/4.08 [en]"', COMMON, COMMON.replace(b"frank", b"-"), **APACHE)
    rows = [tuple(row.values()) for row in batch.table.select(list(FIELDS)).to_pylist()]
    plain = ("203.0.113.9", "frank", "GET", "/a.gif?x=1", 200, 2326)
    assert rows[:2] == [(*plain, "http://ref/", "Mozilla/4.08 [en]"), (*plain, None, None)]
    assert rows[2][1] is None
    assert batch.table["event_time"].to_pylist() == [datetime(2026, 10, 10, 20, 55, 36, tzinfo=UTC)] * 3
    assert set(batch.table["event_type"].to_pylist()) == {"web_log"}
    assert not batch.fields_dropped


def test_escapes(decode: Decode) -> None:
    """Quoted quotes do not end a value, and Apache's escapes are undone."""
    batch = decode(COMMON + rb' "-" "a \"b\" \\ \xe6\xb0\xb4 \xff \t"', **APACHE)
    assert batch.table["user_agent"].to_pylist() == ['a "b" \\ 水 \ufffd \t']
    assert batch.table["referrer"].null_count == 1


def test_cut_lines(decode: Decode) -> None:
    """A line that was cut within its last text, the user agent, keeps what is there of it."""
    batch = decode(COMMON + b' "-" "Mozilla/5.0 (X11', COMMON + b' "-" "Mozilla/5.0 \\', **APACHE)
    assert batch.table["user_agent"].to_pylist() == ["Mozilla/5.0 (X11", "Mozilla/5.0 "]


@pytest.mark.parametrize(
    ("raw", "code", "path"),
    [
        (COMMON[:-20], "SCHEMA_MALFORMED", "$"),
        (COMMON + b' "unclosed', "SCHEMA_MALFORMED", "$"),
        (COMMON + b' "unclosed "agent"', "SCHEMA_MALFORMED", "$"),
        (b"\xff" + COMMON, "SCHEMA_MALFORMED", "$"),
        (b'{"system": "sepp"}', "SCHEMA_MALFORMED", "$"),
        (b"password=hunter2", "SECRET_PROHIBITED", "fields.password"),
        (COMMON.replace(b"Oct", b"Foo"), "SCHEMA_TYPE", "event_time"),
        (COMMON.replace(b"10/Oct", b"32/Oct"), "SCHEMA_TYPE", "event_time"),
        (COMMON + b"0" * 20, "SCHEMA_TYPE", "fields.response_bytes"),
        (COMMON.replace(b"/a.gif", b"/" * 9000), "TOO_LARGE", "fields.page_url"),
        (COMMON + b" " + b"x" * (2 << 20), "TOO_LARGE", "$"),
    ],
)
def test_bad_lines(decode: Decode, raw: bytes, code: str, path: str) -> None:
    """A line that is no access-log line goes to a dead letter alone."""
    batch = decode(COMMON, raw, COMMON, **APACHE)
    assert reasons(batch) == [(code, path)]
    assert batch.table.num_rows == 2


def test_surplus_is_counted(decode: Decode) -> None:
    """The client's identity, fields behind the known ones and a request that is none are dropped and counted."""
    batch = decode(
        COMMON.replace(b" - frank", b" ident frank"),
        COMMON + b' "-" "-" 0.004 "10.0.0.1"',
        COMMON.replace(b"GET /a.gif?x=1 HTTP/1.0", rb"\x16\x03\x01"),
        **APACHE,
    )
    assert dict(batch.fields_dropped) == {("SCHEMA_UNKNOWN_FIELD", "?"): 2, ("SCHEMA_TYPE", "fields.page_url"): 1}
    assert batch.table["page_url"].null_count == 1


def test_a_system_is_needed(decode: Decode) -> None:
    """A format that carries no system needs one from outside."""
    assert reasons(decode(COMMON, record_format="apache_combined")) == [("SCHEMA_MISSING", "system")]


def test_hostile_lines_take_linear_time(decode: Decode) -> None:
    """Lines made to confuse the pattern are refused at once."""
    hostile = [
        b"a a " + b"[" * 500_000,
        b"a a b" + b" [x] " * 200_000,
        COMMON + b' "' + rb"\"" * 400_000,
        COMMON + b' "-"' * 200_000 + b' "',
        b'a a b [x] "' + b"a " * 400_000 + b'" 200 5',
    ]
    assert len(reasons(decode(*hostile, **APACHE))) == len(hostile)


@pytest.mark.samples
def test_real_log(catalogue: Catalogue, event_keys: EventKeys, sealer: Sealer, samples: Path) -> None:
    """All of 10,000 real lines become rows, the one too whose server cut its end off."""
    decoder = Decoder(catalogue, "service_log", keys=event_keys, now=NOW, default_format="apache_combined")
    lines = (samples / "web_logs" / "apache_access.log").read_bytes().split(b"\n")
    batch = decoder(bundle(lines, "", "sepp"), sealer)
    assert batch.read == total(batch) == 10_000
    assert reasons(batch) == []
    assert batch.table["page_url"].null_count == 0
    assert batch.table["user_agent"].null_count == 190
    assert not batch.fields_dropped
