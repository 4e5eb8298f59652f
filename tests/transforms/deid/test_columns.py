"""Columns by distinct values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from transforms.deid.columns import compact, encode, select, spread

COLUMN = st.lists(st.sampled_from(["a", "b", "c", None]))


@given(COLUMN, COLUMN)
def test_encoding_and_spreading_give_the_column_back(first: list[str | None], second: list[str | None]) -> None:
    """Plain or dictionary, in one chunk or two: values and order survive."""
    plain = pa.chunked_array([pa.array(part, pa.string()) for part in (first, second)])
    chunks = pa.chunked_array([pa.array(part, pa.string()).dictionary_encode() for part in (first, second)])
    for column in (plain, chunks, plain.combine_chunks()):
        encoded = encode(column)
        assert spread(encoded.values, encoded.codes).to_pylist() == first + second


def test_a_column_without_chunks_is_empty() -> None:
    """No chunk at all is no error."""
    assert len(encode(pa.chunked_array([], pa.string())).codes) == 0


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1), st.data())
def test_selected_rows_bring_only_their_values(texts: list[str | None], data: st.DataObject) -> None:
    """A selection holds no value that none of its rows has."""
    rows = np.array(data.draw(st.lists(st.integers(0, len(texts) - 1))), dtype=np.int64)
    chosen = select(encode(pa.array(texts, pa.string())), rows)
    expected = [texts[row] for row in rows]
    assert spread(chosen.values, chosen.codes).to_pylist() == expected
    assert set(chosen.values.to_pylist()) == {text for text in expected if text is not None}


@given(st.lists(st.integers(-1, 30)), st.sampled_from([31, 100_000]))
def test_compact_codes_have_no_gaps(numbers: list[int], size: int) -> None:
    """Both ways of renumbering, by marks and by sorting, agree."""
    codes = np.array(numbers, dtype=np.int64)
    renumbered, used = compact(codes, size)
    assert used.tolist() == sorted({number for number in numbers if number >= 0})
    assert [used[code] if code >= 0 else -1 for code in renumbered] == numbers
