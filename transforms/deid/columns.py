"""Columns by their distinct values: encode once, treat the dictionary, spread the result over the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.ma  # pyarrow asks for it at its first array, amid thousands of events
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Codes = npt.NDArray[np.int64]


_SPARSE = 50  # beyond so many possible codes a row, sorting is cheaper than marking


@dataclass(frozen=True, slots=True, repr=False)
class Encoded:
    """A column as codes into its distinct values; code -1 is null."""

    codes: Codes
    values: pa.Array


def encode(column: pa.ChunkedArray | pa.Array) -> Encoded:
    """Return a plain or dictionary column by its distinct values."""
    if isinstance(column, pa.ChunkedArray):
        if pa.types.is_dictionary(column.type):
            column = column.unify_dictionaries()
        column = column.combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    indices = column.indices.cast(pa.int64())
    if indices.null_count:
        indices = indices.fill_null(-1)
    return Encoded(indices.to_numpy(zero_copy_only=False), column.dictionary)


def select(encoded: Encoded, rows: Codes) -> Encoded:
    """Return the chosen rows with the distinct values they use, no others."""
    codes, used = compact(encoded.codes[rows], len(encoded.values))
    return Encoded(codes, encoded.values.take(pa.array(used)))


def compact(codes: Codes, size: int) -> tuple[Codes, Codes]:
    """Renumber codes below `size` without gaps: (new codes, old code of each new one). -1 stays -1."""
    if size > _SPARSE * (len(codes) + 1):
        used, renumbered = np.unique(codes, return_inverse=True)
        if len(used) and used[0] < 0:
            return renumbered - 1, used[1:]
        return renumbered, used
    seen = np.zeros(size + 1, dtype=bool)
    seen[codes] = True  # -1 marks the last, spare place
    seen[size] = False
    renumbered = np.cumsum(seen) - 1
    renumbered[size] = -1
    return renumbered[codes], np.flatnonzero(seen)


def spread(values: pa.Array, codes: Codes) -> pa.Array:
    """Return one value a row; code -1 gives null."""
    missing = codes < 0
    return values.take(pa.array(codes, mask=missing) if missing.any() else pa.array(codes))


def each(values: pa.Array, treat: Callable[[str], str | None]) -> pa.Array:
    """Apply a function to every text; null stays null."""
    return pa.array([None if value is None else treat(value) for value in values.to_pylist()], pa.string())


def as_text(values: pa.Array) -> pa.Array:
    """Return numbers and large text as plain text."""
    return values if values.type == pa.string() else pc.cast(values, pa.string())
