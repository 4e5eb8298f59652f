"""Redaction: what stands in place of personal data."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.deid.text import detect, redact, redaction
from transforms.deid.text.detection import CALM
from transforms.deid.text.normal import normal
from transforms.deid.text.redaction import LONGEST

PLANTS = [
    "13800138000",
    "a@example.com",
    "320102198802144604",
    "沪A12345",
    "QQ:12345678",
    "10.0.0.1",
    "水泵",
    " ",
    "，",
    "call",
]


def one(text: str | None) -> str | None:
    """Redact a single text."""
    result: str | None = redact(pa.array([text], pa.string()))[0].as_py()
    return result


def test_the_requirement_s_example() -> None:
    """A number in a comment becomes a placeholder, the words stay (R-SENS-07)."""
    assert one("call 13800138000") == "call [PHONE]"


def test_the_modes() -> None:
    """Placeholders name the kind, redaction does not, tokens come from the caller."""
    texts = pa.array(["a@example.com 水泵 13800138000", None, "led"])
    assert redact(texts).to_pylist() == ["[EMAIL] 水泵 [PHONE]", None, "led"]
    assert redact(texts, "redact").to_pylist() == ["[redacted] 水泵 [redacted]", None, "led"]
    tokens = redact(texts, "token", lambda kind, value: f"<{kind}:{len(value)}>")
    assert tokens.to_pylist() == ["<EMAIL:13> 水泵 <PHONE:11>", None, "led"]


def test_a_token_function_goes_with_its_mode_only() -> None:
    """Mode token without a function, or a function without the mode, is refused."""
    with pytest.raises(ValueError, match="token"):
        redact(pa.array(["x"]), "token")
    with pytest.raises(ValueError, match="token"):
        redact(pa.array(["x"]), "redact", lambda _, value: value)


def test_a_text_that_is_too_long_becomes_null() -> None:
    """8 KiB pass, one byte more does not, and bytes are counted, not characters."""
    assert one("a" * LONGEST) == "a" * LONGEST
    assert one("a" * (LONGEST + 1)) is None
    assert one("泵" * (LONGEST // 3 + 1)) is None


def test_a_text_that_fails_becomes_null(monkeypatch: pytest.MonkeyPatch) -> None:
    """When detection breaks on a text, its words do not pass, and the other texts do."""

    def broken(text: str) -> list[object]:
        if text.startswith("bad"):
            raise RecursionError
        return list(detect(text))

    monkeypatch.setattr(redaction, "detect", broken)
    assert redact(pa.array(["bad: a@example.com", "good: a@example.com"])).to_pylist() == [None, "good: [EMAIL]"]


CHARACTERS = st.text(
    st.one_of(st.sampled_from("0123456789 -@.:水手机姓名Aa\u00a0\u200b１٣𝟙—"), st.characters(codec="utf-8"))
)


@given(st.lists(st.one_of(CHARACTERS, st.lists(st.sampled_from(PLANTS), max_size=3).map("".join)), max_size=6))
def test_a_column_is_redacted_as_each_text_alone_would_be(texts: list[str]) -> None:
    """The pattern that spares a column's plain texts a closer look spares none that would change."""
    alone = [redaction._redacted(text, "placeholder", None) for text in texts]
    assert redact(pa.array([*texts, None], pa.string())).to_pylist() == [*alone, None]


def test_characters_that_are_spared_a_closer_look_are_in_normal_form() -> None:
    """No calm character is invisible, a form of an ASCII sign, or a digit outside ASCII."""
    every = pa.array([chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000])
    calm = every.filter(pc.match_substring_regex(every, f"^(?s:[{CALM}])$")).to_pylist()
    assert len(calm) > 27_000
    for char in calm:
        assert normal(char).text == char
        assert char.isascii() or not char.isdecimal()


@given(st.lists(st.sampled_from(PLANTS), max_size=10).map("，".join))
def test_redacting_twice_changes_nothing(text: str) -> None:
    """What was redacted holds nothing more to find."""
    once = one(text)
    assert once is not None
    assert one(once) == once


@given(st.text(max_size=80))
def test_no_text_raises(text: str) -> None:
    """Any text becomes a text or null."""
    assert isinstance(one(text), str | None)
