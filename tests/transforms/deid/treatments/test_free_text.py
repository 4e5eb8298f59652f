"""Free text: length, script, and the words without what identifies."""

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


def test_the_words_remain_without_what_identifies() -> None:
    """With `placeholder` the kind stands in place of what was found, with `redact` the same word everywhere."""
    texts = pa.array(["call 13800138000", "水泵", None])
    assert free_text(texts, "placeholder")[0].to_pylist() == ["call [PHONE]", "水泵", None]
    text, length, language = free_text(texts, "redact")
    assert text.to_pylist() == ["call [redacted]", "水泵", None]
    assert length.to_pylist() == [16, 2, None]
    assert language.to_pylist() == ["latin", "zh", None]
