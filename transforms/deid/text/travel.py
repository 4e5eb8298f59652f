"""Passports, and permits to travel between the mainland, Hong Kong, Macao and Taiwan."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Final

from transforms.deid.text.cues import (
    AND,
    LINK,
    NO_WORD_AFTER,
    NO_WORD_BEFORE,
    REMARK,
    another_number,
    said_before,
    series,
)
from transforms.deid.text.spans import Detector, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_PASSPORT: Final = re.compile(
    rf"{NO_WORD_BEFORE}(?:[EG][0-9]{{8}}|E[A-HJ-NP-Z][0-9]{{7}}){NO_WORD_AFTER}"
    r"(?!-[0-9A-Za-z]|[ ]?(?:这个|这款|这种|的)?(?:型号|货号|料号|产品|零件|配件|订单|电机|批次))"
)
# What other countries give: letters before, between and behind; five digits at least.
_ANY: Final = (
    r"(?:[A-Za-z]{0,2}(?:[ \-]?[0-9]){6,9}(?:[A-Za-z](?![A-Za-z]))?|"
    r"(?=(?:[A-Za-z]{0,3}[0-9]){5})[A-Za-z0-9]{7,10})"
)
_FILLED: Final = r"(?:复印件|扫描件|信息|资料|上|填|写|印|显示|应该?|就|的){0,4}"
_SAID: Final = re.compile(
    rf"(?:护[ ]?照(?![夹套包])|旅券(?:番号)?|여권|(?i:pass[ ]?port))"
    rf"{_FILLED}(?:号码?)?{_FILLED}{LINK}[(\[【]?(?P<number>{_ANY}){NO_WORD_AFTER}"
)
# no=, "cert_no": ": what announces a number of any kind in a log.
_KEY: Final = r"(?:(?i:(?:(?:cert|doc|card|id)_?)?(?:no\.?|num|number|id))[\"']?[ :：=#]{1,3}[\"']?)"
# 护照发来了，号码E1234 5678; passport attached, no. A12345678: with a letter, after more words.
_LATER: Final = re.compile(
    rf"(?:护[ ]?照(?![夹套包])(?P<between>[^0-9A-Za-z。！？!?]{{0,16}}){_KEY}?|(?i:passport)[^0-9\n.!?]{{1,24}}[ ]"
    rf"(?i:no\.?|number)[ :：]{{0,3}})"
    rf"{NO_WORD_BEFORE}(?P<number>[A-Za-z]{{1,2}}(?:[ \-]?[0-9]){{6,9}}(?:[A-Za-z](?![A-Za-z]))?){NO_WORD_AFTER}"
)
# 护照换了，新号码是561203984; type=护照 no=561203984: nine digits, after a word for a number.
_NINE: Final = re.compile(
    rf"护[ ]?照(?P<between>[^0-9A-Za-z。！？!?]{{0,12}}(?:(?<![单编约务执理请])号码?[ ]?[是为:：]{{0,2}}[ ]?|"
    rf"[^0-9A-Za-z]{_KEY}))(?P<number>[0-9]{{9}}){NO_WORD_AFTER}"
)
_NEXT: Final = re.compile(rf"{AND}(?P<number>(?=[0-9]{{0,4}}[A-Za-z]){_ANY}){NO_WORD_AFTER}")
_PASSPORT_BEHIND: Final = re.compile(
    rf"{NO_WORD_BEFORE}(?P<number>[A-Za-z]{{1,2}}[0-9]{{6,8}})[ ]?(?:[(（]|(?:这本|这个)?[就才也都]?[是为]?[我他她]?"
    rf"的?)(?:新|旧)?护照"
)
# C3JK82T5X，护照有效期到2029-03: the next words speak of the passport's dates.
_DATED_BEHIND: Final = re.compile(
    rf"{NO_WORD_BEFORE}(?<![_\-])(?=(?:[A-Z]{{0,3}}[0-9]){{4}})[A-Z][A-Z0-9]{{6,8}}(?=[ ]?[,，][ ]?(?:这本)?护照"
    rf"(?:还?有效|还?没?过期|(?:快|要|就)?(?:到期|过期)|签发|[0-9]{{4}}[年\-./]))"
)

# 回乡证H…, 台胞证…, 通行证C…; vehicles and exhibitions have passes too.
_CUE: Final = (
    r"(?:(?<![车辆货城区园场展会厂员时])通行证|[回还]乡[证卡]|台胞证|同胞证|大通证|双程证|入台证|港澳[证卡]|"
    r"往来港澳|往来台湾|来往内地|来往大陆|"
    r"(?i:travel permit|home[ -]?return permit))"
)
_GAP: Final = r"[ \-]?"
_LETTERED: Final = rf"[CWTLHMcwtlhm][A-HJ-NP-Za-hj-np-z]?(?:{_GAP}[0-9]){{7,10}}(?:\([0-9]{{2}}\))?"
_DIGITS: Final = (
    rf"(?!(?:19|20)[0-9]{{2}}[ \-][01][0-9][ \-])[0-9](?:{_GAP}[0-9]){{7}}(?:{_GAP}[0-9]{{2}})?(?:\([A-Z]\))?"
)
_PERMIT: Final = re.compile(rf"{NO_WORD_BEFORE}(?P<number>{_LETTERED}){NO_WORD_AFTER}")
# A number in a permit's form is one if a permit's word stands before it in the sentence, or right behind it.
_BEFORE: Final = re.compile(rf"{_CUE}[^。！？!?]{{0,36}}$")
_RIGHT_BEFORE: Final = re.compile(rf"{_CUE}[^0-9A-Za-z。，！？!?]{{0,6}}$")
_BEHIND: Final = re.compile(
    rf"[ ]?(?:[(,，]|(?:这个|这张|这本)?[是为]?(?:[我他她]|本人)?的?)[\u4e00-\u9fff]{{0,8}}?{_CUE}"
)
_BEFORE_WINDOW: Final = 48
# Eight digits alone are many things: only near the word, with no word for time or telephone between.
_ONLY_DIGITS: Final = re.compile(
    rf"{_CUE}{REMARK}(?P<between>[^0-9A-Za-z。！？!?]{{0,16}}(?:[0-9]{{1,2}}位(?:数字?|号码?)?[ :：是为]{{0,2}})?"
    rf"(?:(?i:no\.?|number|id)[ :：#]{{0,3}}|{_KEY})?){NO_WORD_BEFORE}"
    rf"(?P<number>{_DIGITS}){NO_WORD_AFTER}"
)
_OTHER: Final = re.compile(
    r"有效|日期|到期|截止|签发|生日|出生|年月|电话|手机|热线|座机|费|价|元|订单|单号|快递|运单|QQ|扣扣|微信"
)
_MORE_DIGITS: Final = re.compile(rf"{AND}(?P<number>{_DIGITS}){NO_WORD_AFTER}")
_DIGITS_BEHIND: Final = re.compile(
    rf"{NO_WORD_BEFORE}(?P<number>{_DIGITS})[ ]?(?:[(,，]|是[我他她]?的?)(?:我的)?{_CUE}"
)


def passports(text: str) -> Iterator[Span]:
    """Find Chinese passports by their form, unless a word says otherwise, and others beside or near their word."""
    for found in itertools.chain(_PASSPORT.finditer(text), _DATED_BEHIND.finditer(text)):
        if not another_number(text, found.start()):
            yield Span(found.start(), found.end(), "PASSPORT")
    for found in _SAID.finditer(text):
        yield Span(*found.span("number"), "PASSPORT")
        yield from (Span(*place, "PASSPORT") for place in series(_NEXT, text, found.end()))
    for found in itertools.chain(_LATER.finditer(text), _NINE.finditer(text)):
        between = found["between"] or ""
        if (
            not _OTHER.search(between)
            and not re.search(_CUE, between)
            and not another_number(text, found.start("number"))
        ):
            yield Span(*found.span("number"), "PASSPORT")
    for found in _PASSPORT_BEHIND.finditer(text):
        yield Span(*found.span("number"), "PASSPORT")


def permits(text: str) -> Iterator[Span]:
    """Find permits by their form in a sentence that names one; those of digits only right beside the word."""
    for found in _PERMIT.finditer(text):
        start, end = found.span("number")
        named = said_before(_BEFORE, text, start, _BEFORE_WINDOW) or _BEHIND.match(text, end)
        if named and (said_before(_RIGHT_BEFORE, text, start) or not another_number(text, start)):
            yield Span(start, end, "TRAVEL_PERMIT")
    for found in _ONLY_DIGITS.finditer(text):
        if not _OTHER.search(found["between"]):
            yield Span(*found.span("number"), "TRAVEL_PERMIT")
            yield from (Span(*place, "TRAVEL_PERMIT") for place in series(_MORE_DIGITS, text, found.end()))
    for found in _DIGITS_BEHIND.finditer(text):
        yield Span(*found.span("number"), "TRAVEL_PERMIT")


DETECTORS: Final = (
    Detector(r"E[A-HJ-NP-Z]?[0-9]{7}|G[0-9]{8}|护[ ]?照|旅券|여권|(?i:pass[ ]?port)", passports),
    Detector(
        r"通行证|[回还]乡[证卡]|台胞证|同胞证|大通证|双程证|入台证|港澳[证卡]|往来港澳|往来台湾|来往内地|"
        r"来往大陆|(?i:permit)",
        permits,
    ),
)
