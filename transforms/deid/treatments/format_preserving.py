"""Format-preserving encryption: a number of eleven digits becomes another number of eleven digits, by FF1.

Warnings:
    The result looks like a real value: where people read the column, its name has to say that it is none. Who holds the
    key can turn it back. Equal values give equal results within an epoch, as with a token.
"""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase, digits
from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa

from transforms.deid.treatments.ff1 import FF1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.keys import CipherKey

ALPHABETS = MappingProxyType(
    {
        "digits": digits,
        "base36": digits + ascii_lowercase,
        "base36_upper": digits + ascii_uppercase,
        "base62": digits + ascii_uppercase + ascii_lowercase,
    }
)


def format_preserving(
    values: pa.Array, key: CipherKey, *, field: str, alphabet: str, lengths: Sequence[int]
) -> pa.Array:
    """Return each value encrypted within its form.

    Args:
        values: distinct texts.
        key: the key of the field.
        field: its name is the tweak, so that one number in two fields gives two results.
        alphabet: a name of ALPHABETS.
        lengths: the lengths that a value may have; any other value, or one with other signs, becomes null.
    """
    allowed = frozenset(lengths)
    texts = [text if text is not None and len(text) in allowed else None for text in values.to_pylist()]
    cipher = FF1(key.blocks("ff1"), ALPHABETS[alphabet], tweak=b"ebb:" + field.encode())
    return pa.array(cipher.encrypt(texts), pa.string())
