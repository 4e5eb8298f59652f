"""Identity cards of Hong Kong, Macao and Taiwan."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from transforms.deid.text.checks import is_hong_kong_id, is_taiwan_id
from transforms.deid.text.cues import LINK, NO_WORD_AFTER, NO_WORD_BEFORE, another_number, said_before
from transforms.deid.text.spans import Detector, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_EDGE: Final = rf"{NO_WORD_BEFORE}(?<![0-9A-Za-z][_\-])"
_END: Final = rf"{NO_WORD_AFTER}(?![_\-][0-9A-Za-z])"
_HONG_KONG: Final = re.compile(
    rf"{_EDGE}(?P<head>[A-Za-z]{{1,2}}[ \-]?[0-9]{{3}}[ ]?[0-9]{{3}})"
    rf"(?:[ ]?(?P<open>[(\[])[ ]?[0-9Aa][ ]?[)\]]|(?P<apart>[ \-/]?)[0-9Aa])?{_END}"
)
_TAIWAN: Final = re.compile(rf"{_EDGE}[A-Za-z][ ]?[1289A-Da-d](?:[ \-]?[0-9]){{8}}{_END}")
_WORD: Final = (
    r"(?:身[份分](?:证[明件]?|字)|居[住留民]证|统一证号|(?:香港|台湾|澳门)[ ]?(?i:id)(?![A-Za-z])|"
    r"(?<![A-Za-z])(?i:hk[ _]?id|arc(?= ?(?:card|no|number|号|证))|"
    r"(?:national|identity|hk|hong kong|taiwan|macau) (?:id|card|identity card)|id card)(?![A-Za-z])"
    r"(?: ?(?i:card|no|number))?)"
)
# At once behind its word a number is taken even if its check digit is wrong or left out.
_SAID: Final = re.compile(rf"{_WORD}字?{LINK}[(\[【]?$")
_BEHIND: Final = re.compile(
    r"[ ]?[(]?(?:这个|这张)?[就才也都]?[是为]?(?:[我他她]|本人)?的?(?:香港|台湾|澳门)?(?:居民)?身[份分]证"
)
# With a right one it is enough that the sentence names the card; what stands between must not name another one.
_SENTENCE: Final = re.compile(rf"{_WORD}(?P<between>[^。！？!?\n]{{0,36}})$")
_OTHER_CARD: Final = re.compile(r"护照|通行证|[回还]乡证|台胞证|(?i:passport)")
# One in ten parts' numbers passes Taiwan's check: something must tell of a person or of Taiwan.
_PERSON: Final = re.compile(
    r"(?:身[份分]|证件|证号|台湾|国民|保[险单]|被保|要保|投保|健保|实名|开户|户名|姓名|生日|出生|民国|配偶|户籍|"
    r"收[件货]人|(?:申报|报关|清关)(?!单)|本人|我(?:爸|妈|媽|老公|老婆|先生|太太|[哥姐弟妹])的|"
    r"(?<![A-Za-z])(?i:id|identity|taiwan)(?![A-Za-z]))[^。！？!?\n]{0,36}$"
)
_WINDOW: Final = 60
_MACAO_NUMBER: Final = r"[157](?:/[0-9]{6}/[0-9]|[0-9]{6}(?:[ ]?\([0-9]\)|-?[0-9]))"
_MACAO: Final = re.compile(
    r"(?:澳门[^0-9A-Za-z\n。！？!?，,]{0,6}身[份分]证|(?<![A-Za-z])(?i:(?:macau|macao)(?: resident)? (?:id|identity)"
    rf"(?: card)?|bir)(?![A-Za-z])){LINK}(?P<number>{_MACAO_NUMBER}){NO_WORD_AFTER}"
    rf"|(?:身[份分]证|澳门(?:居民)?){LINK}(?P<bracketed>[157][0-9]{{6}}[ ]?\([0-9]\))"
)


def hong_kong(text: str) -> Iterator[Span]:
    """Find cards of Hong Kong: in brackets with a right check digit, after their word in any way of writing."""
    for found in _HONG_KONG.finditer(text):
        start, end = found.span()
        number = re.sub(r"[^0-9A-Z]", "", found[0].upper())
        right = end > found.end("head") and is_hong_kong_id(number)
        if right and ((found["open"] and _unsaid(text, start)) or _named(text, start, end)):
            yield Span(start, end, "ID")
        elif said_before(_SAID, text, start, _WINDOW):
            yield Span(start, found.end("head") if found["apart"] else end, "ID")


def taiwan(text: str) -> Iterator[Span]:
    """Find cards of Taiwan: with a right check digit where a person is spoken of, others after their word."""
    for found in _TAIWAN.finditer(text):
        start, end = found.span()
        right = is_taiwan_id(re.sub(r"[ \-]", "", found[0]).upper())
        if said_before(_SAID, text, start, _WINDOW) or (
            right
            and (_named(text, start, end) or (_unsaid(text, start) and said_before(_PERSON, text, start, _WINDOW)))
        ):
            yield Span(start, end, "ID")


def macao(text: str) -> Iterator[Span]:
    """Find cards of Macao, which have no check digit, after their word."""
    for found in _MACAO.finditer(text):
        yield Span(*found.span(found.lastgroup or "number"), "ID")


def _unsaid(text: str, start: int) -> bool:
    """Say whether the number may be a person's as it stands: in capitals, and not announced as another thing's."""
    return text[start].isupper() and not another_number(text, start)


def _named(text: str, start: int, end: int) -> bool:
    """Say whether the sentence names an identity card, before the number or right behind it."""
    before = _SENTENCE.search(text, max(0, start - _WINDOW), start)
    named = before is not None and _OTHER_CARD.search(before["between"]) is None
    return (named and not another_number(text, start)) or _BEHIND.match(text, end) is not None


DETECTORS: Final = (
    Detector(r"[A-Za-z][ \-]?[0-9]{3}[ ]?[0-9]{3}(?:[ ]?[(\[]|[ \-/]?[0-9Aa]?(?:[^0-9]|$))", hong_kong, number=True),
    Detector(r"[A-Za-z][ ]?[1289A-Da-d](?:[ \-]?[0-9]){8}", taiwan, number=True),
    Detector(r"(?:澳门|身[份分]证|(?i:macau|macao|bir))(?s:.*)[157](?:/?[0-9]){6}[ ]?[(/\-]?[0-9]", macao, number=True),
)
