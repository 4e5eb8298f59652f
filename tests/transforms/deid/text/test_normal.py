"""The form that detectors read, and the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.deid.text.normal import normal


@pytest.mark.parametrize(
    ("text", "plain"),
    [("１３８", "138"), ("a＠ｂ．c", "a@b.c"), ("1–2—3", "1-2-3"), ("1\u00a02\u30003", "1 2 3"), ("٣④𝟓", "345"),
     ("1\u200b2\ufeff3\u00ad", "123"), ("水，泵", "水，泵"), ("led", "led")],
)  # fmt: skip
def test_forms_become_plain(text: str, plain: str) -> None:
    """Full-width, circled and foreign digits, dashes and spaces are read as their plain forms; unseen signs go."""
    assert normal(text).text == plain


@given(st.text(st.sampled_from("1２\u200b\u3000a泵\ufeff－"), min_size=1))
def test_every_offset_leads_back(text: str) -> None:
    """Each character of the plain text stands where it says in the original, and the order is kept."""
    plain = normal(text)
    places = [plain.original(at, at + 1) for at in range(len(plain.text))]
    assert [end - start for start, end in places] == [1] * len(places)
    assert places == sorted(places)
    assert all(normal(text[start:end]).text == plain.text[at] for at, (start, end) in enumerate(places))
