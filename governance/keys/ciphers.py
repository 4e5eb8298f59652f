"""Keys of the treatments that need one: reversible tokens, AES blocks, and keyed choices.

A reversible token reads `v1s.<epoch>.<base32>`. Behind the last dot stand the 16 bytes of the synthetic IV and the
ciphertext of AES-256-SIV (RFC 5297) over the text in UTF-8, 0x80 and zeros up to a multiple of 16 bytes: a token tells
the length of its text in steps of 16. Format, epoch and kind are authenticated. The form is frozen by the vectors in
tests/vectors.
"""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from governance.keys.handles import Handle, derive, frame, keyed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Blocks = Callable[[bytes], bytes]

VERSION = "v1s"
_BLOCK = 16
_AES_KEYS = (16, 24, 32)
_ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", dtype=np.uint8)


class CipherKey(Handle):
    """The key of one treatment for one purpose, system, recipient, kind and epoch.

    Guarantees:
        Cipher contexts live for one call, so a handle may be shared between threads. Each use of the key has a subkey.
        It has no way back: only `governance.keys.reveal` opens what it encrypted, and that is recorded.

    Warnings:
        What it makes is pseudonymous. Equal texts give equal results within an epoch.
    """

    __slots__ = ("_epoch", "_key", "_kind")

    def __init__(self, scope_key: bytes, kind: str, epoch: str) -> None:
        """Derive the key of `kind` from `scope_key`, the key of (purpose, system, recipient, epoch)."""
        if not kind or "\0" in kind:
            raise ValueError("a kind is a name without NUL")
        self._key = derive(scope_key, "ebb", "v1", "cipher", kind)
        self._kind = kind
        self._epoch = epoch

    def encrypt(self, values: Sequence[str | None]) -> list[str | None]:
        """Return the reversible token of each text; None for None."""
        cipher = _siv(self._key)
        associated = [_associated(self._kind, self._epoch)]
        sealed = [cipher.encrypt(_padded(value), associated) for value in values if value is not None]
        letters = iter(_base32(sealed))
        prefix = f"{VERSION}.{self._epoch}."
        return [None if value is None else prefix + next(letters) for value in values]

    def blocks(self, use: str) -> Blocks:
        """Return AES-256 over whole blocks of 16 bytes, under the subkey of `use`."""
        return aes_blocks(derive(self._key, "blocks", use))

    def macs(self, use: str, messages: Sequence[bytes]) -> list[bytes]:
        """Return the HMAC-SHA-256 of each message, under the subkey of `use`."""
        start = keyed(derive(self._key, "mac", use), b"")
        found: list[bytes] = []
        for message in messages:
            mac = start.copy()
            mac.update(message)
            found.append(mac.finalize())
        return found

    def _decrypt(self, tokens: Sequence[str | None]) -> list[str | None]:
        """Return the text of each token of this key; None for what is none. Only `reveal` calls this."""
        cipher = _siv(self._key)
        associated = [_associated(self._kind, self._epoch)]
        prefix = f"{VERSION}.{self._epoch}."
        return [_opened(cipher, token, prefix, associated) for token in tokens]


def aes_blocks(key: bytes) -> Blocks:
    """Return AES over whole blocks, each for itself: the building stone of FF1 and Crypto-PAn, never a mode.

    Raises:
        ValueError: the key has not 16, 24 or 32 bytes.
    """
    if len(key) not in _AES_KEYS:
        raise ValueError("an AES key has 16, 24 or 32 bytes")
    cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - single blocks, as both standards ask

    def encrypt(data: bytes) -> bytes:
        return cipher.encryptor().update(data)

    return encrypt


def epoch_of(token: str) -> str | None:
    """Return the epoch of a reversible token; None for anything else."""
    parts = token.split(".")
    return parts[1] if len(parts) == len(("version", "epoch", "letters")) and parts[0] == VERSION else None


def _siv(key: bytes) -> AESSIV:
    return AESSIV(derive(key, "siv", "mac") + derive(key, "siv", "counter"))


def _associated(kind: str, epoch: str) -> bytes:
    return frame(VERSION, kind, epoch)


def _padded(value: str) -> bytes:
    plain = value.encode("utf-8", "surrogatepass") + b"\x80"
    return plain + bytes(-len(plain) % _BLOCK)


def _opened(cipher: AESSIV, token: str | None, prefix: str, associated: list[bytes]) -> str | None:
    if token is None or not token.startswith(prefix):
        return None
    letters = token.removeprefix(prefix)
    try:
        sealed = base64.b32decode(letters + "=" * (-len(letters) % 8))
        if _base32([sealed]) != [letters]:  # spare bits are zero: one text, one token
            return None
        plain = cipher.decrypt(sealed, associated)
    except (binascii.Error, ValueError, InvalidTag):
        return None
    return plain.rstrip(b"\0")[:-1].decode("utf-8", "surrogatepass")


def _base32(blobs: list[bytes]) -> list[str]:
    """Return RFC 4648 base32 without padding; all of one length at once, since one by one is slow."""
    found = [""] * len(blobs)
    places: defaultdict[int, list[int]] = defaultdict(list)
    for place, blob in enumerate(blobs):
        places[len(blob)].append(place)
    for size, here in places.items():
        count = (size * 8 + 4) // 5
        first_bit = np.arange(count) * 5
        octets = np.zeros((len(here), size + 1), dtype=np.uint8)
        octets[:, :size] = np.frombuffer(b"".join(blobs[place] for place in here), np.uint8).reshape(len(here), size)
        pairs = octets[:, first_bit // 8].astype(np.uint16) << 8 | octets[:, first_bit // 8 + 1]
        shift = (11 - first_bit % 8).astype(np.uint16)
        letters = _ALPHABET[(pairs >> shift) & 31].tobytes().decode("ascii")
        for number, place in enumerate(here):
            found[place] = letters[number * count : (number + 1) * count]
    return found
