"""Free text: how long it is, in which script, and its words without the personal data in them (R-SENS-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc

from transforms.deid.text import redact

if TYPE_CHECKING:
    from transforms.deid.text.redaction import Mode

# The first script that occurs decides: one Han character in an English sentence makes it Chinese, kana makes
# Han Japanese. Cheap, and good enough to count by.
_SCRIPTS = (
    ("ko", r"\p{Hangul}"),
    ("ja", r"[\p{Hiragana}\p{Katakana}]"),
    ("zh", r"\p{Han}"),
    ("ru", r"\p{Cyrillic}"),
    ("ar", r"\p{Arabic}"),
    ("he", r"\p{Hebrew}"),
    ("th", r"\p{Thai}"),
    ("hi", r"\p{Devanagari}"),
    ("el", r"\p{Greek}"),
    ("latin", r"\p{Latin}"),
)


def free_text(values: pa.Array, words: Literal["drop"] | Mode = "drop") -> tuple[pa.Array, pa.Array, pa.Array]:
    """Return (words, length in characters, language by script) of each text; `drop` leaves no words."""
    kept = pa.nulls(len(values), pa.string()) if words == "drop" else redact(values, words)
    return kept, length(values), language(values)


def length(values: pa.Array) -> pa.Array:
    """Return the length of each text in characters."""
    return pc.utf8_length(values).cast(pa.int32())


def language(values: pa.Array) -> pa.Array:
    """Return `zh`, `ja`, `ko`, `ru`, `ar`, …, `latin`, or `other` for digits and signs alone."""
    found = pc.if_else(pc.is_valid(values), pa.scalar("other"), pa.scalar(None, pa.string()))
    ascii_only = pc.all(pc.string_is_ascii(values), min_count=0).as_py()
    for name, pattern in reversed(_SCRIPTS[-1:] if ascii_only else _SCRIPTS):
        found = pc.if_else(pc.fill_null(pc.match_substring_regex(values, pattern), False), name, found)  # noqa: FBT003
    return found
