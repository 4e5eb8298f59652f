"""Bring a text into the form that detectors read, and offsets back to the text as it was written."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

from transforms.deid.text.traditional import SIMPLIFIED

if TYPE_CHECKING:
    from collections.abc import Iterable

# Characters that take no room on the screen: people and programs put them inside numbers.
INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u20e3\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef"
)
_INVISIBLE: Final = re.compile(f"[{INVISIBLE}]+")
_LEFT: Final = "，；！？"  # as common in Chinese as words, and in no identifier
_DASHES: Final = "‐‑‒–—―−﹘﹣－⁃➖"


def _plain(char: str) -> str | None:
    """Return the ASCII character that `char` is a form of, if there is one."""
    if char in _DASHES:
        return "-"
    if char == "➕":
        return "+"
    value = unicodedata.digit(char, None)
    if value is not None:
        return str(value)
    if unicodedata.category(char) == "Zs":
        return " "
    if char in _LEFT:
        return None
    form = unicodedata.normalize("NFKC", char)
    return form if len(form) == 1 and form.isascii() and form.isprintable() else None


# Where Unicode keeps such forms; to walk through all of it would take a third of a second at every start.
_BLOCKS: Final = (
    (0x80, 0x3400), (0xA600, 0xAC00), (0xFB00, 0x12000), (0x16A00, 0x16C00), (0x1D400, 0x1D800), (0x1E000, 0x1FC00),
)  # fmt: skip
# Full-width forms, digits of any script, circled and mathematical letters, traditional characters: one for one.
FORMS: Final = SIMPLIFIED | {
    code: form for low, high in _BLOCKS for code in range(low, high) if (form := _plain(chr(code))) is not None
}


def _class(codes: Iterable[int]) -> str:
    """Return code points as the inside of a character class."""
    parts: list[list[int]] = []
    for code in sorted(codes):
        if parts and parts[-1][1] == code - 1:
            parts[-1][1] = code
        else:
            parts.append([code, code])
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in parts)


_TO_CHANGE: Final = re.compile(f"[{_class(FORMS)}{INVISIBLE}]")


class Normal(NamedTuple):
    """A text as detectors read it; `places[i]` is where its character i stood, None: where it stands."""

    text: str
    places: list[int] | None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return start and end in the text as it was written."""
        if self.places is None:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def normal(text: str) -> Normal:
    """Return `text` with plain digits, letters, dashes and spaces, simplified, without what cannot be seen."""
    if text.isascii() or _TO_CHANGE.search(text) is None:
        return Normal(text, None)
    plain = text.translate(FORMS)
    if _INVISIBLE.search(plain) is None:
        return Normal(plain, None)
    places: list[int] = []
    pieces: list[str] = []
    start = 0
    for gap in [*_INVISIBLE.finditer(plain), None]:
        end = gap.start() if gap else len(plain)
        pieces.append(plain[start:end])
        places.extend(range(start, end))
        start = gap.end() if gap else end
    return Normal("".join(pieces), places)
