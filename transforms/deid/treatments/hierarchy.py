"""Hierarchy: a value becomes what a file of one's own says of it at a level, such as `England` → `Europe`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping


def hierarchy(values: pa.Array, *, table: Mapping[str, str], other: str) -> pa.Array:
    """Return what `table` holds for each value, `other` for a value that it does not hold; null for null."""
    plain = pc.utf8_trim_whitespace(values)
    at = pc.index_in(plain, value_set=pa.array(list(table), pa.string()))
    found = pc.coalesce(pa.array(list(table.values()), pa.string()).take(at), pa.scalar(other))
    return pc.if_else(pc.is_null(values), pa.scalar(None, pa.string()), found)
