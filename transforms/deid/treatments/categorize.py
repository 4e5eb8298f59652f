"""Categorize: the first band of which a word occurs in the value; else the pack's word for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transforms.deid.columns import as_text, each

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa


def categorize(values: pa.Array, *, bands: Mapping[str, Sequence[str]], other: str = "other") -> pa.Array:
    """Return the band of each value; case does not count."""
    folded = [(band, tuple(word.casefold() for word in words)) for band, words in bands.items()]

    def band_of(value: str) -> str:
        text = value.casefold()
        return next((band for band, words in folded if any(word in text for word in words)), other)

    return each(as_text(values), band_of)
