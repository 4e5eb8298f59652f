"""Bank cards and accounts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from transforms.deid.text.checks import is_iban, is_luhn
from transforms.deid.text.cues import IMEI, LINK, NO_WORD_AFTER, NO_WORD_BEFORE, another_number, said_before
from transforms.deid.text.spans import Detector, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_CARD: Final = re.compile(rf"{NO_WORD_BEFORE}(?<![0-9][.])[0-9](?:[ \-]?[0-9]){{11,18}}{NO_WORD_AFTER}(?![.][0-9])")
# First digits by issuer, for the lengths at which they are issued.
_ISSUED: Final = re.compile(
    r"3[47][0-9]{13}|(?:4[0-9]{2}|5[1-5][0-9]|2(?:2[2-9]|[3-6][0-9]|7[01])|6[02-9][0-9]|35[2-8])[0-9]{13}"
    r"|(?:62|60|68|69|9[4-9]|4[0-9])[0-9]{15,17}"
)
_CARD_CUE: Final = re.compile(
    r"(?:银行卡|信用卡|储蓄卡|借记卡|卡号|账号|帐号|账户|刷卡|尾号|这张卡|卡|"
    r"(?<![A-Za-z])(?i:cards?|credit|debit|cc|visa|mastercard|amex|unionpay|account|acct))"
    r"[^0-9\n]{0,14}$"
)
_SAID: Final = re.compile(
    rf"(?:(?<![员分物品禁交油饭值游食])卡号?|(?:银行|收款|付款|打款|行[，,:： ]{{1,2}})[账帐][号户]|"
    rf"[\u4e00-\u9fff]{{2}}银行(?=[ :：0-9])|(?i:card number|"
    rf"card no\.?)){LINK}(?P<number>[3-69][0-9]{{3}}(?:[ \-]?[0-9]{{4}}){{3}}(?:[ \-]?[0-9]{{1,3}})?)"
    rf"{NO_WORD_AFTER}"
)
_WORD: Final = re.compile("[卡账帐Cc]|银行")  # without one of them the pattern above cannot match
_IBAN: Final = re.compile(
    rf"{NO_WORD_BEFORE}[A-Za-z]{{2}}[0-9]{{2}}(?:[ ]?[0-9A-Za-z]{{4}}){{2,7}}(?:[ ]?[0-9A-Za-z]{{1,3}})?{NO_WORD_AFTER}"
)


def cards(text: str) -> Iterator[Span]:
    """Find bank cards: Luhn's check, and an issuer's form or a word before it; 16 to 19 digits after their word."""
    for found in _CARD.finditer(text):
        digits = re.sub(r"[ \-]", "", found[0])
        if not is_luhn(digits) or len(set(digits)) == 1 or said_before(IMEI, text, found.start()):
            continue
        if said_before(_CARD_CUE, text, found.start(), 22) or (
            _ISSUED.fullmatch(digits) and not another_number(text, found.start())
        ):
            yield Span(found.start(), found.end(), "CARD")
    if _WORD.search(text) is None:
        return
    for found in _SAID.finditer(text):
        yield Span(found.start("number"), found.end("number"), "CARD")


def ibans(text: str) -> Iterator[Span]:
    """Find international bank account numbers with right check digits."""
    for found in _IBAN.finditer(text):
        number = found[0]
        while number:  # a word may follow that looks like one more group
            if is_iban(number):
                yield Span(found.start(), found.start() + len(number), "IBAN")
                break
            number = number.rpartition(" ")[0]


DETECTORS: Final = (
    Detector(r"[0-9](?:[ \-]?[0-9]){11}", cards, number=True),
    Detector(r"[A-Za-z]{2}[0-9]{2}(?:[ ]?[0-9A-Za-z]{4}){2}", ibans),
)
