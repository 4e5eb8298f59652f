"""Ranges of memory."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.deid.treatments.bucket import bucket

EDGES = (1, 2, 4, 8, 16)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("8G", "8-16"), ("16 GB", "16+"), ("8192MB", "8-16"), ("8", "8-16"), ("7.8 GiB", "4-8"), ("512 MB", "<1"),
        ("8192", "8-16"), ("16310000 kB", "8-16"), ("16310000", "8-16"), ("8589934592", "8-16"), ("1TB", "16+"),
        ("1073741824 bytes", "1-2"), ("a lot", None), ("-8G", None), ("8 GB of Zhang", None), ("", None),
        (None, None),
    ],
)  # fmt: skip
def test_a_size_falls_into_its_range(text: str | None, label: str | None) -> None:
    """Units are understood, the lower edge belongs to the range, garbage is null."""
    assert bucket(pa.array([text], pa.string()), edges=EDGES).to_pylist() == [label]


def test_numbers_are_sizes_too() -> None:
    """A column of integers is read as GiB, or by its magnitude."""
    assert bucket(pa.array([8, 4096, None]), edges=EDGES).to_pylist() == ["8-16", "4-8", None]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("0.5", "<1"), ("12", "2-16"), ("1,280.50", "16+"), ("CNY 1.5", "1-2"), ("¥16", "16+"), ("2 USD", "2-16"),
        ("99元", "16+"), ("8G", None), ("-3", None), ("1,28", None), ("1e3", None), ("twelve", None), (None, None),
    ],
)  # fmt: skip
def test_an_amount_falls_into_its_range(text: str | None, label: str | None) -> None:
    """A bare number counts as it stands, a currency makes no difference, a size of memory is no amount."""
    assert bucket(pa.array([text], pa.string()), edges=(1, 2, 16), unit="amount").to_pylist() == [label]


@pytest.mark.parametrize(
    ("edges", "text", "label"),
    [
        ((1234567, 1234568), "1234567.5", "1234567-1234568"), ((1000000,), "5", "<1000000"),
        ((12345678.25,), "99999999", "12345678.25+"), ((0.1, 0.5), "0.3", "0.1-0.5"), ((2.0, 2.5), "1", "<2"),
    ],
)  # fmt: skip
def test_an_edge_is_told_with_all_its_digits(edges: tuple[float, ...], text: str, label: str) -> None:
    """Large edges are not rounded to six digits, so that no two ranges have one name."""
    assert bucket(pa.array([text]), edges=edges, unit="amount").to_pylist() == [label]
