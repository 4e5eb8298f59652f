"""Keep: a value stays if it is on the list or has the shape of a value that cannot name a person; else `other`.

The shapes are narrow on purpose. A producer that writes a phone number, an address or a sentence where a code
belongs must not carry it into a table that every analyst reads (R-PURP-01, R-COMB-04).
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

OTHER = "other"
_MOST_WORDS, _MOST_DIGITS = 3, 4
_SHAPES = {
    "code": r"^(?:[0-9]{0,3}[A-Za-z][A-Za-z0-9 ._+-]{0,36}|[0-9]{1,3})$",
    "language": r"^[A-Za-z]{2,3}(?:[-_][A-Za-z]{4})?(?:[-_](?:[A-Za-z]{2}|[0-9]{3}))?$",
    "host": r"^(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,22}[A-Za-z0-9_])?\.){1,6}[A-Za-z]{2,24}$",
    "any_number": r"^-?[0-9]{1,3}(?:\.[0-9]{1,2})?$",
    "flag": r"^(?i:true|false|yes|no|on|off|0|1)$",
}
_REFUSED = {
    "code": (
        "[0-9]{4}",
        rf"(?:[0-9][^0-9]*){{{_MOST_DIGITS + 1}}}",  # a number cut up by separators
        rf"(?: [^ ]*){{{_MOST_WORDS}}}",  # a sentence
        r"^[0-9A-Fa-f._-]{8,}$",  # a hexadecimal id
    ),
    "host": ("[0-9]{4}",),
}


def keep(values: pa.Array, *, shape: str | None = None, allowed: tuple[str, ...] = ()) -> pa.Array:
    """Keep what is allowed, write `other` for the rest.

    Args:
        values: distinct texts.
        shape: `code` (letters and separators, at most 40 characters, 3 words and 4 digits, 3 of them in a row),
            `language` (BCP 47), `host`, `any_number`, `flag`, or None.
        allowed: values that pass whatever their shape.
    """
    passes = pc.is_in(values, value_set=pa.array([*allowed, OTHER], values.type))
    if shape is not None:
        fits = pc.match_substring_regex(values, _SHAPES[shape])
        for pattern in _REFUSED.get(shape, ()):
            fits = pc.and_not(fits, pc.match_substring_regex(values, pattern))
        passes = pc.or_(passes, fits)
    return pc.if_else(pc.or_kleene(passes, pc.is_null(values)), values, OTHER)


def fit_number(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Keep the integers that `kind` can hold; the others become null."""
    if values.type == kind:
        return values
    most = 2 ** (kind.bit_width - 1) - 1
    fits = pc.and_(pc.greater_equal(values, -most - 1), pc.less_equal(values, most))
    return pc.if_else(fits, values, pa.scalar(None, values.type)).cast(kind)
