"""The root key: 32 bytes that open the keyring and are kept apart from it."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import TYPE_CHECKING, Self

from governance.errors import KeyringError
from governance.keys.files import read_private, write_new
from governance.keys.handles import KEY_BYTES, Handle, derive

if TYPE_CHECKING:
    from pathlib import Path


class RootKey(Handle):
    """Wraps every key of the keyring.

    Warnings:
        Lost, no key opens again: no token can be made anew, no duplicate recognized. Kept beside the keyring's backup,
        it protects nothing.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise KeyringError("the root key is not 32 bytes long")
        self._key = bytes(key)

    @classmethod
    def from_text(cls, text: str, where: str) -> Self:
        """Read 32 bytes as hexadecimal or base64; `where` names the source in errors."""
        return cls(parse_key(text, f"the root key in {where}"))

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the root key's file, which must be closed to other users."""
        return cls.from_text(read_private(path, "root key file"), str(path))

    @staticmethod
    def write_new(path: Path) -> bool:
        """Write a fresh root key to a new file of mode 0600; False if the file is there already."""
        return write_new(path, secrets.token_hex(KEY_BYTES) + "\n")

    def derive(self, *parts: str, salt: bytes) -> bytes:
        """Return the subkey for the use named by `parts`."""
        return derive(self._key, *parts, salt=salt)


def parse_key(text: str, what: str) -> bytes:
    """Return the 32 bytes that `text` spells in hexadecimal or base64 (either alphabet); KeyringError otherwise."""
    bare = text.strip()
    try:
        if len(bare) == 2 * KEY_BYTES:
            key = bytes.fromhex(bare)
        else:
            unpadded = bare.rstrip("=").replace("-", "+").replace("_", "/")
            key = base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyringError(f"{what} is not 32 bytes as hexadecimal or base64")
    return key
