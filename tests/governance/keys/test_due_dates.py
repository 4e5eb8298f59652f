"""Keys of due dates: made when needed, refused while something depends on them, gone for good on their day."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from governance.errors import KeyringError, RefusedError
from governance.keys import Envelope, EnvelopeOpener, KeyDestroyedError, Keyring, OpsKey, RootKey
from tests.governance.keys.conftest import WALL
from tests.postgresql import bytes_of

DUE, EVENT = "2026-11-20", bytes(range(16))


@pytest.fixture
def url(database: str) -> str:
    """Where the keyring will be: a file, then a server's database."""
    return database


def nothing(_key_id: str) -> int:
    """Nothing blocks."""
    return 0


def filled(keyring: Keyring, key_id: str = DUE) -> tuple[Envelope, bytes, bytes]:
    """Return an envelope and both parts of one row in it."""
    envelope = Envelope(keyring.due_date_public(key_id))
    return envelope, envelope.fill("identity", b"who", EVENT), envelope.fill("content", b"what", EVENT)


def test_ops_open_what_a_writer_filled(keyring: Keyring, ops: OpsKey) -> None:
    """Each part opens with the ops key, under its own data key."""
    envelope, who, what = filled(keyring)
    opener = EnvelopeOpener(ops, keyring)
    assert opener.open("identity", DUE, envelope.wrapped("identity"), who, EVENT) == b"who"
    assert opener.open("content", DUE, envelope.wrapped("content"), what, EVENT) == b"what"


def test_parts_have_keys_of_their_own(keyring: Keyring, ops: OpsKey) -> None:
    """Neither the public keys nor the data keys of identity and content open the other part (R-SENS-03)."""
    public = keyring.due_date_public(DUE)
    assert public.identity != public.content
    envelope, who, _ = filled(keyring)
    for part, key in (("identity", "content"), ("content", "identity"), ("content", "content")):
        with pytest.raises(KeyringError):
            EnvelopeOpener(ops, keyring).open(part, DUE, envelope.wrapped(key), who, EVENT)  # type: ignore[arg-type]


def test_a_row_is_bound_to_its_event_and_its_due_date(keyring: Keyring, ops: OpsKey) -> None:
    """A payload moved to another row, or a data key to another date, does not open."""
    envelope, who, _ = filled(keyring)
    keyring.due_date_public("2026-11-21")
    opener = EnvelopeOpener(ops, keyring)
    for key_id, event in ((DUE, bytes(16)), ("2026-11-21", EVENT)):
        with pytest.raises(KeyringError):
            opener.open("identity", key_id, envelope.wrapped("identity"), who, event)


def test_a_writer_cannot_read(keyring: Keyring) -> None:
    """All that a streaming host has, keyring and root key, does not open a row; another ops key neither."""
    envelope, who, _ = filled(keyring)
    with pytest.raises(KeyringError):
        EnvelopeOpener(OpsKey(bytes(range(50, 82))), keyring).open(
            "identity", DUE, envelope.wrapped("identity"), who, EVENT
        )


def test_the_same_key_until_it_is_destroyed(keyring: Keyring, url: str, root: RootKey) -> None:
    """Two processes use one pair; after destruction nobody gets a pair for that date again."""
    other = Keyring.open(url, root)
    assert keyring.due_date_public(DUE) == other.due_date_public(DUE)
    assert keyring.destroy_due_date(DUE, WALL, blocking=nothing)
    for one in (keyring, other):
        with pytest.raises(KeyDestroyedError):
            one.due_date_public(DUE)
    assert set(other.due_date_publics([DUE, "2026-11-22"])) == {"2026-11-22"}
    assert not keyring.destroy_due_date(DUE, WALL, blocking=nothing)


def test_a_destroyed_key_opens_no_copy(keyring: Keyring, ops: OpsKey) -> None:
    """A copy of a row and the ops key together are useless once the date's key is gone (crypto-erasure)."""
    envelope, who, _ = filled(keyring)
    opener = EnvelopeOpener(ops, keyring)
    keyring.destroy_due_date(DUE, WALL, blocking=nothing)
    with pytest.raises(KeyringError):
        opener.open("identity", DUE, envelope.wrapped("identity"), who, EVENT)


def test_no_byte_of_the_private_halves_stays(keyring: Keyring, url: str) -> None:
    """The files of the keyring's database hold nothing of a destroyed key, and the others' as before."""
    for key_id in (DUE, "2026-11-21"):
        keyring.due_date_public(key_id)
    gone, other = (keyring.sealed_day_key("vault.identity", key_id) for key_id in (DUE, "2026-11-21"))
    before = bytes_of(url)
    assert (gone in before, other in before) == (True, True)
    keyring.destroy_due_date(DUE, WALL, blocking=nothing)
    after = bytes_of(url)
    assert (gone in after, other in after) == (False, True)


@pytest.mark.parametrize("date", ["2026-11-24", "2027-01-01"])
def test_a_key_is_not_destroyed_before_its_day(keyring: Keyring, date: str) -> None:
    """A due date that the wall clock has not reached is refused, whatever the caller says (R-RET-02)."""
    keyring.due_date_public(date)
    with pytest.raises(RefusedError, match="not due"):
        keyring.destroy_due_date(date, WALL, blocking=nothing)
    assert keyring.due_date_public(date)


def test_the_china_date_decides(keyring: Keyring) -> None:
    """Due on the 24th means from 00:00 +08:00, which is 16:00 UTC of the 23rd."""
    keyring.due_date_public("2026-11-24")
    with pytest.raises(RefusedError):
        keyring.destroy_due_date("2026-11-24", datetime(2026, 11, 23, 15, 59, tzinfo=UTC), blocking=nothing)
    assert keyring.destroy_due_date("2026-11-24", datetime(2026, 11, 23, 16, 0, tzinfo=UTC), blocking=nothing)


def test_rows_that_are_held_block(keyring: Keyring) -> None:
    """While the caller counts rows that are held or not due, the key stays (R-RET-10)."""
    keyring.due_date_public(DUE)
    with pytest.raises(RefusedError, match="3 records"):
        keyring.destroy_due_date(DUE, WALL, blocking=lambda key_id: 3 if key_id == DUE else 0)
    assert keyring.due_date_public(DUE)


def test_open_months_and_cases_have_keys_too(keyring: Keyring) -> None:
    """Records without a clock and held ones have keys of the same kind; other names are refused."""
    for key_id in ("open-2011-07", "case:2014-17.b"):
        assert keyring.due_date_public(key_id).key_id == key_id
        assert keyring.destroy_due_date(key_id, WALL, blocking=nothing)
    for wrong in ("2026-13-01", "open-2011", "case:", "case:a b", "2026-11-2", ""):
        with pytest.raises(ValueError, match="named by"):
            keyring.due_date_public(wrong)


def test_keys_are_listed_without_material(keyring: Keyring) -> None:
    """The list tells names and times, and that a key was destroyed; the keyring's own list says so too."""
    keyring.due_date_public(DUE)
    keyring.due_date_public("open-2011-07")
    keyring.destroy_due_date(DUE, WALL, blocking=nothing)
    listed = {info.key_id: info.destroyed is None for info in keyring.due_keys()}
    assert listed == {DUE: False, "open-2011-07": True}
    assert {info.state for info in keyring.keys(WALL) if info.epoch == DUE} == {"destroyed"}
    keyring.destroy_expired(WALL)
    assert len(keyring.due_keys()) == 2


def test_handles_show_nothing(keyring: Keyring, ops: OpsKey) -> None:
    """Envelopes and openers hide what they hold."""
    assert "hidden" in repr(Envelope(keyring.due_date_public(DUE)))
    assert "hidden" in repr(EnvelopeOpener(ops, keyring))
