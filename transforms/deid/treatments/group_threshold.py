"""Group threshold: a value is kept if at least k subjects share it. For whole tables; a stream cannot count.

NULL is a value like any other, and subjects are counted, not rows: a row without a subject may belong to somebody
who was counted already, so it adds nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from transforms.deid.columns import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transforms.deid.columns import Codes


def keep_common(values: pa.Array, subjects: pa.Array, *, k: int) -> pa.Array:
    """Return the values that at least `k` subjects share; null in place of the others.

    Args:
        values: one a row of the whole table, not distinct ones.
        subjects: one a row.
        k: the fewest subjects.
    """
    groups, counts = _subjects_of([values], subjects)
    common = counts[groups] >= k if len(groups) else np.zeros(0, bool)
    return values.take(pa.array(np.arange(len(values)), mask=~common))


def smallest_group(table: pa.Table, by: Sequence[str], subject: str) -> int:
    """Return how many subjects the smallest group of a table holds; 0 for an empty table, which passes no threshold.

    Args:
        table: the whole table.
        by: the columns that make a group; at least one.
        subject: the column of subjects.
    """
    if not by:
        raise ValueError("a group needs a column")
    _, counts = _subjects_of([table[name] for name in by], table[subject])
    return int(counts.min()) if len(counts) else 0


def _subjects_of(columns: Sequence[pa.Array], subjects: pa.Array) -> tuple[Codes, Codes]:
    """Return the group of each row, and how many subjects each group holds."""
    codes = np.stack([encode(column).codes for column in columns], axis=1)
    if not len(codes):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    groups = np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)
    who = encode(subjects).codes
    known = np.unique(np.stack([groups, who], axis=1)[who >= 0], axis=0)
    return groups, np.bincount(known[:, 0], minlength=int(groups.max()) + 1)
