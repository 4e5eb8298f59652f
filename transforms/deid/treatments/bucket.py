"""Bucket: a size of memory becomes a range of GiB, such as `8-16`; an amount a range of its unit."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from transforms.deid.columns import as_text, each

if TYPE_CHECKING:
    import pyarrow as pa

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([kmgt]?)(i?b?|bytes)", re.IGNORECASE)
_GIB = {"k": 2.0**-20, "m": 2.0**-10, "g": 1.0, "t": 2.0**10}
_AMOUNT = re.compile(
    r"(?:[A-Z]{3}|[¥￥$€£])?\s*([0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(\.[0-9]{1,6})?\s*(?:[A-Z]{3}|元)?"
)
_PLAIN = ((256, "g"), (2.0**20, "m"), (2.0**28, "k"))  # a bare number up to 256 means GiB, up to a million MiB, …


def bucket(values: pa.Array, *, edges: tuple[float, ...], unit: Literal["GiB", "amount"] = "GiB") -> pa.Array:
    """Return the range that holds each size: `<1`, `1-2`, …, `64+`; the lower edge belongs to it.

    Args:
        values: sizes such as `8G`, `16 GB`, `8192MB`, `8`, or amounts such as `12`, `1,280.50`, `CNY 99`; what is
            neither becomes null.
        edges: ascending, in `unit`.
        unit: `GiB` reads sizes, `amount` reads amounts, whatever their currency.
    """
    measure = gibibytes if unit == "GiB" else amount
    told = [_told(edge) for edge in edges]
    labels = (f"<{told[0]}", *(f"{low}-{high}" for low, high in pairwise(told)), f"{told[-1]}+")

    def label(text: str) -> str | None:
        size = measure(text)
        return None if size is None else labels[bisect_right(edges, size)]

    return each(as_text(values), label)


def _told(edge: float) -> str:
    """Return an edge with all of its digits: two that differ must not read alike."""
    return str(int(edge)) if float(edge).is_integer() else repr(float(edge))


def amount(text: str) -> float | None:
    """Return the number in an amount, None where the text is none."""
    match = _AMOUNT.fullmatch(text.strip())
    return None if match is None else float(match[1].replace(",", "") + (match[2] or ""))


def gibibytes(text: str) -> float | None:
    """Return a size in GiB, None where the text is no size."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        return None
    number, unit = float(match[1]), match[2].lower()
    if not unit and match[3]:
        return number / 2**30
    if not unit:
        unit = next((unit for most, unit in _PLAIN if number <= most), "")
    return number * _GIB[unit] if unit else number / 2**30
