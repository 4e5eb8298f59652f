"""Free text: length and script."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.deid.treatments.free_text import free_text


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("led lamp", "latin"), ("水泵", "zh"), ("steel 水泵", "zh"), ("ポンプ 鋼", "ja"), ("펌프", "ko"),
        ("насос", "ru"), ("مضخة", "ar"), ("αντλία", "el"), ("משאבה", "he"), ("ปั๊ม", "th"), ("पंप", "hi"),
        ("123 !", "other"), ("", "other"),
    ],
)  # fmt: skip
def test_language_is_told_by_script(text: str, language: str) -> None:
    """The script decides, the first on the list that occurs."""
    assert free_text(pa.array([text]))[2].to_pylist() == [language]


def test_no_word_remains() -> None:
    """The text column is null, the length counts characters, not bytes."""
    text, length, language = free_text(pa.array(["call 13800138000", "水泵", None]))
    assert text.to_pylist() == [None, None, None]
    assert length.to_pylist() == [16, 2, None]
    assert length.type == pa.int32()
    assert language.to_pylist() == ["latin", "zh", None]
