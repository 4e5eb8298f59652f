"""Decoding: rows, dead letters and counts of the native format."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.transforms.conftest import NOW, bundle, line, reasons, total
from transforms.deid.events import RawBundle, Segment

if TYPE_CHECKING:
    from collections.abc import Callable

    from governance.keys import EventKeys
    from tests.transforms.conftest import Decode
    from transforms.deid.decode import Decoder
    from transforms.deid.events import DeadLetter, Sealer

KNOWN_DROP = ("PURP_NOT_REGISTERED", "fields.email")
UNKNOWN = "SCHEMA_UNKNOWN_FIELD"


def test_good_bad_good(decode: Decode, opened: Callable[[DeadLetter], bytes]) -> None:
    """A bad line goes to a sealed dead letter alone; its neighbours become rows, in order."""
    bad = b'{"system": "sepp"'
    batch = decode(line(fields={"page_url": "/1"}), bad, b"", b"  ", line(fields={"page_url": "/2"}))
    assert batch.read == 3
    assert batch.table["page_url"].to_pylist() == ["/1", "/2"]
    assert reasons(batch) == [("SCHEMA_MALFORMED", "$")]
    assert opened(batch.dead_letters[0]) == bad


def test_columns_are_typed_and_only_those_that_occur(decode: Decode) -> None:
    """Only names with a value get a column, in the inventory's type; `event_time` is UTC."""
    batch = decode(
        line(
            event_time="2026-10-31T08:00:00.123456789+08:00",
            subject={"account": "u1"},
            fields={"http_status": 200, "response_bytes": 2**62, "page_url": None},
            meta={"dnt": 0, "minor_marker": False, "source": "own"},
        )
    )
    assert batch.table.drop_columns(["event_key"]).to_pylist() == [
        {
            "system": "sepp",
            "event_type": "page_view",
            "event_time": datetime(2026, 10, 31, 0, 0, 0, 123456, tzinfo=UTC),
            "subject.account": "u1",
            "http_status": 200,
            "response_bytes": 2**62,
            "meta.source": "own",
            "meta.dnt": False,
            "meta.minor_marker": False,
            "received": None,
            "origin.number": 0,
            "origin.offset": 0,
        }
    ]


def test_learns_names_as_they_come(decode: Decode) -> None:
    """A name that the decoder has not seen before is no bad line, with a value or with null."""
    for fields in (
        {"page_url": "/a"},
        {"ip_address": "1.2.3.4"},
        {"referrer": None},
        {"page_url": "/b", "carrier": "x"},
    ):
        batch = decode(line(fields=fields), line(fields={"page_url": "/z"}), line(fields=None))
        assert batch.table.num_rows == 3
        for name, value in fields.items():
            assert value is None or batch.table[name].to_pylist()[0] == value


def test_learns_names_of_mended_records(decode: Decode) -> None:
    """A name that first comes in a record with an unknown one is kept, and the unknown one counted once."""
    decode(line())
    batch = decode(line(), line(fields={"ui_language": "fr", "id_no": 1}))
    assert batch.table["ui_language"].to_pylist() == [None, "fr"]
    assert dict(batch.fields_dropped) == {(UNKNOWN, "fields.?"): 1}


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"system": None}, "SCHEMA_MISSING", "system"),
        ({"event_type": None}, "SCHEMA_MISSING", "event_type"),
        ({"event_time": None}, "SCHEMA_MISSING", "event_time"),
        ({"event_type": 5}, "SCHEMA_TYPE", "event_type"),
        ({"event_id": 5}, "SCHEMA_TYPE", "event_id"),
        ({"fields": ["a"]}, "SCHEMA_TYPE", "fields"),
        ({"fields": {"http_status": "200"}}, "SCHEMA_TYPE", "fields.http_status"),
        ({"fields": {"http_status": 70_000}}, "SCHEMA_TYPE", "fields.http_status"),
        ({"fields": {"page_url": {"deep": 1}}}, "SCHEMA_TYPE", "fields.page_url"),
        ({"fields": {"response_bytes": 2**64}}, "SCHEMA_TYPE", "fields.response_bytes"),
        ({"fields": {"page_url": "x" * 9000}}, "TOO_LARGE", "fields.page_url"),
        ({"fields": {"page_url": "x" * 9000, "new": 1}}, "TOO_LARGE", "fields.page_url"),
        ({"subject": {"account": "x" * 9000}}, "TOO_LARGE", "subject.account"),
        ({"meta": {"dnt": "1"}}, "SCHEMA_TYPE", "meta.dnt"),
        ({"meta": {"provenance": {"request": 1}}}, "SCHEMA_TYPE", "meta.provenance.request"),
        ({"event_time": "2026-10-31T08:00:00"}, "TIME_NO_ZONE", "event_time"),
        ({"event_time": "2026-10-31"}, "TIME_NO_ZONE", "event_time"),
        ({"event_time": "yesterday"}, "SCHEMA_TYPE", "event_time"),
        ({"event_time": "2026-02-30T08:00:00Z"}, "SCHEMA_TYPE", "event_time"),
        ({"event_time": "99999-01-01T00:00:00Z"}, "SCHEMA_TYPE", "event_time"),
        ({"system": "shop", "surplus": 1}, "POLICY_NONE", "system"),
        ({"fields": {"id_card_number": "1"}}, "PURP_NOT_REGISTERED", "fields.id_card_number"),
        ({"fields": {"credit_risk_info": "1"}}, "PURP_NOT_REGISTERED", "fields.credit_risk_info"),
        ({"fields": {"microphone_audio": "1"}}, "AUDIO_NOT_INITIATED", "fields.microphone_audio"),
        ({"fields": {"microphone_audio": "1"}, "meta": []}, "AUDIO_NOT_INITIATED", "fields.microphone_audio"),
    ],
)
def test_wrong_records_are_sealed(
    decode: Decode, opened: Callable[[DeadLetter], bytes], changes: dict[str, Any], code: str, path: str
) -> None:
    """A record that breaks the contract is sealed under a code and a path; its neighbour is a row."""
    batch = decode(line(**changes), line())
    assert reasons(batch) == [(code, path)]
    assert batch.table.num_rows == 1
    assert opened(batch.dead_letters[0]) == line(**changes)


@pytest.mark.parametrize(
    ("raw", "code", "path"),
    [
        (line(fields={"password": "x"}), "SECRET_PROHIBITED", "fields.password"),
        (line(subject={"a": [{"Pass-Word": 1}]}), "SECRET_PROHIBITED", "fields.password"),
        (line(fields={"facial_feature": "x"}), "BIOMETRIC_PROHIBITED", "fields.facial_feature"),
        (line(system="shop", note={"apiKey": 1}), "SECRET_PROHIBITED", "fields.?"),
        (line()[:-1] + b',"fields":{"password":"x"},"fields":{}}', "SECRET_PROHIBITED", "fields.password"),
        (line()[:-1] + b',"fields":{"password":"x"},"fields":null}', "SECRET_PROHIBITED", "fields.password"),
        (rb'{"p\u0061ssword": "hunter2"', "SECRET_PROHIBITED", "fields.password"),
        (rb'{"voice_print": "x', "BIOMETRIC_PROHIBITED", "fields.voiceprint"),
        (b"[" * 50 + b'{"pwd":1}' + b"]" * 50, "SECRET_PROHIBITED", "fields.?"),
        (b"\xff password", "SECRET_PROHIBITED", "fields.password"),
        (b"x" * (2 << 20), "TOO_LARGE", "$"),
        (line(fields={"page_url": "x" * (2 << 20)}), "TOO_LARGE", "$"),
    ],
)
def test_prohibited_payloads_are_destroyed(decode: Decode, raw: bytes, code: str, path: str) -> None:
    """What holds a secret or biometric name, or is too large to search, leaves code and path and nothing else."""
    batch = decode(raw, line())
    assert reasons(batch) == [(code, path)]
    letter = batch.dead_letters[0]
    assert (letter.sealed, letter.probe) == (None, None)
    assert raw not in batch.raw


@pytest.mark.parametrize(
    ("changes", "counted", "tainted"),
    [
        ({"fields": {"id_no": "110101", "page_url": "/a"}}, (UNKNOWN, "fields.?"), False),
        ({"fields": {"dnt": 1, "page_url": "/a"}}, (UNKNOWN, "fields.?"), False),
        ({"fields": {"page_view": 1, "page_url": "/a"}}, (UNKNOWN, "fields.?"), False),
        ({"meta": {"x": 1}}, (UNKNOWN, "meta.?"), False),
        ({"meta": {"provenance": {"x": 1}}}, (UNKNOWN, "meta.provenance.?"), False),
        ({"subject": {"email": "a@b.cn"}}, (UNKNOWN, "subject.?"), True),
        ({"surplus": {"deep": [1]}}, (UNKNOWN, "?"), False),
        ({"fields": {"email": "a@b.cn", "page_url": "/a"}}, KNOWN_DROP, True),
        ({"fields": {"goods_info": "x", "page_url": "/a"}}, ("PURP_NOT_REGISTERED", "fields.goods_info"), False),
        (
            {"fields": {"microphone_audio": "x", "page_url": "/a"}, "meta": {"user_initiated": True}},
            ("PURP_NOT_REGISTERED", "fields.microphone_audio"),
            True,
        ),
    ],
)
def test_unknown_names_are_dropped_and_counted(
    decode: Decode, changes: dict[str, Any], counted: tuple[str, str], tainted: bool
) -> None:
    """A name that has no place here is removed and counted by path; the row stays, personal if the name was."""
    batch = decode(line(**changes))
    assert dict(batch.fields_dropped) == {counted: 1}
    assert batch.table["page_url"].to_pylist() == ["/a"]
    assert ("tainted" in batch.table.column_names) is tainted
    assert "110101" not in str(batch.table.to_pylist())


def test_repeated_keys_smuggle_nothing(decode: Decode) -> None:
    """Of a repeated key the last one counts, and names that only the first one holds are counted and taint."""
    raw = line()[:-1] + b',"fields":{"email":"a@b.cn","id_no":1},"fields":{"page_url":"/b"}}'
    batch = decode(raw)
    assert batch.table["page_url"].to_pylist() == ["/b"]
    assert batch.table["tainted"].to_pylist() == [True]
    assert dict(batch.fields_dropped) == {KNOWN_DROP: 1, (UNKNOWN, "fields.?"): 1}


def test_odd_text_does_not_reach_arrow(decode: Decode) -> None:
    """A zero character is text like any other; half a surrogate pair is no text."""
    batch = decode(
        line()[:-1] + rb',"event_id":"\u0000"}',
        line()[:-1] + rb',"event_id":"\ud800"}',
        line(fields={"page_url": "\0"}),
    )
    assert batch.table.num_rows == 2
    assert reasons(batch) == [("SCHEMA_MALFORMED", "$")]


def test_depth_is_bounded(decode: Decode) -> None:
    """Nesting beyond 32 is malformed, however deep it goes and whatever stands in strings."""
    deep = [b"[" * depth + b"]" * depth for depth in (33, 1_000_000 // 2)]
    batch = decode(*deep, b'{"a":' * 100_000, b'"' + rb"\"" * 400_000, line(fields={"page_url": "[" * 99, "new": 1}))
    assert reasons(batch) == [("SCHEMA_MALFORMED", "$")] * 4
    assert batch.table.num_rows == 1


def test_event_keys(decode: Decode, event_keys: EventKeys) -> None:
    """An id names an event for good, in dead letters too; without one its place in the source does."""
    batch = decode(line(event_id="e1"), line(), line(event_id=""), line(event_id="e2", fields=[]), b"{")
    by_place = event_keys.by_position(["base"] * 5, range(5))
    assert batch.table["event_key"].to_pylist() == [event_keys.by_id(["sepp"], ["e1"])[0], by_place[1], by_place[2]]
    assert [one.event_key for one in batch.dead_letters] == [event_keys.by_id(["sepp"], ["e2"])[0], by_place[4]]


def test_dead_letters_carry_a_probe(decode: Decode, event_keys: EventKeys) -> None:
    """A dead letter whose subject could be read can be found by an erasure, before and behind the strict decoder."""
    batch = decode(
        line(subject={"account": "u7"}, fields=[]), line(subject={"cookie": "c1"}, event_time="?"), line(fields=[])
    )
    probes = [event_keys.subject_probe("sepp", "account", "u7"), event_keys.subject_probe("sepp", "cookie", "c1"), None]
    assert sorted(map(repr, probes)) == sorted(repr(one.probe) for one in batch.dead_letters)


def test_many_segments_keep_place_and_time(decoder: Decoder, sealer: Sealer, event_keys: EventKeys) -> None:
    """Lines of many messages in several formats keep their source, offset and time of receipt."""
    access = b'1.2.3.4 - - [31/Oct/2026:08:00:00 +0000] "GET /x HTTP/1.1" 200 5 "-" "-"'
    segments = (
        Segment("native", None, NOW, "m1", (0, 1), [line(), b"{"]),
        Segment("apache_combined", "sepp", None, "f1", (0, 90), [access, b""]),
        Segment("native", None, None, "m2", (4,), [line(fields=None)]),
        Segment("none-such", None, None, "m3", (0,), [line()]),
    )
    batch = decoder(RawBundle(segments), sealer)
    assert (batch.read, total(batch), batch.published) == (5, 5, NOW)
    keys = event_keys.by_position(["m1", "m2", "f1"], [0, 4, 0])
    assert batch.table["event_key"].to_pylist() == keys
    assert batch.table["received"].to_pylist() == [NOW, None, None]
    assert batch.raw == [line(), line(fields=None), access]
    assert reasons(batch) == [("SCHEMA_MALFORMED", "$"), ("SCHEMA_MALFORMED", "format")]


def test_nothing_read_is_an_empty_batch(decoder: Decoder, sealer: Sealer) -> None:
    """Blank lines, and no lines at all, give an empty table with the columns that every step needs."""
    for raw in (RawBundle(()), bundle([b"", b" \r"]), bundle([b"{"])):
        batch = decoder(raw, sealer)
        assert batch.table.num_rows == 0
        assert {"event_key", "system", "event_type", "event_time", "received"} <= set(batch.table.column_names)


def test_a_batch_does_not_pickle(decode: Decode) -> None:
    """A batch refuses to leave its process."""
    with pytest.raises(TypeError, match="does not leave"):
        pickle.dumps(decode(line()))
