"""Signatures of certificates: Ed25519, by a key of the installation, from which other keys of its own are derived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from governance.keys.files import read_private, write_new
from governance.keys.handles import Handle, derive
from governance.keys.root import parse_key

if TYPE_CHECKING:
    from pathlib import Path


class SigningKey(Handle):
    """The private key that signs certificates."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def ensure(cls, path: Path) -> Self:
        """Read the key's file, closed to other users; make it where there is none."""
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_new(path, Ed25519PrivateKey.generate().private_bytes_raw().hex() + "\n")
        return cls(parse_key(read_private(path, "signing key file"), f"the signing key in {path}"))

    def public(self) -> bytes:
        """Return the public half, 32 bytes."""
        return Ed25519PrivateKey.from_private_bytes(self._key).public_key().public_bytes_raw()

    def derive(self, *parts: str) -> bytes:
        """Return a subkey, 32 bytes, for the use named by `parts`: another than signing, which it tells nothing of."""
        return derive(self._key, "ebb", "v1", *parts)

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message, 64 bytes."""
        return Ed25519PrivateKey.from_private_bytes(self._key).sign(message)


def is_signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """Say whether the holder of the private half of `public` signed `message`."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
