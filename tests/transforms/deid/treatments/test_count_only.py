"""Count only."""

from __future__ import annotations

import pyarrow as pa

from transforms.deid.treatments.count_only import count_only


def test_only_presence_remains() -> None:
    """Every value becomes true, null stays null."""
    assert count_only(pa.array(["a", "b", None])).to_pylist() == [True, True, None]
    assert count_only(pa.array([1, None])).to_pylist() == [True, None]
