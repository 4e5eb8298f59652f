"""Delimited text by a mapping that lists its columns."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from governance.errors import UsageError
from tests.transforms.conftest import NOW, reasons, total
from transforms.deid.decode import Decoder
from transforms.deid.events import RawBundle, Segment
from transforms.deid.instants import with_zone
from transforms.deid.mapping import load_mapping

if TYPE_CHECKING:
    from pathlib import Path

    from governance.keys import EventKeys
    from governance.policy import Catalogue
    from tests.transforms.conftest import Decode
    from transforms.deid.events import Batch, Sealer

HEADER = b"Nr,When,Who,What,Hits"
MAPPING = """
name: shop
system: sepp
columns: [Nr, When, Who, What, Hits]
zone: Europe/London
event_type: page_view
event_time: /When
event_id: /Nr
subject: {account: /Who}
fields: {page_url: /What, http_status: /Hits}
"""
RECORDS = MAPPING.replace("page_view", "order_closed").replace(
    "{page_url: /What, http_status: /Hits}", "{order_number: /Nr, transaction_completed_at: /When}"
)
RECORDS += "times: [transaction_completed_at]"


@pytest.fixture
def mapped(tmp_path: Path, catalogue: Catalogue, event_keys: EventKeys, sealer: Sealer) -> Decode:
    """Return a function that decodes lines of a file by a mapping."""
    path = tmp_path / "shop.yaml"

    def run(*lines: bytes, text: str = MAPPING, stream: str = "service_log", **segment: Any) -> Batch:
        path.write_text(text, encoding="utf-8")
        decoder = Decoder(catalogue, stream, keys=event_keys, now=NOW, default_format=str(path))
        offsets = range(segment.get("offset", 0), segment.get("offset", 0) + len(lines))
        one = Segment(str(path), segment.get("system"), segment.get("published"), "base", offsets, list(lines))
        batch = decoder(RawBundle((one,)), sealer)
        assert batch.read == total(batch)
        return batch

    return run


def test_cells_fill_the_envelope(mapped: Decode) -> None:
    """Columns land under the names that the mapping gives; the header is no record."""
    batch = mapped(HEADER, b"7,2026-10-30 12:00:00,u1,/a,200", b'8,2026-10-30 12:00:00,,"/b,""c""",')
    assert batch.read == 2
    assert batch.table["page_url"].to_pylist() == ["/a", '/b,"c"']
    assert batch.table["http_status"].to_pylist() == [200, None]
    assert batch.table["subject.account"].to_pylist() == ["u1", None]
    assert batch.table["event_time"].to_pylist()[0] == datetime(2026, 10, 30, 12, tzinfo=UTC)


def test_summer_time_is_the_zones(mapped: Decode) -> None:
    """A time without a zone is read in the mapping's, summer time included."""
    batch = mapped(HEADER, b"7,2026-07-01 00:30:00,u1,/a,200")
    assert batch.table["event_time"].to_pylist() == [datetime(2026, 6, 30, 23, 30, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-10-25 01:30:00", "2026-10-25T01:30:00Z"),
        ("2026-03-29 01:30:00", "2026-03-29T01:30:00Z"),
        ("2026-07-01T00:00:00+08:00", "2026-06-30T16:00:00Z"),
        ("yesterday", "yesterday"),
    ],
)
def test_hours_that_clocks_skip_or_repeat(text: str, utc: str) -> None:
    """Where clocks change, the later instant is taken, so that no period ends too early."""
    assert with_zone(text, "Europe/London") == utc


def test_a_bad_line_spoils_itself_alone(mapped: Decode) -> None:
    """Too few cells, an open quote, bytes that are no text, a wrong number: dead letters, the others pass."""
    batch = mapped(
        HEADER, b"1,2026-10-30 12:00:00,u,/a", b'2,"2026', b"3,2026-10-30 12:00:00,\xff,/a,1",
        b"4,2026-10-30 12:00:00,u,/a,many", b"5,soon,u,/a,1", b"6,,u,/a,1", b"7,2026-10-30 12:00:00,u,/a,1",
    )  # fmt: skip
    assert batch.table["event_key"].length() == 1
    assert sorted(reasons(batch)) == [
        ("SCHEMA_MALFORMED", "$"),
        ("SCHEMA_MALFORMED", "$"),
        ("SCHEMA_MALFORMED", "$"),
        ("SCHEMA_MISSING", "event_time"),
        ("SCHEMA_TYPE", "event_time"),
        ("SCHEMA_TYPE", "fields.http_status"),
    ]


def test_a_file_with_another_header_is_refused(mapped: Decode) -> None:
    """Cells under wrong names are worse than none: the run stops; further on in a file no header is wanted."""
    with pytest.raises(UsageError, match="header"):
        mapped(b"When,Nr,Who,What,Hits", b"7,2026-10-30 12:00:00,u1,/a,200")
    assert mapped(b"7,2026-10-30 12:00:00,u1,/a,200", offset=900).read == 1
    assert mapped(b"7,2026-10-30 12:00:00,u1,/a,200", published=NOW).read == 1
    assert mapped(b"\xef\xbb\xbf" + HEADER, b"7,2026-10-30 12:00:00,u1,/a,200").read == 1


def test_identical_lines_are_two_records(mapped: Decode) -> None:
    """Without an id, where a line stands names it."""
    line = b"7,2026-10-30 12:00:00,u1,/a,200"
    batch = mapped(HEADER, line, line, text=MAPPING.replace("event_id: /Nr\n", ""))
    assert len(set(batch.table["event_key"].to_pylist())) == 2
    assert batch.fields_dropped["SCHEMA_UNKNOWN_FIELD", "?"] == 2


def test_a_prohibited_column(mapped: Decode) -> None:
    """In a log a password's line is destroyed; in a record the cell is, and the line as read is not kept."""
    header, line = b"Nr,When,Who,What,password", b"7,2026-10-30 12:00:00,u1,/a,hunter2"
    logs = MAPPING.replace("Hits]", "password]").replace(", http_status: /Hits", "")
    batch = mapped(header, line, text=logs)
    assert reasons(batch) == [("SECRET_PROHIBITED", "fields.password")]
    assert batch.dead_letters[0].sealed is None
    records = RECORDS.replace("Hits]", "password]")
    kept = mapped(header, line, text=records, stream="transactions")
    assert kept.table.num_rows == 1
    assert kept.fields_dropped["SECRET_PROHIBITED", "fields.password"] == 1
    assert b"hunter2" not in kept.raw[0]
    assert kept.raw[0].startswith(b"7,2026-10-30")
    lost = mapped(header, line.replace(b"2026-10-30", b"soon"), text=records, stream="transactions")
    assert lost.dead_letters[0].sealed is None


def test_times_in_fields_get_their_zone(mapped: Decode) -> None:
    """A field that holds an instant carries its zone from then on."""
    batch = mapped(HEADER, b"7,2026-07-01 12:00:00,u1,/a,200", text=RECORDS, stream="transactions")
    assert batch.table["transaction_completed_at"].to_pylist() == ["2026-07-01T11:00:00Z"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("zone: Europe/Londn", "zone"),
        ("columns: [Nr, When]", "columns"),
        ("columns: [Nr, Nr, When, Who, What, Hits]", "columns"),
        ("delimiter: xx", "delimiter"),
        ("times: [order_time]", "times"),
        ("event_time: published", "event_time"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused(tmp_path: Path, change: str, word: str) -> None:
    """Unknown zones, pointers to no column and the like are found when the mapping is read."""
    lines = [one for one in MAPPING.splitlines() if not one.startswith(change.partition(":")[0] + ":")]
    path = tmp_path / "bad.yaml"
    path.write_text("\n".join([*lines, change]), encoding="utf-8")
    with pytest.raises(UsageError, match=word):
        load_mapping(path)


def test_a_mapping_of_another_stream(catalogue: Catalogue, event_keys: EventKeys, sealer: Sealer) -> None:
    """It is refused where the user names it, and unknown where a message does."""
    with pytest.raises(UsageError, match="order_number"):
        Decoder(catalogue, "service_log", keys=event_keys, now=NOW, default_format="online_retail")
    decoder = Decoder(catalogue, "service_log", keys=event_keys, now=NOW)
    batch = decoder(RawBundle((Segment("online_retail", "sepp", NOW, "m", [0], [b"1,2"]),)), sealer)
    assert reasons(batch) == [("SCHEMA_MALFORMED", "format")]


def test_json_mappings_take_a_zone_too(mapped: Decode) -> None:
    """A document's time without a zone is read in the mapping's."""
    text = "\n".join(one for one in MAPPING.splitlines() if not one.startswith("columns"))
    document = json.dumps({"Nr": "1", "When": "2026-07-01T12:00:00", "What": "/a", "Hits": 200}).encode()
    batch = mapped(document, text=text)
    assert batch.table["event_time"].to_pylist() == [datetime(2026, 7, 1, 11, tzinfo=UTC)]
