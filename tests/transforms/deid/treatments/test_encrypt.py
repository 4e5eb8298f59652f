"""Reversible tokens of a column."""

from __future__ import annotations

import pyarrow as pa

from tests.transforms.deid.treatments.keys import key
from transforms.deid.treatments.encrypt import encrypt


def test_a_text_becomes_a_token() -> None:
    """Format, epoch and letters; equal texts have equal tokens, null stays null."""
    tokens = encrypt(pa.array(["13912345678", None, "13912345678", ""]), key())
    first, none, again, empty = tokens.to_pylist()
    assert first.startswith("v1s.2026H2.")
    assert set(first.rpartition(".")[2]) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    assert (none, again) == (None, first)
    assert len(empty) == len(first)
    assert tokens.type == pa.string()
    assert encrypt(pa.array([], pa.string()), key()).to_pylist() == []
