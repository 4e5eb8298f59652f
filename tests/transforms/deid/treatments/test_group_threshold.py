"""Groups of enough subjects."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy.treatments import GroupThreshold
from tests.transforms.deid.chain import CATALOGUE
from transforms.deid.treatments.group_threshold import keep_common, smallest_group
from transforms.deid.treatments.registry import Context, bind, columns_of

ROW = CATALOGUE.inventory["device_model"]
PAIRS = st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from(["1", "2", "3", None])), max_size=20)


def columns(rows: list[tuple[str | None, str | None]]) -> tuple[pa.Array, pa.Array]:
    """Return the values and the subjects of rows."""
    return pa.array([value for value, _ in rows], pa.string()), pa.array([who for _, who in rows], pa.string())


@given(PAIRS, st.integers(1, 3))
def test_it_agrees_with_counting_by_hand(rows: list[tuple[str | None, str | None]], k: int) -> None:
    """A value stays where at least k different subjects have it; rows without a subject add nobody."""
    people = {value: {who for other, who in rows if other == value and who is not None} for value, _ in rows}
    expected = [value if len(people[value]) >= k else None for value, _ in rows]
    assert keep_common(*columns(rows), k=k).to_pylist() == expected
    table = pa.table(dict(zip(("value", "who"), columns(rows), strict=True)))
    assert smallest_group(table, ["value"], "who") == min((len(one) for one in people.values()), default=0)


def test_null_is_a_value() -> None:
    """A group of nulls counts: it is not left out of the smallest, as some group-bys would."""
    table = pa.table({"city": ["a", "a", "a", None], "job": ["x", "x", "x", "x"], "who": ["1", "2", "3", "4"]})
    assert smallest_group(table, ["city"], "who") == smallest_group(table, ["city", "job"], "who") == 1
    assert smallest_group(table, ["job"], "who") == 4


def test_many_rows_of_one_subject_are_one() -> None:
    """Subjects are counted, not rows."""
    assert keep_common(pa.array(["a"] * 99), pa.array(["1"] * 99), k=2).null_count == 99


def test_an_empty_table_passes_nothing() -> None:
    """No row is no crowd: the smallest group holds nobody."""
    table = pa.table({"value": pa.array([], pa.string()), "who": pa.array([], pa.string())})
    assert smallest_group(table, ["value"], "who") == 0
    assert len(keep_common(table["value"], table["who"], k=1)) == 0
    with pytest.raises(ValueError, match="needs a column"):
        smallest_group(table, [], "who")


def test_a_stream_never_counts() -> None:
    """There the value is dropped, or becomes its brand."""
    dropped, brand = GroupThreshold(k=20), GroupThreshold(k=20, in_stream="brand")
    assert columns_of(dropped, ROW) == bind(dropped, Context(ROW))(pa.array(["iPhone 15"])) == ()
    assert [column.name for column in columns_of(brand, ROW)] == ["device_model"]
    assert [one.to_pylist() for one in bind(brand, Context(ROW))(pa.array(["Huawei P30"]))] == [["Huawei"]]
