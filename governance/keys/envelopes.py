"""Envelopes of the vault: who has the public halves may fill one, who has the ops key may open it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from governance.errors import KeyringError
from governance.keys.due_dates import PARTS, Part, purpose_of
from governance.keys.handles import Handle, frame
from governance.keys.sealing import day_key_info

if TYPE_CHECKING:
    from governance.keys.due_dates import DuePublic
    from governance.keys.keyring import Keyring
    from governance.keys.sealing import OpsKey

ALGORITHM: Final = "hpke-x25519-sha256-aes256gcm/aes256gcm/v1"
"""What column `algorithm` says: how data keys are wrapped, and how payloads are encrypted."""

_NONCE_BYTES = 12
_KEY_BITS = 256


class Envelope(Handle):
    """Fills the rows of one file: two data keys of its own, one a part. It belongs to the calling thread.

    Guarantees:
        Nonces are a counter under keys that no other file has. The data keys are never written except wrapped, so
        who fills an envelope cannot open one that was filled before.
    """

    __slots__ = ("_ciphers", "_count", "_wrapped", "key_id")

    def __init__(self, public: DuePublic) -> None:
        """Fill for the key `public`."""
        self.key_id = public.key_id
        self._count = 0
        self._ciphers: dict[Part, AESGCM] = {}
        self._wrapped: dict[Part, bytes] = {}
        for part in PARTS:
            key = AESGCM.generate_key(_KEY_BITS)
            recipient = X25519PublicKey.from_public_bytes(public.of(part))
            self._wrapped[part] = _suite().encrypt(key, recipient, _data_key_info(part, public.key_id))
            self._ciphers[part] = AESGCM(key)

    def wrapped(self, part: Part) -> bytes:
        """Return the data key of a part, wrapped."""
        return self._wrapped[part]

    def fill(self, part: Part, payload: bytes, event_key: bytes) -> bytes:
        """Return nonce and ciphertext of a row's payload, bound to its part and event key."""
        nonce = self._count.to_bytes(_NONCE_BYTES, "big")
        self._count += 1
        return nonce + self._ciphers[part].encrypt(nonce, payload, _bound(part, event_key))


class EnvelopeOpener(Handle):
    """Opens rows with the ops key; a private half is asked for once. It belongs to the calling thread."""

    __slots__ = ("_ciphers", "_halves", "_keyring", "_ops")

    def __init__(self, ops: OpsKey, keyring: Keyring) -> None:
        self._ops = ops
        self._keyring = keyring
        self._halves: dict[tuple[Part, str], X25519PrivateKey] = {}
        self._ciphers: dict[tuple[Part, str, bytes], AESGCM] = {}

    def open(self, part: Part, key_id: str, wrapped: bytes, filled: bytes, event_key: bytes) -> bytes:
        """Return a row's payload.

        Raises:
            KeyringError: the key was destroyed, the ops key is another, or the row was changed.
        """
        try:
            cipher = self._cipher(part, key_id, wrapped)
            return cipher.decrypt(filled[:_NONCE_BYTES], filled[_NONCE_BYTES:], _bound(part, event_key))
        except (InvalidTag, ValueError):
            raise KeyringError(
                "a record of the vault does not open: another ops key sealed it, or the row was changed"
            ) from None

    def _cipher(self, part: Part, key_id: str, wrapped: bytes) -> AESGCM:
        at = (part, key_id, wrapped)
        cipher = self._ciphers.get(at)
        if cipher is None:
            key = _suite().decrypt(wrapped, self._half(part, key_id), _data_key_info(part, key_id))
            cipher = self._ciphers[at] = AESGCM(key)
        return cipher

    def _half(self, part: Part, key_id: str) -> X25519PrivateKey:
        half = self._halves.get((part, key_id))
        if half is None:
            sealed = self._keyring.sealed_day_key(purpose_of(part), key_id)
            private = self._ops.open(sealed, day_key_info(purpose_of(part), key_id))
            half = self._halves[part, key_id] = X25519PrivateKey.from_private_bytes(private)
        return half


def _suite() -> Suite:
    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _data_key_info(part: Part, key_id: str) -> bytes:
    return frame("ebb", "v1", "vault key", part, key_id)


def _bound(part: Part, event_key: bytes) -> bytes:
    return part.encode() + b"\0" + event_key
