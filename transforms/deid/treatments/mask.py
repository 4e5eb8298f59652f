"""Mask: `13912345678` becomes `139****5678`: the first and last signs stay, the others do not."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def mask(values: pa.Array, *, first: int, last: int, char: str, hidden: int, hide_length: bool) -> pa.Array:
    """Return each text with its middle hidden.

    Args:
        values: distinct texts.
        first: signs shown at the start.
        last: signs shown at the end.
        char: what stands for a hidden sign.
        hidden: the fewest signs to hide; a text that is too short for that shows none.
        hide_length: write `char` as often as `hidden`, whatever the length.
    """
    length = pc.utf8_length(values).cast(pa.int64())
    if hide_length:
        short = middle = pa.scalar(char * hidden)
    else:
        short = pc.binary_repeat(char, length)
        middle = pc.binary_repeat(char, pc.max_element_wise(pc.subtract(length, first + last), 0, skip_nulls=False))
    start = pc.utf8_slice_codeunits(values, 0, first)
    end = pc.utf8_slice_codeunits(values, -last) if last else pa.scalar("")
    shown = pc.binary_join_element_wise(start, middle, end, "")
    masked = pc.if_else(pc.less(length, first + last + hidden), short, shown)
    return masked.cast(pa.string())
