"""Mappings bring producers' own documents into the envelope."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from governance.errors import UsageError
from tests.transforms.conftest import NOW, bundle, reasons, total
from transforms.deid.decode import Decoder
from transforms.deid.mapping import load_mapping

if TYPE_CHECKING:
    from pathlib import Path

    from governance.keys import EventKeys
    from governance.policy import Catalogue
    from tests.transforms.conftest import Decode
    from transforms.deid.events import Batch, Sealer

MAPPING = """
name: shop
system: sepp
event_type: page_view
event_time: /at
event_id: /ids/0
subject: {account: /user/id}
fields: {page_url: /req/u~1rl, http_status: /req/status, ip_address: /ip}
meta: {source: own}
"""
DOCUMENT = {
    "at": "2026-10-31T08:00:00+08:00",
    "ids": ["e1", "e2"],
    "user": {"id": 7, "note": "x"},
    "req": {"u/rl": "/a", "status": "200"},
}
Mapped = "Callable[..., Batch]"


@pytest.fixture
def mapped(tmp_path: Path, catalogue: Catalogue, event_keys: EventKeys, sealer: Sealer) -> Mapped:
    """Return a function that decodes documents by a mapping of one's own."""
    path = tmp_path / "shop.yaml"

    def run(*documents: Any, text: str = MAPPING) -> Batch:
        path.write_text(text, encoding="utf-8")
        decoder = Decoder(catalogue, "service_log", keys=event_keys, now=NOW, default_format=str(path))
        lines = [json.dumps(document, ensure_ascii=False).encode() for document in documents]
        batch = decoder(bundle(lines, str(path)), sealer)
        assert batch.read == total(batch)
        return batch

    return run


def test_pointers_fill_the_envelope(mapped: Mapped, event_keys: EventKeys) -> None:
    """Pointers name what is taken, numbers and text are brought into the field's type, the rest is counted."""
    batch = mapped(DOCUMENT)
    row = batch.table.to_pylist()[0]
    assert row["event_key"] == event_keys.by_id(["sepp"], ["e1"])[0]
    assert {key: row[key] for key in ("system", "event_type", "subject.account", "page_url", "http_status")} == {
        "system": "sepp",
        "event_type": "page_view",
        "subject.account": "7",
        "page_url": "/a",
        "http_status": 200,
    }
    assert row["event_time"].isoformat() == "2026-10-31T00:00:00+00:00"
    assert dict(batch.fields_dropped) == {("SCHEMA_UNKNOWN_FIELD", "?"): 2}
    assert "ip_address" not in row


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"at": None}, "SCHEMA_MISSING", "event_time"),
        ({"at": "2026-10-31T08:00:00"}, "TIME_NO_ZONE", "event_time"),
        ({"req": {"u/rl": {"a": 1}}}, "SCHEMA_TYPE", "fields.page_url"),
        ({"req": {"u/rl": "x" * 9000}}, "TOO_LARGE", "fields.page_url"),
        ({"more": [{"deep": {"passWord": "x"}}]}, "SECRET_PROHIBITED", "fields.password"),
    ],
)
def test_bad_documents(mapped: Mapped, changes: dict[str, Any], code: str, path: str) -> None:
    """A document without what is needed, or with a secret at any depth, goes to a dead letter alone."""
    batch = mapped(DOCUMENT, DOCUMENT | changes, DOCUMENT)
    assert reasons(batch) == [(code, path)]
    assert (batch.dead_letters[0].sealed is None) is (code == "SECRET_PROHIBITED")
    assert batch.table.num_rows == 2


def test_documents_that_are_no_objects(mapped: Mapped) -> None:
    """A list or a number is no document."""
    assert reasons(mapped([1], 5)) == [("SCHEMA_TYPE", "$")] * 2


def test_personal_leftovers_taint(mapped: Mapped) -> None:
    """A dropped name that the inventory calls personal makes the record personal."""
    batch = mapped(DOCUMENT, DOCUMENT | {"x": {"email": "a@b.cn"}})
    assert batch.table["tainted"].to_pylist() == [False, True]


def test_shipped_mapping(decode: Decode) -> None:
    """The shipped mapping takes address, agent and user, and the time of receipt for the time of the event."""
    document = {"username": "u", "ip": "1.2.3.4", "user_agent": "Mozilla/5.0", "country": "France"}
    batch = decode(json.dumps(document).encode(), record_format="gdpr_sample", system="sepp")
    row = batch.table.to_pylist()[0]
    assert (row["remote_user"], row["ip_address"], row["user_agent"]) == ("u", "1.2.3.4", "Mozilla/5.0")
    assert (row["event_type"], row["event_time"]) == ("web_log", NOW)
    assert "country" not in row


@pytest.mark.samples
def test_real_documents(decode: Decode, samples: Path) -> None:
    """All 100 real documents load as `web_log` events, with six names each dropped."""
    lines = (samples / "web_logs" / "gdpr_sample_docs.ndjson").read_bytes().split(b"\n")
    batch = decode(*lines, record_format="gdpr_sample", system="sepp")
    assert (batch.table.num_rows, batch.dead_letters) == (100, [])
    assert dict(batch.fields_dropped) == {("SCHEMA_UNKNOWN_FIELD", "?"): 600}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MAPPING.replace("/at", "hunter2"), "event_time"),
        (MAPPING.replace("/ip", "hunter2"), "fields.ip_address"),
        (MAPPING + "hunter: hunter2\n", "hunter"),
        (MAPPING.replace("name: shop", "name: [hunter2"), "not YAML"),
        ("- hunter2", "the whole file"),
        (MAPPING.replace("ip_address", "id_no"), "fields.id_no is no name of the stream"),
    ],
)
def test_invalid_mappings_are_named(mapped: Mapped, text: str, message: str) -> None:
    """An invalid mapping is a user's mistake; the message names the place and not the value."""
    with pytest.raises(UsageError) as caught:
        mapped(DOCUMENT, text=text)
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_unknown_formats_and_files(tmp_path: Path) -> None:
    """A format that does not exist, and a file that cannot be read, are named with what to do."""
    with pytest.raises(UsageError, match="use native, apache_combined, gdpr_sample"):
        load_mapping(tmp_path / "nope")
    with pytest.raises(UsageError, match="check the path"):
        load_mapping(tmp_path / "nope.yaml")


def test_a_segment_opens_no_file(decode: Decode, tmp_path: Path) -> None:
    """A format named by a message is never looked up on disk."""
    path = tmp_path / "shop.yaml"
    path.write_text(MAPPING, encoding="utf-8")
    assert reasons(decode(b"{}", record_format=str(path))) == [("SCHEMA_MALFORMED", "format")]
