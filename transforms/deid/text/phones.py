"""Telephone numbers: mainland mobiles and landlines, international ones, and those that a word announces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import phonenumbers

from transforms.deid.text.cues import LINK, NO_DIGIT_AFTER, NO_DIGIT_BEFORE, NO_WORD_BEFORE, another_number, said_before
from transforms.deid.text.spans import Detector, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXTENSION: Final = r"(?:[ \t]{0,2}(?:x|ext\.?|extension|转|分机)[ \t.:：]{0,2}[0-9]{1,6}(?![0-9]))?"
_PREFIX: Final = r"(?:(?:\+|(?<![0-9])00)?[ ]?86[ \-]{0,2})?"
_SECOND: Final = r"(?:3[0-9]|4[014-9]|5[0-35-9]|6[2567]|7[0-8]|8[0-9]|9[0-35-9])"
# The ways in which eleven digits are written in groups; other groupings are more often lists of sizes.
_GROUPS: Final = (
    rf"1{_SECOND}(?:[0-9]{{8}}|[ .\-][0-9]{{4}}[ .\-][0-9]{{4}}|[ .\-][0-9]{{3}}[ .\-][0-9]{{5}}|[ \-][0-9]{{8}}"
    rf"|[0-9][ \-][0-9]{{3}}[ \-][0-9]{{4}}|[0-9][ \-][0-9]{{4}}[ \-][0-9]{{3}}|[0-9]{{4}}[ \-][0-9]{{4}}"
    rf"|[0-9]{{2}}[ \-][0-9]{{3}}[ \-][0-9]{{3}})"
)
_SPREAD: Final = r"1[ ][3-9](?:[ ][0-9]){9}|1-[3-9](?:-[0-9]){9}"
_MOBILE: Final = re.compile(rf"{NO_DIGIT_BEFORE}(?<![0-9][.]){_PREFIX}(?:{_GROUPS}|{_SPREAD}){NO_DIGIT_AFTER}")

_AREA: Final = r"(?:10|2[0-57-9]|[3-9][0-9]{2})"
_LANDLINE: Final = re.compile(
    rf"{NO_DIGIT_BEFORE}(?<![0-9][.\-])(?:(?:\+|00)?86[ \-]{{0,2}}\(?0?{_AREA}\)?|\(0{_AREA}\)|0{_AREA})"
    rf"(?:[ \-]{{0,3}}[2-8][0-9]{{6,7}}|"
    rf"[ \-][2-8][0-9]{{2,3}}[ \-][0-9]{{4}}){NO_DIGIT_AFTER}(?!-[0-9]{{5}})(?:-[0-9]{{1,4}}(?![0-9\-]))?{_EXTENSION}"
)
_SERVICE: Final = re.compile(rf"{NO_DIGIT_BEFORE}(?<!-)[48]00[ \-][0-9]{{3}}[ \-][0-9]{{4}}{NO_DIGIT_AFTER}(?!-)")

_ABROAD: Final = re.compile(
    rf"(?<![0-9+A-Za-z])(?:\+|00)[ ]?[1-9](?:[ .\-()/]{{0,3}}[0-9]){{6,14}}{NO_DIGIT_AFTER}{_EXTENSION}", re.IGNORECASE
)
_AMERICAN: Final = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9][.\-])(?:(?:\+?1|001)[ .\-])?(?:\([2-9][0-9]{2}\) ?|"
    r"[2-9][0-9]{2}[.\-])[0-9]{3}[.\-][0-9]{4}"
    rf"{NO_DIGIT_AFTER}(?![.\-][0-9]){_EXTENSION}",
    re.IGNORECASE,
)
# A number of any form, if a word for telephone stands before it or right behind it.
_NUMBER: Final = re.compile(
    rf"(?<![0-9+])\(?\+?[0-9](?:[ .\-()/]{{0,2}}[0-9]){{5,14}}{NO_DIGIT_AFTER}{_EXTENSION}", re.IGNORECASE
)
_COUNTED: Final = re.compile(r"[ ]?(?:[个只台部件元块万米年%]|毫安|(?:mah|pcs|usd|rmb)(?![a-z]))", re.IGNORECASE)
_CUE: Final = re.compile(
    r"(?:电话|手机|座机|固话|传真|热线|联系方式|拨打|致电|"
    rf"{NO_WORD_BEFORE}(?i:(?:tele)?phone|tel|mobile|mob|cell(?:phone)?|fax|desk|whats ?app|call (?:me )?(?:at|on)|"
    r"(?:text|ring|reach|phone) (?:me )?(?:at|on)|answering at|(?:messages?|sms) (?:to|on)|my registered)(?![A-Za-z]))"
    rf"[.]?{LINK}$"
)
_CUE_WINDOW: Final = 40
_NAMED_AFTER: Final = re.compile(
    r"[ ]?-?[ ]?(?:office|fax|mobile|home|cell|desk)(?=[ \t]*(?:[\n,;.)\\]|$))", re.IGNORECASE
)

# 一三八零零一三八零零零: digits in words, so that programs do not see them.
_SPOKEN: Final = re.compile(
    "(?<![零〇一二三四五六七八九十百千万亿])[一幺壹][三四五六七八九叁肆伍陆柒捌玖]"
    "[零〇一幺二三四五六七八九壹贰叁肆伍陆柒捌玖]{9}"
    "(?![零〇一二三四五六七八九十百千万亿])"
)


def _plain(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    return (Span(found.start(), found.end(), "PHONE") for found in pattern.finditer(text))


def mobiles(text: str) -> Iterator[Span]:
    """Find mainland mobile numbers, whatever word stands before them."""
    return _plain(_MOBILE, text)


def spoken(text: str) -> Iterator[Span]:
    """Find mainland mobile numbers written in Chinese numerals."""
    return _plain(_SPOKEN, text)


def landlines(text: str) -> Iterator[Span]:
    """Find mainland landlines with their area codes, and service numbers."""
    for found in _LANDLINE.finditer(text):
        # Without a separator it is but a number that begins with 0: an order's says so.
        if not (found[0].isdigit() and another_number(text, found.start())):
            yield Span(found.start(), found.end(), "PHONE")
    yield from _plain(_SERVICE, text)


def abroad(text: str) -> Iterator[Span]:
    """Find numbers with a country's code, of a possible length, and those of North America."""
    for found in _ABROAD.finditer(text):
        if end := _possible(found[0]):
            yield Span(found.start(), found.start() + end, "PHONE")
    for found in _AMERICAN.finditer(text):
        if not another_number(text, found.start()):
            yield Span(found.start(), found.end(), "PHONE")


def announced(text: str) -> Iterator[Span]:
    """Find numbers of any form after or before a word for telephone."""
    for found in _NUMBER.finditer(text):
        if _COUNTED.match(text, found.end()):
            continue
        if said_before(_CUE, text, found.start(), _CUE_WINDOW) or _NAMED_AFTER.match(text, found.end()):
            yield Span(found.start(), found.end(), "PHONE")


def _possible(number: str) -> int:
    """Return how much of a number beginning with + or 00 is a possible one; 0: nothing."""
    while number:
        dialled = "+" + number[2:] if number.startswith("00") else number
        try:
            parsed = phonenumbers.parse(dialled.replace("(0)", ""))
        except phonenumbers.NumberParseException:
            parsed = None
        if parsed is not None and phonenumbers.is_possible_number(parsed):
            return len(number)
        # Perhaps a second number follows: try without the last group.
        shorter = re.sub(r"[ .\-()/]+[0-9]+$", "", number)
        if shorter == number:
            break
        number = shorter
    return 0


_GAP: Final = r"[ .\-()/]{0,3}"
DETECTORS: Final = (
    Detector(r"1(?:[ .\-]?[0-9]){10}", mobiles),
    Detector("[一幺壹][三四五六七八九叁肆伍陆柒捌玖][零〇一幺二三四五六七八九壹贰叁肆伍陆柒捌玖]{9}", spoken),
    Detector(r"(?:0|86|[48]00)(?:[ \-()]{0,3}[0-9]){7}", landlines),
    Detector(rf"(?:\+|00)[ ]?[1-9](?:{_GAP}[0-9]){{6}}|[2-9][0-9]{{2}}[)]?[ .\-]?[0-9]{{3}}[.\-][0-9]{{4}}", abroad),
    Detector(r"(?:[0-9][ .\-()/]{0,2}){5}[0-9]", announced),
)
