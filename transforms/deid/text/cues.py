"""Look-arounds and words that several detectors share.

Digits stand right beside Chinese characters, where a word boundary does not see a boundary: every edge is stated in
ASCII.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_DIGIT_BEFORE: Final = r"(?<![0-9])"
NO_DIGIT_AFTER: Final = r"(?![0-9])"
NO_WORD_BEFORE: Final = r"(?<![0-9A-Za-z])"
NO_WORD_AFTER: Final = r"(?![0-9A-Za-z])"

# What stands between a cue and its value: `: `, `是`, ` is `, `号码是：`, `no. `, `（工作）：`, `_no":"` in logs.
REMARK: Final = r"(?:[ \t]?\([^()\n]{1,12}\))?"
LINK: Final = (
    r"[ \t]{0,3}(?:号码|号|编号|账号|帐号|_?(?i:no\.|num\.|(?:numbers?|no|num|id)(?![A-Za-z])))?"
    rf"{REMARK}[ \t]{{0,3}}(?:[是为系叫]|(?i:is|was|are)(?![A-Za-z]))?"
    r"[ \t]{0,2}[\"']?[:：=#|→]{0,2}[ \t]{0,3}\n?[ \t]{0,3}[\"']?"
)
# What stands between two values that share a cue: `、`, `/`, `（旧）和`, `，另一个是`.
AND: Final = (
    rf"{REMARK}[ \t]?(?:[、/,，;；&+|]|和|与|跟|及|或者?|以及|还有)[ \t]?"
    r"(?:另外?|还有|一个|一张|一本|新的?|旧的?|老的?|备用的?|小号|个|是|[:：]){0,4}[ \t]?"
)
IMEI: Final = re.compile(r"(?:串号|串码|设备号|设备码|设备识别码|(?i:imei|meid)[ ]?[12]?)[^0-9\n]{0,10}$")
"""What announces the number of a mobile device, right before it."""
_WINDOW: Final = 16

# Words before a number that is something else: an order, a parcel, a product, an invoice, a version.
_OTHER_NUMBER: Final = re.compile(
    r"(?:订单|单号|运单|快递|物流|流水|交易|批号|批次|货号|型号|编码|条码|序列|合同|发票|票号|版本|工单|案号|"
    r"规格|机身|机型|出厂|钢印|箱号|封号|色号|铭牌|柜号|料号|图号|零件|产品|商品|编号|代码|物料|证书|资产|凭证|回执|学号|工号|会员号|兑换码|激活码|券码|提货码|取件码|款号|"
    r"(?<![A-Za-z])(?i:order|tracking|invoice|sku|model|part|batch|lot|serial|s/n|sn|ref|item|version|ver|"
    r"barcode|ean|upc|hs code|awb))"
    r"[^0-9\n，。；,;]{0,8}$"
)

# The same, when nothing else can be meant: the word itself is that of a number, and the number follows at once.
_NUMBERED: Final = re.compile(
    r"(?:单号|编号|订单|运单|流水|批号|批次|货号|型号|料号|图号|合同|票号|发票|案号|条码|条形码|序列号|交易号|工单|"
    r"编码|代码|"
    r"(?<![A-Za-z])(?i:order|tracking|invoice|sku|s/n|sn|awb|batch|lot|part|model|ref|barcode))"
    r"(?:号码|号|(?i:[ ]?(?:no\.?|number|id)))?[ ]?(?:[是为]|(?i:is))?[ ]?[:：#]?[ ]?[A-Z]{0,4}-?$"
)


def numbered(text: str, start: int) -> bool:
    """Say whether a word for the number of an order, a batch or a model stands at once before `start`."""
    return _NUMBERED.search(text, max(0, start - _WINDOW), start) is not None


def another_number(text: str, start: int) -> bool:
    """Say whether the words right before `start` announce a number of an order, a product or a version."""
    return _OTHER_NUMBER.search(text, max(0, start - _WINDOW), start) is not None


def said_before(cue: re.Pattern[str], text: str, start: int, window: int = _WINDOW) -> bool:
    """Say whether `cue`, which ends in `$`, stands right before `start`."""
    return cue.search(text, max(0, start - window), start) is not None


def series(more: re.Pattern[str], text: str, end: int) -> Iterator[tuple[int, int]]:
    """Yield the places of the values that follow one which ends at `end`, as long as `more`, with `number`, matches."""
    while found := more.match(text, end):
        yield found.span(found.lastgroup or "number")
        end = found.end()


# abc_2026QQ: 12345, li@example.comTEL: 1: the word for the next value, written at once behind this one.
_GLUED: Final = re.compile(r"(?:qq|tel|phone|mob(?:ile)?|e?mail|wechat|[vw]x)$", re.IGNORECASE)
_COLONS: Final = (":", "：")


def unglued(text: str, start: int, end: int) -> int:
    """Return where a value ends, if the word for the next one stands at once behind it and a colon follows."""
    found = _GLUED.search(text, start + 1, end) if text.startswith(_COLONS, end) else None
    return found.start() if found else end
