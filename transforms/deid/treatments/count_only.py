"""Count only: the column says that the field was there, nothing else."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def count_only(values: pa.Array) -> pa.Array:
    """Return true for every value, null for null."""
    return pc.if_else(pc.is_valid(values), True, pa.scalar(None, pa.bool_()))  # noqa: FBT003 - Arrow's signature
