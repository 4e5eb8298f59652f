"""Keys that repeat, nesting, sizes, numbers, encodings and dates beyond what a producer should send."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fuzz.passage import STREAMS
from tests.fuzz.seeds import APACHE, EQUIPMENT, EVENT, ORDER, RETAIL, line
from transforms.deid import instants
from transforms.deid.contract import MAX_DEPTH, MAX_LINE, MAX_TEXT

if TYPE_CHECKING:
    from tests.fuzz.passage import Passage

SOUND = {"service_log": EVENT, "equipment": EQUIPMENT, "transactions": ORDER}
BODY = line(EVENT)[:-1]


def with_time(text: str, stream: str = "service_log") -> bytes:
    """Return the stream's event at a time."""
    return line(SOUND[stream] | {"event_time": text})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0000-01-01T00:00:00Z", "SCHEMA_TYPE"),
        ("0000-12-31T23:59:59.999999+00:00", "SCHEMA_TYPE"),
        ("-0001-01-01T00:00:00Z", "SCHEMA_TYPE"),
        ("0001-01-01T00:00:00+14:00", "SCHEMA_TYPE"),
        ("9999-12-31T23:59:59Z", "TIME_IN_FUTURE"),
        ("9999-12-31T23:59:59-12:00", "SCHEMA_TYPE"),
        ("10000-01-01T00:00:00Z", "SCHEMA_TYPE"),
        ("292278-01-01T00:00:00Z", "SCHEMA_TYPE"),
        ("2026-10-31T08:00:00", "TIME_NO_ZONE"),
        ("2026-10-31 08:00:00", "TIME_NO_ZONE"),
        ("2026-10-31", "TIME_NO_ZONE"),
        ("2016-12-31T23:59:60Z", "SCHEMA_TYPE"),
        ("2026-10-31T24:00:00Z", "SCHEMA_TYPE"),
        ("2026-10-31T08:00:00+25:00", "SCHEMA_TYPE"),
        ("2026-02-29T08:00:00Z", "SCHEMA_TYPE"),
        ("٢٠٢٦-10-31T08:00:00Z", "SCHEMA_TYPE"),
        ("2026-10-31T08:00:00Z" + " " * 7000, None),
        ("", "SCHEMA_TYPE"),
        ("9" * 8000, "SCHEMA_TYPE"),
    ],
)
@pytest.mark.parametrize("stream", STREAMS)
def test_times_at_the_edge_of_the_calendar(passage: Passage, stream: str, text: str, code: str | None) -> None:
    """A time that no calendar here can name, or without a zone, has its code, alone and beside a time that is none."""
    found = [] if code is None else [code]
    assert passage.codes([with_time(text, stream)], stream) == found
    assert sorted(passage.codes([with_time(text, stream), with_time("?", stream)], stream)) == sorted(
        [*found, "SCHEMA_TYPE"]
    )


@pytest.mark.parametrize("stream", ["service_log", "equipment"])
def test_the_first_year_is_long_past(passage: Passage, stream: str) -> None:
    """What happened in the year 1 is dropped as expired, not kept, not a crash."""
    assert passage.codes([with_time("0001-01-01T00:00:00Z", stream)], stream) == ["EXPIRED_ON_ARRIVAL"]


def test_a_transaction_completed_at_any_time(passage: Passage) -> None:
    """A completion beyond the calendar is no completion: the record is kept, and held until it is known."""
    times = ("0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "?", "2026-10-31")
    lines = [line(ORDER | {"fields": ORDER["fields"] | {"transaction_completed_at": one}}) for one in times]
    batch = passage.take(lines, "transactions")
    assert batch.outputs["vault"]["completed_date"].to_pylist() == [None] * len(times)


@pytest.mark.parametrize(
    ("record", "codes"),
    [
        (BODY + b',"system":"sepp"}', []),
        (BODY + b',"fields":{"page_url":"/b"},"fields":{"page_url":"/c"}}', []),
        (BODY + b',"fields":{"password":"x"},"fields":{}}', ["SECRET_PROHIBITED"]),
        (BODY + b',"event_time":"?","event_time":"2026-10-31"}', ["TIME_NO_ZONE"]),
        (BODY + b',"x":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}", []),
        (BODY + b',"x":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", ["SCHEMA_MALFORMED"]),
        (BODY + b',"x":' + b'{"a":' * 150_000, ["SCHEMA_MALFORMED"]),
        (b"[" * (MAX_LINE - 1), ["SCHEMA_MALFORMED"]),
        (b'"' * (MAX_LINE - 1), ["SCHEMA_MALFORMED"]),
        (b"\\" * (MAX_LINE - 1), ["SCHEMA_MALFORMED"]),
        (b"x" * (MAX_LINE + 1), ["TOO_LARGE"]),
        (BODY + b',"x":"' + b"y" * MAX_LINE + b'"}', ["TOO_LARGE"]),
        (line(EVENT | {"subject": {"account": "x" * (MAX_TEXT + 1)}}), ["TOO_LARGE"]),
        (line(EVENT | {"event_id": "x" * (MAX_TEXT + 1)}), ["TOO_LARGE"]),
        (line(EVENT | {"event_type": "x" * (MAX_TEXT + 1)}), ["TOO_LARGE"]),
        (line(EVENT | {"fields": {"page_url": "密" * (MAX_TEXT // 3 + 1)}}), ["TOO_LARGE"]),
        (BODY + b',"fields":{"http_status":1e400}}', ["SCHEMA_MALFORMED"]),
        (BODY + b',"fields":{"http_status":' + b"9" * 5000 + b"}}", ["SCHEMA_MALFORMED"]),
        (BODY + b',"fields":{"http_status":200.0}}', ["SCHEMA_TYPE"]),
        (BODY + b',"fields":{"http_status":200.5}}', ["SCHEMA_TYPE"]),
        (BODY + b',"fields":{"http_status":-32769}}', ["SCHEMA_TYPE"]),
        (BODY + b',"fields":{"response_bytes":9223372036854775808}}', ["SCHEMA_TYPE"]),
        (BODY + b',"fields":{"http_status":NaN}}', ["SCHEMA_MALFORMED"]),
        (BODY + b',"fields":{"http_status":0x10}}', ["SCHEMA_MALFORMED"]),
        (BODY + b',"fields":{"http_status":true}}', ["SCHEMA_TYPE"]),
    ],
)
def test_records_beyond_the_limits(passage: Passage, record: bytes, codes: list[str]) -> None:
    """Repeated keys, deep nesting, huge lines, texts and numbers have a clear code; none takes a neighbour along."""
    batch = passage.take([line(EVENT), record, line(EVENT)])
    assert [letter.code for letter in batch.dead_letters] == codes
    assert batch.outputs["anonymous"].num_rows == 3 - len(codes)


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_records_in_other_encodings(passage: Passage, coding: str) -> None:
    """A record that is not UTF-8 without a mark is malformed, and sealed whole."""
    encoded = line(EVENT | {"fields": {"page_url": "/é密"}}).decode().encode(coding)
    assert passage.codes([encoded, line(EVENT)]) == ["SCHEMA_MALFORMED"]


@pytest.mark.parametrize("coding", ["gbk", "latin-1", "shift-jis", "cp1251"])
def test_texts_in_other_encodings(passage: Passage, coding: str) -> None:
    """A text whose bytes are no UTF-8 makes its record malformed in every format."""
    text = {"gbk": "订单", "latin-1": "café", "shift-jis": "注文", "cp1251": "заказ"}[coding]
    for stream, record_format, record in (
        ("service_log", "native", json.dumps(EVENT | {"fields": {"page_url": f"/{text}"}}, ensure_ascii=False)),
        ("service_log", "apache_combined", APACHE.decode().replace("Macintosh", text)),
        ("service_log", "gdpr_sample", json.dumps({"ip": "1.2.3.4", "username": text}, ensure_ascii=False)),
        ("transactions", "online_retail", RETAIL.decode().replace("HANGING", text)),
    ):
        assert passage.codes([record.encode(coding)], stream, record_format) == ["SCHEMA_MALFORMED"]


@pytest.mark.parametrize("coding", ["gbk", "utf-16-le", "utf-16-be", "utf-8"])
@pytest.mark.parametrize("name", ["密码", "口令", "人脸", "指纹", "password"])
def test_secrets_are_found_in_other_encodings(passage: Passage, name: str, coding: str) -> None:
    """What cannot be parsed and holds a prohibited name in GBK or UTF-16 is destroyed, not sealed (R-PURP-07)."""
    batch = passage.take([f'{{"{name}": "x" é'.replace("é", "的").encode(coding)])
    (letter,) = batch.dead_letters
    assert letter.code in ("SECRET_PROHIBITED", "BIOMETRIC_PROHIBITED")
    assert letter.sealed is None


def test_names_and_times_that_a_stranger_chooses_are_not_remembered_whole(passage: Passage) -> None:
    """Long names and long times pass through no cache: thousands of them would fill the memory."""
    decoder = passage._decoders["service_log"]
    before = decoder._lenient._prohibited._remembered.cache_info().currsize
    passage.take([line(EVENT | {"x" * 5000 + str(number): 1}) for number in range(20)])
    assert decoder._lenient._prohibited._remembered.cache_info().currsize <= before + 20
    times = instants._with_zone.cache_info().currsize
    assert instants.with_zone("x" * 5000, "Europe/London") == "x" * 5000
    assert instants._with_zone.cache_info().currsize == times


def test_delimited_text_has_the_same_limits(passage: Passage) -> None:
    """A cell of any use that is too long refuses its record under its name."""
    long = b"7" * (MAX_TEXT + 1)
    batch = passage.take([RETAIL.replace(b"17850", long), RETAIL], "transactions", "online_retail")
    assert [(letter.code, letter.path) for letter in batch.dead_letters] == [("TOO_LARGE", "subject.account")]


def any_of(**changes: Any) -> bytes:
    """Return the event with changes."""
    return line(EVENT | changes)


def test_a_flood_of_names_is_counted_and_dropped(passage: Passage) -> None:
    """Eighty thousand unknown names in one record are eighty thousand counts, and one row."""
    batch = passage.take([any_of(meta={f"n{number}": 1 for number in range(80_000)})])
    assert batch.fields_dropped["SCHEMA_UNKNOWN_FIELD", "meta.?"] == 80_000
    assert batch.outputs["anonymous"].num_rows == 1
