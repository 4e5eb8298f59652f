"""Names on messengers: WeChat and QQ, after their words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from transforms.deid.text.cues import NO_DIGIT_AFTER, NO_WORD_AFTER
from transforms.deid.text.spans import Detector, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINK: Final = (
    r"[ \t]{0,3}(?:号码|号|账号|帐号|同号|(?i:id|no\.?|number)(?![A-Za-z]))?[ \t]{0,3}"
    r"(?P<sign>[:：=]|[是为加]|(?i:is)(?![A-Za-z]))?[ \t]{0,3}"
)
_WECHAT: Final = re.compile(
    rf"(?:微信|薇信|威信|加[vV]|[vV]信|(?<![A-Za-z])(?i:wechat|weixin|wx|vx|wxid))(?P<named>号)?{_LINK}"
    rf"(?P<name>[A-Za-z][A-Za-z0-9_\-]{{5,19}}|[1-9][0-9]{{5,10}}){NO_WORD_AFTER}(?![@_])"
)
_QQ: Final = re.compile(
    rf"(?:扣扣|企鹅号|(?<![A-Za-z])[qQ]{{1,2}}(?:群)?){_LINK}(?P<name>[1-9][0-9]{{4,10}}){NO_DIGIT_AFTER}(?![A-Za-z@.])"
)


def wechat(text: str) -> Iterator[Span]:
    """Find WeChat names: after a sign or 号 any, else those that no dictionary holds: with a digit or an underscore."""
    for found in _WECHAT.finditer(text):
        name = found["name"]
        if found["sign"] or found["named"] or any(char in "0123456789_" for char in name):
            yield Span(found.start("name"), found.end("name"), "WECHAT")


def qq(text: str) -> Iterator[Span]:
    """Find QQ numbers."""
    return (Span(found.start("name"), found.end("name"), "QQ") for found in _QQ.finditer(text))


DETECTORS: Final = (
    Detector(r"(?i:微信|薇信|威信|加v|v信|wechat|weixin|wx|vx)", wechat),
    Detector(r"(?:扣扣|企鹅号|[Qq])[^0-9\n]{0,9}[0-9]{5}", qq),
)
