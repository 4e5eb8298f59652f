"""Telephone numbers of other countries, and numbers of any form beside a word for telephone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import phonenumbers

from transforms.deid.text.cues import NO_DIGIT_AFTER, another_number, numbered, said_before
from transforms.deid.text.spans import NUMBER, Detector, Span
from transforms.deid.text.telephony import EXTENSION, called, called_earlier, counted, listed, trimmed

if TYPE_CHECKING:
    from collections.abc import Iterator

_ABROAD: Final = re.compile(
    rf"(?<![0-9+A-Za-z])\(?(?:\+|00)[ ]?[1-9](?:[ .\-()/]{{0,3}}[0-9]){{6,14}}{NO_DIGIT_AFTER}{EXTENSION}",
    re.IGNORECASE,
)
_DECIMAL: Final = re.compile(r"\+?[0-9]{1,3}[.][0-9]{3,}(?:[, ]+[+\-]?[0-9]{1,3}[.][0-9]{3,})?")
_AMERICAN: Final = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9][.\-])(?:(?:\+?1|001)[ .\-])?(?:\([2-9][0-9]{2}\) ?|"
    r"[2-9][0-9]{2}[.\-])[0-9]{3}[.\-][0-9]{4}"
    rf"{NO_DIGIT_AFTER}(?![.\-][0-9]){EXTENSION}",
    re.IGNORECASE,
)
# Hong Kong, Macao and Taiwan, Japan's and Korea's mobiles, as they are written without a plus.
_NEAR: Final = re.compile(
    r"(?<![0-9A-Za-z\-.+])(?:(?:\(85[23]\)|85[23])[ \-]{1,2}[2-9][0-9]{3}[ \-]?[0-9]{4}|"
    r"(?:\(886\)|886)[ \-]{1,2}0?(?:9[0-9]{2}[ \-]?[0-9]{3}[ \-]?[0-9]{3}|[2-8][ \-][0-9]{3,4}[ \-]?[0-9]{4})|"
    r"09[0-9]{2}(?:-[0-9]{3}-?[0-9]{3}|[ ][0-9]{3}[ ][0-9]{3})|02-[2-8][0-9]{3}-[0-9]{4}|0[1789]0-[0-9]{4}-[0-9]{4})"
    rf"{NO_DIGIT_AFTER}(?![ \-.]?[0-9])"
)
# A number of any form, if a word for telephone stands before it or right behind it.
_NUMBER: Final = re.compile(
    rf"(?<![0-9+])\(?\+?[0-9](?:[ .\-()/·_]{{0,3}}[0-9]){{5,14}}{NO_DIGIT_AFTER}{EXTENSION}", re.IGNORECASE
)
_DATE: Final = re.compile(r"(?:19|20)[0-9]{2}(?:[\-./ ][01]?[0-9][\-./ ][0-3]?[0-9]|[01][0-9][0-3][0-9])(?![0-9])")
# 手机 128 256 512: sizes of a thing that is sold.
_PRODUCT: Final = re.compile(r"(?:手机|电话|座机|手提)[ ]{1,3}$")
_LONG_GROUP: Final = re.compile(r"[0-9]{4}|[+()/]")
_NAMED_AFTER: Final = re.compile(
    r"[ ]?[(]?(?:whats ?app|viber|telegram)(?![a-z])|[ ]?-?[ ]?(?:(?:office|fax|mobile|home|cell|"
    r"desk)(?=[ \t]*(?:[\n,;.)\\]|$))|"
    r"(?:[是为]|这个|这是)?(?:我|他|她|我们|公司|家里?|办公室){0,2}的?(?:电话|座机|固话|传真)(?![机卡线亭费]|"
    r"(?:号码?)?[ ]?(?:[:：是]|\+?[0-9])))",
    re.IGNORECASE,
)
_BETWEEN: Final = re.compile(r"[ ]?/[ ]?|[ ]{1,3}")
_LEAST: Final = 7
_LEAST_WITH_CODE: Final = 11


def abroad(text: str) -> Iterator[Span]:
    """Find numbers with a country's code, of a possible length, and those of North America and near Asia."""
    for found in _ABROAD.finditer(text):
        span = trimmed(found)
        number = text[span.start : span.end]
        if _DECIMAL.match(number) or (number.startswith("00") and _no_call(text, span, number)):
            continue
        if end := _possible(number):
            yield Span(span.start, span.start + end, "PHONE")
    for pattern in (_AMERICAN, _NEAR):
        for found in pattern.finditer(text):
            if not another_number(text, found.start()):
                yield Span(found.start(), found.end(), "PHONE")


def _no_call(text: str, span: Span, number: str) -> bool:
    """Say whether a number that begins with 00 is another thing's, or too short without a word for telephone."""
    short = sum(char.isdigit() for char in number) < _LEAST_WITH_CODE
    return another_number(text, span.start) or (short and not called(text, span.start))


def announced(text: str) -> Iterator[Span]:
    """Find numbers of any form after or before a word for telephone, and those that follow in a list."""
    for found in _NUMBER.finditer(text):
        before = called(text, found.start()) or (
            called_earlier(text, found.start()) and not another_number(text, found.start())
        )
        if not (before or _NAMED_AFTER.match(text, found.end())) or _no_number(text, found):
            continue
        if before:
            span = _first(trimmed(found), text)
            yield span
            yield from listed(text, span.end)
        elif sum(char.isdigit() for char in found[0]) >= _LEAST and not numbered(text, found.start()):
            yield trimmed(found)


def _first(span: Span, text: str) -> Span:
    """Return the first of two numbers that stand with a slash or a space between."""
    for gap in _BETWEEN.finditer(text, span.start, span.end):
        before = sum(char.isdigit() for char in text[span.start : gap.start()])
        behind = sum(char.isdigit() for char in text[gap.end() : span.end])
        if before >= _LEAST and behind >= (1 if "/" in gap[0] else _LEAST):
            return Span(span.start, gap.start(), span.kind)
    return span


def _no_number(text: str, found: re.Match[str]) -> bool:
    """Say whether digits beside a word for telephone are a price, a date, or sizes of one."""
    sized = not _LONG_GROUP.search(found[0]) and said_before(_PRODUCT, text, found.start())
    return sized or counted(text, found.end()) or _DATE.match(found[0]) is not None


def _possible(number: str) -> int:
    """Return how much of a number beginning with + or 00 is a possible one; 0: nothing."""
    while True:
        dialled = number.lstrip("(")
        dialled = "+" + dialled[2:] if dialled.startswith("00") else dialled
        try:
            parsed = phonenumbers.parse(dialled.replace("(0)", ""))
        except phonenumbers.NumberParseException:
            parsed = None
        if parsed is not None and phonenumbers.is_possible_number(parsed):
            return len(number)
        # Perhaps a second number follows: try without the last group.
        shorter = re.sub(r"[ .\-()/]+[0-9]+$", "", number)
        if shorter == number:
            return 0
        number = shorter


_GAP: Final = r"[ .\-()/]*"
DETECTORS: Final = (
    Detector(
        rf"(?:\+|00)[ ]?[1-9](?:{_GAP}[0-9]){{6}}|0[2179][0-9]{{0,2}}-[0-9]{{3,4}}-|08?0-[0-9]{{4}}-|"
        rf"09[0-9]{{2}}(?:[ ][0-9]{{3}}[ ]|-)[0-9]{{3}}|"
        rf"[2-9][0-9]{{2}}[)]?[ .\-]?[0-9]{{3}}[.\-][0-9]{{4}}|"
        r"(?:85[23]|886)[)]?(?:[ \-]*[0-9]){8}",
        abroad,
        number=True,
    ),
    Detector(NUMBER, announced, number=True),
)
