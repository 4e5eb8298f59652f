"""Tokens of identifiers: `v1.<epoch>.<base32 of 16 bytes>`.

The 16 bytes are the first half of HMAC-SHA-256 under the key of (purpose, system, recipient, kind of id, epoch), over
kind ‖ 0x00 ‖ canonical id ‖ generation, the generation in four bytes, big-endian. Format, canonical forms and
derivation are frozen by the vectors in tests/vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from governance.keys.canonical import form_of
from governance.keys.handles import Handle, derive, keyed

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = "v1"
_BYTES = 16
_LETTERS = 26

_ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", dtype=np.uint8)
_FIRST_BIT = np.arange(_LETTERS) * 5
_AT = _FIRST_BIT // 8
_SHIFT = (11 - _FIRST_BIT % 8).astype(np.uint16)


class TokenKey(Handle):
    """Makes tokens of one kind of id under one key.

    Guarantees:
        Two keys that differ in purpose, system, recipient, kind or epoch give tokens that do not link without them.

    Warnings:
        A token is pseudonymous, not anonymous: who holds the key can try identifiers. Do not keep a window's handle
        beyond the bundle: ask the keyring again, which knows when the key expires.
    """

    __slots__ = ("_canonical", "_key", "_lead", "_prefix")

    def __init__(self, scope_key: bytes, kind: str, epoch: str) -> None:
        """Derive the key of `kind` from `scope_key`, the key of (purpose, system, recipient, epoch)."""
        if not kind or "\0" in kind:
            raise ValueError("a kind of id is a name without NUL")
        self._key = derive(scope_key, "ebb", VERSION, "token", kind)
        self._canonical = form_of(kind)
        self._lead = kind.encode() + b"\0"
        self._prefix = f"{VERSION}.{epoch}."

    def tokens(self, values: Sequence[str | None], generation: int = 0) -> list[str | None]:
        """Return the token of each value; None for None and for an identifier of white space only.

        Args:
            values: identifiers as read, best each distinct one once.
            generation: 0 until an erasure raises it for the subject (R-DEL-06).
        """
        start, form = keyed(self._key, self._lead), self._canonical
        tail = generation.to_bytes(4, "big")
        digests: list[bytes] = []
        present: list[bool] = []
        for value in values:
            plain = form(value) if value is not None else ""
            present.append(bool(plain))
            if plain:
                mac = start.copy()
                mac.update(plain.encode("utf-8", "surrogatepass") + tail)
                digests.append(mac.finalize()[:_BYTES])
        letters = iter(_base32(digests))
        prefix = self._prefix
        return [prefix + next(letters) if there else None for there in present]


def _base32(digests: list[bytes]) -> list[str]:
    """Return the 26 letters (RFC 4648, no padding) of each 16 bytes; all at once, since one by one is slow."""
    octets = np.zeros((len(digests), _BYTES + 1), dtype=np.uint8)
    octets[:, :_BYTES] = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, _BYTES)
    pairs = octets[:, _AT].astype(np.uint16) << 8 | octets[:, _AT + 1]
    letters = _ALPHABET[(pairs >> _SHIFT) & 31].tobytes().decode("ascii")
    return [letters[start : start + _LETTERS] for start in range(0, len(letters), _LETTERS)]
