"""Hierarchies over columns."""

from __future__ import annotations

import pyarrow as pa

from transforms.deid.treatments.hierarchy import hierarchy

TABLE = {"England": "Europe", "Laos": "Asia"}


def test_a_value_becomes_its_level() -> None:
    """Known values are generalized, unknown ones become `other`, null stays null."""
    values = pa.array(["England", " Laos ", "Atlantis", "england", "", None])
    assert hierarchy(values, table=TABLE, other="*").to_pylist() == ["Europe", "Asia", "*", "*", "*", None]
    assert hierarchy(values[:0], table=TABLE, other="*").to_pylist() == []
