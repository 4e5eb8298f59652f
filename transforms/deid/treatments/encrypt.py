"""Encrypt: a text becomes a token that a holder of the keyring can turn back (AES-SIV), with a record of it.

For the few fields that somebody must read again, such as a number to call back. Turning back is
`governance.keys.reveal` behind `ebb reveal`; nothing in the stream can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from governance.keys import CipherKey


def encrypt(values: pa.Array, key: CipherKey) -> pa.Array:
    """Return `v1s.<epoch>.<base32>` of each text; equal texts give equal tokens within an epoch."""
    return pa.array(key.encrypt(values.to_pylist()), pa.string())
