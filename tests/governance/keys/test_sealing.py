"""Sealing: the ops key opens, the streaming host does not."""

from __future__ import annotations

import pickle
import sqlite3
import threading
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import KeyringError
from governance.keys import BundleSealer, Keyring, OpsKey, RootKey, SealedOpener, open_sealed
from governance.keys.keyring import Scope
from governance.keys.sealing import _data_key_info, _suite, day_key_info
from tests.governance.keys.conftest import OPS_BYTES, ROOT_BYTES, WALL

if TYPE_CHECKING:
    from pathlib import Path

PURPOSE = "dead_letters"
PAYLOAD = b'{"fields": {"email": "someone@example.com"}}'


def opened(ops: OpsKey, keyring: Keyring, sealer: BundleSealer, sealed: bytes, associated: bytes = b"key") -> bytes:
    """Open a row as operations would."""
    return open_sealed(
        ops,
        keyring,
        purpose=PURPOSE,
        day=sealer.day,
        wrapped_key=sealer.wrapped_key(),
        sealed=sealed,
        associated=associated,
    )


def test_the_ops_key_opens(keyring: Keyring, ops: OpsKey, url: str, root: RootKey) -> None:
    """Every payload of a bundle comes back, also through a keyring opened elsewhere."""
    sealer = keyring.sealer(PURPOSE, WALL)
    payloads = [PAYLOAD, b"", b"x" * 10_000]
    sealed = [sealer.seal(payload, b"key") for payload in payloads]
    elsewhere = Keyring.open(url, root)
    assert elsewhere.sealer(PURPOSE, WALL)._public == sealer._public
    assert [opened(ops, elsewhere, sealer, row) for row in sealed] == payloads
    assert sealer.day == "2026-11-23"


@given(st.binary(), st.binary())
def test_any_payload_comes_back(payload: bytes, associated: bytes) -> None:
    """Whatever bytes were sealed open under the data key with the same associated bytes."""
    day = X25519PrivateKey.generate()
    sealer = BundleSealer(PURPOSE, "2026-11-23", day.public_key().public_bytes_raw())
    sealed = sealer.seal(payload, associated)
    key = _suite().decrypt(sealer.wrapped_key(), day, _data_key_info(PURPOSE, "2026-11-23"))
    assert AESGCM(key).decrypt(sealed[:12], sealed[12:], associated) == payload


def test_the_wrapped_key_is_made_once(keyring: Keyring) -> None:
    """A bundle has one data key, asked for before or after sealing; two bundles have two."""
    first, second = keyring.sealer(PURPOSE, WALL), keyring.sealer(PURPOSE, WALL)
    wrapped = first.wrapped_key()
    first.seal(PAYLOAD, b"")
    assert first.wrapped_key() == wrapped
    assert second.wrapped_key() != wrapped


def test_nothing_is_made_before_the_first_seal(keyring: Keyring) -> None:
    """A bundle without rejects costs no key."""
    sealer = keyring.sealer(PURPOSE, WALL)
    assert sealer._cipher is None


def test_days_have_keys_of_their_own(keyring: Keyring, ops: OpsKey) -> None:
    """The +08:00 date chooses the key: 16:00 UTC begins the next, and a row of one day does not open as another's."""
    first = keyring.sealer(PURPOSE, WALL)
    second = keyring.sealer(PURPOSE, WALL + timedelta(hours=7))
    assert (first.day, second.day) == ("2026-11-23", "2026-11-24")
    sealed = first.seal(PAYLOAD, b"key")
    with pytest.raises(KeyringError, match="does not open"):
        open_sealed(
            ops,
            keyring,
            purpose=PURPOSE,
            day=second.day,
            wrapped_key=first.wrapped_key(),
            sealed=sealed,
            associated=b"key",
        )


def test_a_changed_row_does_not_open(keyring: Keyring, ops: OpsKey) -> None:
    """Another ops key, other associated bytes, a changed or a short payload: refused, and nothing quoted."""
    sealer = keyring.sealer(PURPOSE, WALL)
    sealed = sealer.seal(PAYLOAD, b"key")
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for attempt in (
        lambda: opened(OpsKey(bytes(32)), keyring, sealer, sealed),
        lambda: opened(ops, keyring, sealer, sealed, b"other"),
        lambda: opened(ops, keyring, sealer, changed),
        lambda: opened(ops, keyring, sealer, b"short"),
    ):
        with pytest.raises(KeyringError, match="does not open"):
            attempt()


def test_a_day_without_a_key_is_named(keyring: Keyring) -> None:
    """Opening a day that the keyring does not know says which."""
    with pytest.raises(KeyringError, match="no dead_letters key of 2020-01-01"):
        keyring.sealed_day_key(PURPOSE, "2020-01-01")


def test_without_an_ops_key_nothing_is_sealed(url: str, root: RootKey) -> None:
    """A keyring without an ops key raises instead of sealing to nobody."""
    with pytest.raises(KeyringError, match="no ops key to seal to: run `ebb keys init`"):
        Keyring.create(url, root).sealer(PURPOSE, WALL)


def test_the_streaming_host_cannot_open_what_it_sealed(keyring: Keyring, path: Path) -> None:
    """No secret within a streaming host's reach opens the data key, the day key or a row; the ops key does.

    Tried: the root key, every key derived from it, every value of the keyring, and each stored key unwrapped.
    """
    keyring.token_key("statistics", "sepp", "", "account", "2026H2")
    keyring.window_key("statistics", "sepp", "", "cookie", "2026-11-23", WALL)
    keyring.event_keys("service_log")
    sealer = keyring.sealer(PURPOSE, WALL)
    sealed, wrapped, day = sealer.seal(PAYLOAD, b"key"), sealer.wrapped_key(), sealer.day
    del sealer
    with sqlite3.connect(path) as connection:
        facts = [bytes(value) for (value,) in connection.execute("SELECT value FROM ebb_keyring")]
        stored = connection.execute("SELECT use, purpose, system, recipient, epoch, wrapped, public FROM ebb_keys")
        keys = stored.fetchall()
    assert {row[0] for row in keys} == {"personal", "window", "dedupe", "probe", "sealing"}
    wrapping = [keyring._wrapping_key(Scope(*row[:5])) for row in keys]
    values = [bytes(value) for row in keys for value in row[5:] if value is not None]
    reach = [ROOT_BYTES, *wrapping, *facts, *values]
    before = len(reach)
    for wrapper in [key for key in reach if len(key) == 32]:
        for value in values:
            with suppress(InvalidUnwrap, ValueError):
                reach.append(aes_key_unwrap_with_padding(wrapper, value))
    assert len(reach) - before == 4
    pieces = {value[start : start + 32] for value in reach for start in range(len(value) - 31)}
    private_day = keyring.sealed_day_key(PURPOSE, day)
    doors = [(wrapped, _data_key_info(PURPOSE, day)), (private_day, day_key_info(PURPOSE, day))]
    for piece in pieces:
        for locked, info in doors:
            with pytest.raises((InvalidTag, ValueError)):
                OpsKey(piece).open(locked, info)
        with pytest.raises(InvalidTag):
            AESGCM(piece).decrypt(sealed[:12], sealed[12:], b"key")
    ops = OpsKey(OPS_BYTES)
    assert (
        open_sealed(ops, keyring, purpose=PURPOSE, day=day, wrapped_key=wrapped, sealed=sealed, associated=b"key")
        == PAYLOAD
    )


def test_threads_share_a_sealer(keyring: Keyring, ops: OpsKey) -> None:
    """Threads that seal at once never share a nonce, and every row opens."""
    sealer = keyring.sealer(PURPOSE, WALL)
    rows: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: rows.extend(sealer.seal(PAYLOAD, b"key") for _ in range(100))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({row[:12] for row in rows}) == 400
    assert opened(ops, keyring, sealer, rows[-1]) == PAYLOAD


def test_the_handle_stays_and_hides(keyring: Keyring) -> None:
    """A sealer is not pickled and shows only its class."""
    sealer = keyring.sealer(PURPOSE, WALL)
    with pytest.raises(TypeError, match="key material"):
        pickle.dumps(sealer)
    assert repr(sealer) == "<BundleSealer: hidden>"


def test_an_opener_takes_the_rows_of_many_bundles_in_any_order(
    keyring: Keyring, ops: OpsKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that compaction has mixed open as they come, with few data keys remembered or many."""
    monkeypatch.setattr("governance.keys.sealing._BUNDLES", 2)
    opener = SealedOpener(ops, keyring, PURPOSE)
    sealers = [keyring.sealer(PURPOSE, WALL + timedelta(days=day)) for day in range(3)]
    rows = [(sealer, sealer.seal(str(number).encode(), b"key")) for number in range(3) for sealer in sealers]
    opened = [opener.open(sealer.day, sealer.wrapped_key(), row, b"key") for sealer, row in rows]
    assert opened == [str(number).encode() for number in range(3) for _ in sealers]
    with pytest.raises(KeyringError, match="does not open"):
        opener.open(sealers[0].day, sealers[1].wrapped_key(), rows[0][1], b"key")
    with pytest.raises(TypeError, match="key material"):
        pickle.dumps(opener)
