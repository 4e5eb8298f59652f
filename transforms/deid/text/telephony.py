"""What detectors of telephone numbers share: words that announce one, extensions, lists, and signs of a price."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from transforms.deid.text.cues import LINK, NO_DIGIT_AFTER, NO_WORD_BEFORE, said_before
from transforms.deid.text.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTENSION: Final = (
    r"(?:(?:[ \t]{0,2}[,，]?[ \t]{0,2}(?:[xX]|(?i:ext\.?|extension)|转接?(?:分机|内线)?号?|分机号?|内线)|[*#])"
    r"[ \t.:：]{0,2}[0-9]{1,6}(?![0-9])|"
    r"[ ]?\((?:转|分机|转分机|内线|(?i:ext\.?|x))(?:号)?[ .:：]{0,2}[0-9]{1,6}\))?"
)
NUMERALS: Final = "零〇一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖"

_CUE: Final = re.compile(
    r"(?=[A-Za-z电手座固传热总联拨请致回来打短小宅直新老旧备我☎📞📱])(?:电[ ]?话|手[ ]?机|手提|座机|固话|传真|"
    r"热线|总机|联系方式|联系号码|拨打|请拨|致电|回电|来电|电联|打给我|短信到|小灵通|"
    r"[☎📞📱]|宅电|直线|联络方式|来电号|固定?线|"
    r"(?:手机|电话|联系|新|老|旧|备用|我的|我)号码?|"
    rf"{NO_WORD_BEFORE}(?i:(?:tele)?phone|tel|mobile|mob|cell(?:phone)?|fax|desk|direct|line|viber|telegram|"
    rf"whats ?app|call (?:me )?(?:at|on)|"
    r"(?:text|ring|reach|phone) (?:me )?(?:at|on)|answering at|(?:messages?|sms) (?:to|on)|my registered)(?![A-Za-z]))"
    rf"[.]?(?:[/、和或](?:手机|微信|传真|电话|短信|(?i:wechat|fax|tel|whats ?app))(?:同号)?)?{LINK}$"
)
# 座机63开头那个停机了，新的是63218847: several words between, and a local number.
_LATER: Final = re.compile(
    r"(?:座机|固话|电话|传真|热线|总机)[^。！？!?\n]{1,28}(?:(?:[新旧]的|现在的?|(?:改|换|变)(?:成|为|到)了?|号码?)"
    r"(?:[是为]|[:：])?[ ]?|区号0[0-9]{2,3}[ ,，、]{0,2})$|"
    r"(?:座机|固话|电话|传真)号?(?:改|换|变)(?:号|新号)?了[ ,，:：]{0,2}$"
)
_LOCAL: Final = re.compile("[2-8][0-9]{6,7}(?![0-9])")
# The Chinese characters with which the pattern above can end: most numbers are told from telephones by one look.
_LAST: Final = frozenset("话机提真线式码打拨电联我到通号是为系叫信：📞📱")
_CUE_WINDOW: Final = 40
_MONEY: Final = (
    r"[ ]?(?:次(?![日数])|套(?!路)|吨|公斤|(?:美|日|欧|港)?元(?![旦月宵])|人民币|块钱|"
    r"(?:rmb|usd|cny|pcs)(?![a-z])|[.][0-9]{1,2}(?![0-9]))"
)
_PRICE: Final = re.compile(_MONEY, re.IGNORECASE)
_COUNTED: Final = re.compile(
    r"[ ]?(?:个(?!人)|[只台部件块万米年%]|元(?![旦月宵])|毫安|件(?!人)|次(?![日数])|套|吨|价|左右|以[内上下]|"
    r"之[间内]|(?:mah|pcs|usd|rmb)(?![a-z]))",
    re.IGNORECASE,
)
_CURRENCY: Final = re.compile(r"[¥$€£][ ]?$")
# A number of any form that may follow another one: `0571-88886666/88886667`.
_LISTED: Final = re.compile(
    rf"[ ]?(?:[/、,，;；]|或者?|和|以及)[ ]?(?P<number>[2-8][0-9]{{6,7}}|"
    rf"[2-8][0-9]{{2,3}}[ \-][0-9]{{4}}){NO_DIGIT_AFTER}"
    rf"(?![ \-.]?[0-9]|[元个台件只万%]){EXTENSION}"
)


def called(text: str, start: int) -> bool:
    """Say whether a word for telephone stands at once before `start`."""
    last = text[start - 1 : start]
    if not last or (last >= "一" and last not in _LAST):
        return False
    return said_before(_CUE, text, start, _CUE_WINDOW)


def called_earlier(text: str, start: int) -> bool:
    """Say whether a local number at `start` is what a telephone mentioned earlier has now: `新的是63218847`."""
    return _LOCAL.match(text, start) is not None and said_before(_LATER, text, start, _CUE_WINDOW)


def priced(text: str, start: int, end: int) -> bool:
    """Say whether a number from `start` up to `end` is an amount of money."""
    return _PRICE.match(text, end) is not None or said_before(_CURRENCY, text, start, 2)


def counted(text: str, end: int) -> bool:
    """Say whether a number that ends at `end` counts or measures something."""
    return _COUNTED.match(text, end) is not None


def listed(text: str, end: int) -> Iterator[Span]:
    """Yield the local numbers that follow a telephone number in a list."""
    while found := _LISTED.match(text, end):
        yield Span(found.start("number"), found.end(), "PHONE")
        end = found.end()


def trimmed(found: re.Match[str]) -> Span:
    """Return the span of a number, without a bracket that opens before it and does not close within."""
    lone = found[0].startswith("(") and ")" not in found[0]
    return Span(found.start() + lone, found.end(), "PHONE")
