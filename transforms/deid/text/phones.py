"""Telephone numbers of the mainland: mobiles, landlines and service numbers, in digits or in Chinese numerals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from transforms.deid.text.cues import NO_DIGIT_AFTER, NO_DIGIT_BEFORE, another_number, numbered, said_before
from transforms.deid.text.spans import Detector, Span
from transforms.deid.text.telephony import EXTENSION, NUMERALS, called, counted, listed, priced, trimmed

if TYPE_CHECKING:
    from collections.abc import Iterator

_GAP: Final = r"(?:[ ]?[.\-·_][ ]?|[ ]{1,2})"
_PREFIX: Final = r"(?:\(?(?:(?:\+|(?<![0-9])00)[ ]?)?86\)?[ \-]{0,3}|(?<![0-9])0(?=1))?"
_SECOND: Final = r"(?:3[0-9]|4[014-9]|5[0-35-9]|6[2567]|7[0-8]|8[0-9]|9[0-35-9])"
# The ways in which eleven digits are written in groups; other groupings are more often lists of sizes.
_GROUPS: Final = (
    rf"1{_SECOND}(?:[0-9]{{8}}|{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}|{_GAP}[0-9]{{3}}{_GAP}[0-9]{{5}}|[ \-][0-9]{{8}}"
    rf"|{_GAP}[0-9]{{5}}{_GAP}[0-9]{{3}}|[ \-][0-9]{{2}}[ \-][0-9]{{2}}[ \-][0-9]{{2}}[ \-][0-9]{{2}}"
    rf"|[0-9][ \-][0-9]{{3}}[ \-][0-9]{{4}}|[0-9][ \-][0-9]{{4}}[ \-][0-9]{{3}}|[0-9]{{4}}[ \-][0-9]{{4}}"
    rf"|[0-9]{{2}}[ \-](?:[0-9]{{3}}[ \-][0-9]{{3}}|[0-9]{{6}})|[0-9]{{3}}[ \-][0-9]{{5}})"
)
_SPREAD: Final = r"1[ ][3-9](?:[ ][0-9]){9}|1-[3-9](?:-[0-9]){9}"
_MOBILE: Final = re.compile(rf"{NO_DIGIT_BEFORE}(?<![0-9][.]){_PREFIX}(?:{_GROUPS}|{_SPREAD}){NO_DIGIT_AFTER}")
# 138OO138OOO: letters in place of noughts, so that programs do not see them.
_LETTERED: Final = re.compile(r"(?<![0-9A-Za-z])1[3-9](?=[0-9]{0,8}[oO])[0-9oO]{9}(?![0-9A-Za-z])")

# Letters right before a number make it a parcel's or an order's, unless they are a word for telephone.
_LETTERS: Final = re.compile(
    r"(?<![A-Za-z])(?!(?:TEL|MOB|MOBILE|PHONE|CELL|FAX|WX|VX|WECHAT|QQ|ID|[MTPHVCWA])$)[A-Z]{1,8}-?$"
)
# 138-0057-4417B is a part's number; 13800574417V says that the number serves on WeChat too.
_PART: Final = re.compile(r"-?[A-PR-UYZa-pr-uyz](?![A-Za-z])")
# HC-2024-13912345678: the last part of a number with letters.
# 13851670294这个是运单号: the word stands behind.
_ANOTHERS: Final = re.compile(
    r"[ ]?[(,，]?(?:这个|这串|这)?[是为](?:[我你]的?|个|一个)?(?:运单|订单|快递|物流|流水|交易|合同|发票|批|货|型|"
    r"料)单?号|"
    r"号(?:运单|订单|快递|合同|发票|工单)"
)
_SERIES: Final = re.compile(r"(?<![A-Za-z])[A-Z]{1,6}-?[0-9]{2,8}-$")
_COUNTER: Final = re.compile(
    r"(?:[?&/](?:page|p|offset|item|item_?id|goods|goods_?id|product|product_?id|sku|sku_?id|order|order_?id|order_?no|"
    r"offer|offer_?id|detail|t|ts|time|timestamp|v|ver)[=/])$",
    re.IGNORECASE,
)

_LINKING: Final = ("=", "/")

_AREA: Final = r"(?:10|2[0-57-9]|[3-9][0-9]{2})"
_LANDLINE: Final = re.compile(
    rf"{NO_DIGIT_BEFORE}(?<![0-9][.\-])(?:\(?(?:\+|00)?86\)?[ \-]{{0,2}}(?:\(0\))?[ ]?\(?0?{_AREA}\)?|"
    rf"\(0{_AREA}\)|0{_AREA})"
    r"(?:[ \-]{0,3}[2-8][0-9]{6,7}|[ \-]{0,3}[2-8][0-9]{2,3}[ \-.][0-9]{4}|[ \-]{1,3}[2-8][0-9]{3}[ \-][0-9]{3}|"
    r"[ \-]{1,3}[2-8][0-9](?:[ \-][0-9]{2}){3})"
    rf"{NO_DIGIT_AFTER}(?!-[0-9]{{5}})(?:-[0-9]{{1,4}}(?![0-9\-]))?{EXTENSION}"
)
_SERVICE: Final = re.compile(
    rf"{NO_DIGIT_BEFORE}(?<![A-Za-z\-])(?:\+?86[ \-])?(?:[48]00[ \-][0-9]{{3}}[ \-][0-9]{{4}}|"
    rf"[48]00[ \-][0-9]{{4}}[ \-][0-9]{{3}}|[48]00[0-9][ \-][0-9]{{3}}[ \-][0-9]{{3}}|[48]00-[0-9]{{7}}|400[0-9]{{7}})"
    rf"{NO_DIGIT_AFTER}(?!-[0-9]{{5}}){EXTENSION}"
)

# 一三八零零一三八零零零, 幺三八 0013 八零零零: digits in words, so that programs do not see them.
_APART: Final = r"[ \-,，、.]?"
_SPOKEN: Final = re.compile(
    rf"(?<![0-9{NUMERALS}十百千万亿])[一幺壹1]{_APART}[三四五六七八九叁肆伍陆柒捌玖3-9]"
    rf"(?:{_APART}[{NUMERALS}0-9]){{9}}(?![0-9{NUMERALS}十百千万亿])"
)
_WORDED: Final = re.compile(rf"[{NUMERALS}](?:{_APART}[{NUMERALS}0-9]){{3}}")
_SPOKEN_CALLED: Final = re.compile(
    rf"(?<![{NUMERALS}])[{NUMERALS}](?:{_APART}[{NUMERALS}]){{6,11}}(?![{NUMERALS}十百千万亿年月])"
)


def mobiles(text: str) -> Iterator[Span]:
    """Find mainland mobile numbers, unless what stands beside makes them an order's, a parcel's or a price."""
    for found in _MOBILE.finditer(text):
        if not _taken(text, found.start(), found.end()):
            yield trimmed(found)


def lettered(text: str) -> Iterator[Span]:
    """Find mainland mobile numbers with letters in place of noughts."""
    for found in _LETTERED.finditer(text):
        if not _taken(text, found.start(), found.end()):
            yield Span(found.start(), found.end(), "PHONE")


def _taken(text: str, start: int, end: int) -> bool:
    """Say whether the number is another thing's."""
    sign = text[max(0, start - 1) : start]
    other = (
        _PART.match(text, end) is not None
        or (sign == "-" and said_before(_SERIES, text, start))
        or (sign in _LINKING and said_before(_COUNTER, text, start))
        or _lettered(text, start)
        or numbered(text, start)
        or priced(text, start, end)
        or _ANOTHERS.match(text, end) is not None
    )
    return other and not called(text, start)


def _lettered(text: str, start: int) -> bool:
    """Say whether capital letters stand right before the number that are no word for telephone."""
    return text[max(0, start - 1) : start].isascii() and said_before(_LETTERS, text, start)


def spoken(text: str) -> Iterator[Span]:
    """Find numbers written in Chinese numerals: mobiles, and others after a word for telephone."""
    for found in _SPOKEN.finditer(text):
        if _WORDED.search(found[0]):
            yield Span(found.start(), found.end(), "PHONE")
    for found in _SPOKEN_CALLED.finditer(text):
        if called(text, found.start()):
            yield Span(found.start(), found.end(), "PHONE")


def landlines(text: str) -> Iterator[Span]:
    """Find mainland landlines with their area codes, service numbers, and numbers that follow them in a list."""
    for found in _LANDLINE.finditer(text):
        # Without a separator it is but a number that begins with 0: an order's says so.
        another = another_number if found[0].isdigit() else numbered
        other = another(text, found.start()) or _lettered(text, found.start())
        if not other or called(text, found.start()):
            yield trimmed(found)
            yield from listed(text, found.end())
    for found in _SERVICE.finditer(text):
        if not (numbered(text, found.start()) or counted(text, found.end())):
            yield Span(found.start(), found.end(), "PHONE")


DETECTORS: Final = (
    Detector(r"1(?:[ .\-·_]*[0-9]){10}", mobiles, number=True),
    Detector(r"1[3-9][0-9oO]{9}", lettered),
    Detector(
        rf"[{NUMERALS}](?:{_APART}[{NUMERALS}0-9]){{3}}",
        spoken,
    ),
    Detector(r"(?:0|86|[48]00)(?:[ .\-()]*[0-9]){7}", landlines, number=True),
)
