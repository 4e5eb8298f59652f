"""Numbers that a state gives: resident IDs, codes of organizations, plates, SSNs."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final

from transforms.deid.text.checks import is_credit_code, is_org_code
from transforms.deid.text.cues import (
    AND,
    IMEI,
    LINK,
    NO_DIGIT_BEFORE,
    NO_WORD_AFTER,
    NO_WORD_BEFORE,
    another_number,
    said_before,
    series,
)
from transforms.deid.text.spans import Detector, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROVINCES: Final = frozenset({
    "11", "12", "13", "14", "15", "21", "22", "23", "31", "32", "33", "34", "35", "36", "37",
    "41", "42", "43", "44", "45", "46", "50", "51", "52", "53", "54", "61", "62", "63", "64",
    "65", "71", "81", "82", "83", "91",
})  # fmt: skip
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS: Final = "10X98765432"
_EARLIEST: Final = 1850

_ID18: Final = re.compile(
    rf"{NO_DIGIT_BEFORE}[1-9](?:[ \-]?[0-9]){{5}}[ \-]?(?:1[89]|20)(?:[ \-]?[0-9]){{9}}[ \-]?[0-9Xx×]{NO_WORD_AFTER}"
)
_ID15: Final = re.compile(
    rf"{NO_WORD_BEFORE}[1-9][0-9]{{5}}[ \-]?[0-9]{{2}}[01][0-9][0-3][0-9][ \-]?[0-9]{{3}}{NO_WORD_AFTER}"
)
_ID_CUE: Final = re.compile(
    r"(?:身[份分][证号]|居民证|居[住留]证|证件|公民身份|(?<![A-Za-z])(?i:id(?![a-z])|sfz|resident|"
    r"citizen))[^0-9\n]{0,10}$"
)


# 永居证USA320188021412: a foreigner's card before it had 18 places.
_FOREIGNER: Final = re.compile(
    rf"(?:永居|永久居[留住]|居留)(?:身[份分])?[证卡]?{LINK}(?P<number>[A-Za-z]{{3}}[0-9]{{12}}){NO_WORD_AFTER}"
)


def resident_ids(text: str) -> Iterator[Span]:
    """Find resident IDs: 18 places with a right check digit, or any after their word; 15 with a real date."""
    for found in _ID18.finditer(text):
        number = re.sub(r"[ \-]", "", found[0]).upper().replace("×", "X")
        if is_resident_id(number) or (
            _dated(number[6:14]) and number[:2] in _PROVINCES and said_before(_ID_CUE, text, found.start())
        ):
            yield Span(found.start(), found.end(), "ID")
    for found in _ID15.finditer(text):
        number = re.sub(r"[ \-]", "", found[0])
        if (
            number[:2] in _PROVINCES
            and _dated("19" + number[6:12])
            and not another_number(text, found.start())
            and not said_before(IMEI, text, found.start())
        ):
            yield Span(found.start(), found.end(), "ID")


def foreigners(text: str) -> Iterator[Span]:
    """Find the older cards of foreigners with permanent residence, after their word."""
    return (Span(*found.span("number"), "ID") for found in _FOREIGNER.finditer(text))


def is_resident_id(number: str) -> bool:
    """Say whether 18 places are a resident ID: province, date of birth and check digit.

    The rest of the region is not looked up: regions were founded and dissolved, and a person keeps the number.
    """
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False))
    return number[:2] in _PROVINCES and _dated(number[6:14]) and _CHECKS[total % 11] == number[17]


def _dated(digits: str) -> bool:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).year >= _EARLIEST
    except ValueError:
        return False


_CODE: Final = "0-9A-HJ-NPQRTUWXYa-hj-npqrtuwxy"
_ORG: Final = re.compile(
    rf"{NO_WORD_BEFORE}[1-9A-NYa-ny][0-9A-Ga-gYy][ \-]?[0-9](?:[ \-]?[0-9]){{5}}(?:[ \-]?"
    rf"[{_CODE}]){{10}}{NO_WORD_AFTER}"
)
_ORG_CUE: Final = re.compile(
    r"(?:信用代码|信用码|统一代码|营业执照|税号|纳税人识别号|纳税识别号|(?i:uscc|tax id))[^0-9\n]{0,8}$"
)


# 组织机构代码 69471803-2; a taxpayer's number of 15 places is a region and such a code.
_NINE: Final = r"[0-9A-Za-z]{8}(?:[ ]?-[ ]?)?[0-9Xx]"
_OLD_ORG: Final = re.compile(
    r"(?:机构代[码号]|组织代码|(?i:org(?:[.]|ani[sz]ation)?(?: institution)? code))(?:证书?)?"
    rf"(?:(?P<near>{LINK})|[^0-9A-Za-z\n。！？!?]{{0,14}})(?P<number>{_NINE}){NO_WORD_AFTER}"
)
_MORE_ORGS: Final = re.compile(rf"{AND}(?P<number>{_NINE}){NO_WORD_AFTER}")
_TAXPAYER: Final = re.compile(
    rf"(?:税号|纳税人?识别号|税务登记证?){LINK}(?P<number>[1-6][0-9]{{5}}(?P<code>[0-9A-Za-z]{{8}}[0-9Xx])){NO_WORD_AFTER}"
)
_MOST_LETTERS: Final = 3


def organizations(text: str) -> Iterator[Span]:
    """Find unified social credit codes with a right check character, or after their word."""
    for found in _ORG.finditer(text):
        if is_credit_code(found[0]) or said_before(_ORG_CUE, text, found.start()):
            yield Span(found.start(), found.end(), "ORG_ID")


def old_organizations(text: str) -> Iterator[Span]:
    """Find organization codes of nine places after their word, and taxpayers' numbers made of one."""
    for found in _OLD_ORG.finditer(text):
        if _is_org_code(found["number"]) or (
            found["near"] is not None and sum(char.isalpha() for char in found["number"][:8]) <= _MOST_LETTERS
        ):
            yield Span(*found.span("number"), "ORG_ID")
            for start, end in series(_MORE_ORGS, text, found.end()):
                if _is_org_code(text[start:end]):
                    yield Span(start, end, "ORG_ID")
    for found in _TAXPAYER.finditer(text):
        if _is_org_code(found["code"]):
            yield Span(*found.span("number"), "ORG_ID")


def _is_org_code(written: str) -> bool:
    return is_org_code(re.sub(r"[ \-]", "", written).upper())


_PLACES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_LETTER: Final = "A-HJ-NP-Za-hj-np-z"
_PLATE: Final = re.compile(
    rf"(?<![A-Za-z])[Ww][Jj][ ]?[{_PLACES}][ ·•・.\-]?[0-9]{{4}}[0-9A-Za-z]{NO_WORD_AFTER}|"
    rf"[{_PLACES}][ ]?[{_LETTER}][ ·•・.\-]?(?:[0-9]{{5}}[DFdf]|[DFdf][0-9{_LETTER}][0-9]{{4}}|"
    rf"[0-9{_LETTER}]{{4}}[0-9{_LETTER}挂学警港澳领])"
    rf"{NO_WORD_AFTER}"
)
_SSN: Final = re.compile(
    rf"{NO_WORD_BEFORE}(?<!-)(?!000|666)[0-9]{{3}}-(?!00)[0-9]{{2}}-(?!0000)[0-9]{{4}}{NO_WORD_AFTER}(?!-)"
)
_MIN_DIGITS: Final = 2


def plates(text: str) -> Iterator[Span]:
    """Find number plates of the mainland."""
    for found in _PLATE.finditer(text):
        if sum(char.isdigit() for char in found[0]) >= _MIN_DIGITS:
            yield Span(found.start(), found.end(), "LICENSE_PLATE")


def social_security(text: str) -> Iterator[Span]:
    """Find numbers written as those of American social security."""
    for found in _SSN.finditer(text):
        if not another_number(text, found.start()):
            yield Span(found.start(), found.end(), "SSN")


DETECTORS: Final = (
    Detector(r"[1-9](?:[ \-]?[0-9]){13}", resident_ids, number=True),
    Detector(r"[A-Za-z]{3}[0-9]{12}", foreigners, number=True),
    Detector(
        r"[0-9A-Ya-y][0-9A-Ga-gYy][ \-]?[0-9](?:[ \-]?[0-9]){5}(?:[ \-]?[0-9A-Ya-y]){10}", organizations, number=True
    ),
    Detector(r"机构代|组织代码|税[号务]|纳税|(?i:org[a-z.]*[ ][a-z ]*code)", old_organizations),
    Detector(
        rf"[{_PLACES}][ ]?[A-Za-z][ ·•・.\-]?[0-9A-Za-z]{{4}}|[Ww][Jj][ ]?[{_PLACES}][ ·•・.\-]?[0-9]{{4}}", plates
    ),
    Detector(r"[0-9]{3}-[0-9]{2}-[0-9]{4}", social_security, number=True),
)
