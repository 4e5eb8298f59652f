"""Masks."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.deid.treatments.mask import mask


def masked(text: str | None, **more: object) -> str | None:
    """Return a text behind a mask."""
    parameters = {"first": 3, "last": 4, "char": "*", "hidden": 4, "hide_length": True} | more
    column = mask(pa.array([text], pa.string()), **parameters)  # type: ignore[arg-type]
    assert column.type == pa.string()
    shown: str | None = column[0].as_py()
    return shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("13912345678", "139****5678"), ("6222021234567890123", "622****0123"), ("1391234567", "****"), ("", "****"),
        ("张伟张伟张伟张伟张伟张", "张伟张****伟张伟张"), ("😀😀😀12345678", "😀😀😀****5678"), (None, None),
    ],
)  # fmt: skip
def test_both_ends_show(text: str | None, shown: str | None) -> None:
    """First and last signs show, the rest not even by its length; a short text shows nothing."""
    assert masked(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("13912345678", "139####5678"), ("6222021234567890", "622#########7890"), ("abc", "###"), ("", "")],
)
def test_the_length_may_show(text: str, shown: str) -> None:
    """One sign for each hidden one, if wanted."""
    assert masked(text, char="#", hide_length=False) == shown


def test_one_end_or_none() -> None:
    """Each end may be hidden too."""
    assert masked("abcdefgh", first=0, last=2) == "****gh"
    assert masked("abcdefgh", first=2, last=0) == "ab****"
    assert masked("abcdefgh", first=0, last=0) == "****"
