"""Sealing: what a streaming host may write and cannot read.

    payload ──AES-256-GCM, a data key a bundle──► sealed row
    data key ──HPKE──► public key of the day          (column wrapped_key)
    private key of the day ──HPKE──► public ops key   (keyring)
    private ops key                                   (a file, to be moved off the streaming host)

HPKE is RFC 9180 with X25519, HKDF-SHA-256 and AES-256-GCM.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from governance.errors import KeyringError
from governance.keys.files import read_private, write_new
from governance.keys.handles import Handle, frame
from governance.keys.root import parse_key

if TYPE_CHECKING:
    from pathlib import Path

    from governance.keys.keyring import Keyring

_NONCE_BYTES = 12
_KEY_BITS = 256
_BUNDLES = 10_000


class BundleSealer(Handle):
    """Seals the rejected payloads of one bundle under one data key; safe to share between threads.

    Guarantees:
        Nonces are a counter under a key that no other bundle has. The data key is never written except sealed to the
        day's public key, so that only the ops key opens what was sealed.
    """

    __slots__ = ("_cipher", "_count", "_day", "_lock", "_public", "_purpose", "_wrapped")

    def __init__(self, purpose: str, day: str, public: bytes) -> None:
        """Seal for `purpose` to the public key (32 bytes) of the +08:00 date `day`."""
        self._purpose = purpose
        self._day = day
        self._public = public
        self._cipher: AESGCM | None = None
        self._wrapped = b""
        self._count = 0
        self._lock = threading.Lock()

    @property
    def day(self) -> str:
        """The +08:00 date whose key seals this bundle."""
        return self._day

    def seal(self, payload: bytes, associated: bytes) -> bytes:
        """Return nonce and ciphertext of `payload`, bound to `associated`, which opening must repeat."""
        with self._lock:
            cipher = self._ready()
            nonce = self._count.to_bytes(_NONCE_BYTES, "big")
            self._count += 1
            return nonce + cipher.encrypt(nonce, payload, associated)

    def wrapped_key(self) -> bytes:
        """Return the data key, sealed to the day's public key."""
        with self._lock:
            self._ready()
            return self._wrapped

    def _ready(self) -> AESGCM:
        if self._cipher is None:
            key = AESGCM.generate_key(_KEY_BITS)
            self._wrapped = _suite().encrypt(key, _public(self._public), _data_key_info(self._purpose, self._day))
            self._cipher = AESGCM(key)
        return self._cipher


class OpsKey(Handle):
    """The private half of the ops key: opens what every streaming host sealed. It belongs on no streaming host."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def from_text(cls, text: str, where: str) -> Self:
        """Read 32 bytes as hexadecimal or base64; `where` names the source in errors."""
        return cls(parse_key(text, f"the ops key in {where}"))

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the ops key's file, which must be closed to other users."""
        return cls.from_text(read_private(path, "ops key file"), str(path))

    @staticmethod
    def write_new(path: Path) -> bool:
        """Write a fresh private ops key to a new file of mode 0600; False if the file is there already."""
        return write_new(path, X25519PrivateKey.generate().private_bytes_raw().hex() + "\n")

    def public(self) -> bytes:
        """Return the public half, 32 bytes."""
        return X25519PrivateKey.from_private_bytes(self._key).public_key().public_bytes_raw()

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """Return what was sealed to the public half under `info`."""
        return _suite().decrypt(sealed, X25519PrivateKey.from_private_bytes(self._key), info)


def new_day_key(purpose: str, day: str, ops_public: bytes) -> tuple[bytes, bytes]:
    """Return a fresh day's public key, and its private half sealed to the ops key; the bare one is forgotten here."""
    private = X25519PrivateKey.generate()
    sealed = _suite().encrypt(private.private_bytes_raw(), _public(ops_public), day_key_info(purpose, day))
    return private.public_key().public_bytes_raw(), sealed


class SealedOpener(Handle):
    """Opens sealed rows with the ops key; a day's private half and a bundle's data key are asked for once.

    It belongs to the calling thread.
    """

    __slots__ = ("_bundles", "_days", "_keyring", "_ops", "_purpose")

    def __init__(self, ops: OpsKey, keyring: Keyring, purpose: str) -> None:
        self._ops = ops
        self._keyring = keyring
        self._purpose = purpose
        self._days: dict[str, X25519PrivateKey] = {}
        self._bundles: dict[tuple[str, bytes], AESGCM] = {}

    def open(self, day: str, wrapped_key: bytes, sealed: bytes, associated: bytes) -> bytes:
        """Return the payload of a sealed row; see `open_sealed`."""
        try:
            cipher = self._bundles.get((day, wrapped_key))
            if cipher is None:
                key = _suite().decrypt(wrapped_key, self._day_key(day), _data_key_info(self._purpose, day))
                if len(self._bundles) >= _BUNDLES:  # compaction mixes the rows of many bundles
                    self._bundles.clear()
                cipher = self._bundles[day, wrapped_key] = AESGCM(key)
            return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], associated)
        except (InvalidTag, ValueError):
            raise KeyringError("the row does not open: another ops key sealed it, or the row was changed") from None

    def _day_key(self, day: str) -> X25519PrivateKey:
        found = self._days.get(day)
        if found is None:
            sealed = self._keyring.sealed_day_key(self._purpose, day)
            private = self._ops.open(sealed, day_key_info(self._purpose, day))
            found = self._days[day] = X25519PrivateKey.from_private_bytes(private)
        return found


def open_sealed(
    ops: OpsKey, keyring: Keyring, *, purpose: str, day: str, wrapped_key: bytes, sealed: bytes, associated: bytes
) -> bytes:
    """Return the payload of a sealed row; KeyringError if the ops key, the day or the row is another.

    Args:
        ops: private half of the ops key.
        keyring: holds the day's private half, sealed.
        purpose: such as "dead_letters".
        day: the +08:00 date in the row's column `day`.
        wrapped_key: the row's column `wrapped_key`.
        sealed: the row's column `sealed`.
        associated: what the payload was bound to.
    """
    return SealedOpener(ops, keyring, purpose).open(day, wrapped_key, sealed, associated)


def _suite() -> Suite:
    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _public(raw: bytes) -> X25519PublicKey:
    return X25519PublicKey.from_public_bytes(raw)


def day_key_info(purpose: str, day: str) -> bytes:
    """Return what binds the private half of a day to its purpose and day."""
    return frame("ebb", "v1", "day key", purpose, day)


def _data_key_info(purpose: str, day: str) -> bytes:
    return frame("ebb", "v1", "data key", purpose, day)
