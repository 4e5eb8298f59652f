"""What every holder of a secret has in common: it stays in its process and shows nothing of itself."""

from __future__ import annotations

from typing import NoReturn, SupportsIndex

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


class Handle:
    """Base of handles to key material.

    Guarantees:
        `repr`, `str` and `format` show the class and nothing else; `pickle`, `copy` and `deepcopy` raise TypeError,
        so that no coder, cache or queue can carry a key out of the process.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: hidden>"

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} holds key material: it is neither pickled nor copied; open a keyring in setup()"
        )


def frame(*parts: str) -> bytes:
    """Return `parts` as bytes, each behind its length, so that no two lists of parts share one encoding."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def derive(key: bytes, *parts: str, salt: bytes | None = None) -> bytes:
    """Return the 32-byte subkey of `key` for the use named by `parts` (HKDF-SHA-256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=frame(*parts)).derive(key)


def keyed(key: bytes, start: bytes) -> HMAC:
    """Return an HMAC-SHA-256 that has read `start`; copy it for each message. It belongs to the calling thread."""
    mac = HMAC(key, SHA256())
    mac.update(start)
    return mac
