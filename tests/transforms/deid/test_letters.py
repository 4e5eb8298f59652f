"""What is sealed of a rejected record, and how it is read again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import LakeError
from governance.keys import SealedOpener
from tests.transforms.conftest import NOW, line
from transforms.deid.classify import classify
from transforms.deid.events import Origin, RawBundle, Segment
from transforms.deid.letters import PURPOSE, as_segment, pack_letter, read_letter

if TYPE_CHECKING:
    from governance.keys import Keyring, OpsKey
    from governance.policy import Catalogue
    from transforms.deid.decode import Decoder
    from transforms.deid.events import Batch, Sealer

ACCESS = b'1.2.3.4 - - [31/Oct/2026:08:00:00 +0000] "GET /x HTTP/1.1" 200 5 "-" "-"'
SEGMENTS = (
    Segment("native", None, NOW, "m1", (0, 7), [line(), b"{"]),
    Segment("native", None, None, "m2", (4,), [line(event_time=(NOW + timedelta(days=2)).isoformat())]),
    Segment("apache_combined", None, None, "f1", (90,), [ACCESS]),
    Segment("none-such", "sepp", NOW, "m3", (1,), [line(event_id="e-9")]),
)


@given(st.text(), st.none() | st.text(), st.none() | st.datetimes(timezones=st.just(UTC)), st.text(), st.binary())
def test_whatever_was_packed_is_read(
    record_format: str, system: str | None, published: datetime | None, base: str, raw: bytes
) -> None:
    """Format, system, time of receipt, position and every byte of the line come back."""
    letter = read_letter(pack_letter(Origin(record_format, system, published, base), 2**40, raw))
    assert (letter.format, letter.system, letter.published, letter.base) == (record_format, system, published, base)
    assert (letter.offset, letter.line) == (2**40, raw)
    assert repr(raw) not in repr(letter)


@pytest.mark.parametrize("payload", [b"", b"{}", msgspec.msgpack.encode((2, "native", None, None, "b", 0, b"x"))])
def test_another_form_is_refused(payload: bytes) -> None:
    """A payload of another version is an error of ours that quotes nothing."""
    with pytest.raises(LakeError, match="does not read"):
        read_letter(payload)


def test_a_format_or_a_system_may_be_given() -> None:
    """The format replaces the letter's own; a system only fills a gap."""
    letter = read_letter(pack_letter(Origin("none-such", "sepp", None, "b"), 3, b"x"))
    segment = as_segment(letter, b"k" * 16, "native", "index_site")
    assert (segment.format, segment.system, segment.keys, segment.offsets) == ("native", "sepp", (b"k" * 16,), (3,))
    assert as_segment(msgspec.structs.replace(letter, system=None), b"k", None, "index_site").system == "index_site"


@pytest.fixture
def rejected(decoder: Decoder, sealer: Sealer, catalogue: Catalogue) -> Batch:
    """Records of several sources and formats, refused at two steps."""
    batch = classify(decoder(RawBundle(SEGMENTS), sealer), catalogue, "service_log", NOW)
    assert sorted(letter.code for letter in batch.dead_letters) == [
        "SCHEMA_MALFORMED", "SCHEMA_MALFORMED", "SCHEMA_MISSING", "TIME_IN_FUTURE",
    ]  # fmt: skip
    return batch


def test_every_step_seals_where_a_record_came_from(rejected: Batch, shared_keyring: Keyring, ops: OpsKey) -> None:
    """Decoding and classifying seal the same document, each record with its own segment and offset."""
    opener = SealedOpener(ops, shared_keyring, PURPOSE)
    found = set()
    for letter in rejected.dead_letters:
        assert letter.sealed is not None
        sealer = rejected.sealer
        payload = opener.open(sealer.day, sealer.wrapped_key(), letter.sealed, letter.event_key)
        held = read_letter(payload)
        found.add((held.format, held.system, held.published, held.base, held.offset, held.line))
    assert found == {
        ("native", None, NOW, "m1", 7, b"{"),
        ("native", None, None, "m2", 4, SEGMENTS[1].lines[0]),
        ("apache_combined", None, None, "f1", 90, ACCESS),
        ("none-such", "sepp", NOW, "m3", 1, line(event_id="e-9")),
    }


class _OwnDatetime(datetime):
    """An instant of a library's own class, as Pub/Sub's client hands them out."""


def test_a_time_of_receipt_may_be_of_a_librarys_class(
    decoder: Decoder, sealer: Sealer, shared_keyring: Keyring, ops: OpsKey
) -> None:
    """Pub/Sub's instants are sealed as plain ones, to the microsecond."""
    own = _OwnDatetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
    batch = decoder(RawBundle((Segment("native", None, own, "m", (0,), [b"{"]),)), sealer)
    sealed = batch.dead_letters[0].sealed
    assert sealed is not None
    opener = SealedOpener(ops, shared_keyring, PURPOSE)
    held = read_letter(opener.open(sealer.day, sealer.wrapped_key(), sealed, batch.dead_letters[0].event_key))
    assert held.published == datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_a_replayed_record_bears_the_key_it_had(
    rejected: Batch, decoder: Decoder, sealer: Sealer, catalogue: Catalogue
) -> None:
    """Row or letter, the event key is the old one, also where an id can be read only now."""
    keys = {letter.code + letter.path: letter.event_key for letter in rejected.dead_letters}
    key = keys["SCHEMA_MALFORMEDformat"]
    again = replace(SEGMENTS[3], format="native", keys=(key,))
    early = replace(SEGMENTS[1], keys=(keys["TIME_IN_FUTUREevent_time"],))
    broken = Segment("native", None, NOW, "m1", (6, 7), [b" ", b"{"], (b"x" * 16, keys["SCHEMA_MALFORMED$"]))
    batch = decoder(RawBundle((again, early, broken), replayed=True), sealer)
    batch = classify(batch, catalogue, "service_log", NOW + timedelta(days=2))
    assert batch.replayed
    assert batch.table["event_key"].to_pylist() == [key, keys["TIME_IN_FUTUREevent_time"]]
    assert [letter.event_key for letter in batch.dead_letters] == [keys["SCHEMA_MALFORMED$"]]
