"""Spans that overlap: who wins, and what stays covered."""

from __future__ import annotations

import pytest

from transforms.deid.text.spans import Span, resolve


@pytest.mark.parametrize(
    ("text", "found", "kept"),
    [
        ("12345", [], []),
        ("12345", [Span(0, 5, "QQ")], [Span(0, 5, "QQ")]),
        ("12345", [Span(0, 5, "QQ"), Span(0, 5, "PHONE")], [Span(0, 5, "PHONE")]),
        ("1234567", [Span(0, 4, "PHONE"), Span(3, 7, "QQ")], [Span(0, 4, "PHONE"), Span(4, 7, "QQ")]),
        ("12345--", [Span(0, 5, "PHONE"), Span(4, 7, "QQ")], [Span(0, 5, "PHONE")]),
        ("12345 78", [Span(6, 8, "QQ"), Span(0, 3, "QQ"), Span(2, 5, "ID")],
         [Span(0, 2, "QQ"), Span(2, 5, "ID"), Span(6, 8, "QQ")]),
    ],
)  # fmt: skip
def test_resolve(text: str, found: list[Span], kept: list[Span]) -> None:
    """The longest wins, then the kind that comes first; letters and digits of a loser stay covered, signs do not."""
    assert resolve(found, text) == kept
