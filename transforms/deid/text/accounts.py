"""Names on messengers: WeChat and QQ, after their words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from transforms.deid.text.cues import NO_DIGIT_AFTER, NO_WORD_AFTER, REMARK
from transforms.deid.text.spans import Detector, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTE: Final = r"[\"'“‘「『【《]?"
_LINK: Final = (
    r"[ \t]{0,3}(?:号码|号|账号|帐号|同号|(?i:id|no\.?|number)(?![A-Za-z]))?"
    rf"{REMARK}[ \t]{{0,3}}(?P<sign>(?:[是为加叫]|就是|是这个|(?i:is)(?![A-Za-z]))?[ ]{{0,2}}[:：=]?){_QUOTE}"
    r"[ \t]{0,3}"
)
_NAME: Final = r"[A-Za-z][A-Za-z0-9_\-]{5,19}|[1-9][0-9]{5,10}"
_END: Final = rf"{NO_WORD_AFTER}(?![@_]|[.][0-9A-Za-z])"
_WECHAT: Final = re.compile(
    r"(?:(?P<mine>(?:我的?|加我?的?|本人|老板|工作)?)(?:微信|薇信|威信|徽信)|[加+](?:我|个|下)?(?:微|薇|威|卫星|"
    r"[vV][xX]?)信?|[vV][ ]?信"
    r"|(?<![A-Za-z0-9])(?i:we ?chat|weixin|wx(?!id)|v[ ]?x)|(?<![A-Za-z0-9])[vV](?=[:：])|"
    r"(?<![\u4e00-\u9fff])[微薇](?=[:：])|[微薇][我❤♥])"
    rf"(?P<asked>(?:上|里)?(?:请?加|搜索?|查找|找|联系|添加)(?:我|一下)?)?(?P<named>号)?{_LINK}(?P<name>{_NAME}){_END}"
)
# 先加微信再说，号是abc_2026: several words between.
_WECHAT_LATER: Final = re.compile(
    rf"(?:微信|薇信|(?<![A-Za-z])(?i:wechat|vx|wx))[^A-Za-z0-9\n。！？@]{{1,14}}(?<![众频务阅单编型版])(?:号码?|账号|"
    rf"(?i:id))[ ]?(?:[是为:：]|叫){{1,2}}[ ]?"
    rf"(?P<name>{_NAME}){_END}"
)
_WXID: Final = re.compile(rf"(?<![A-Za-z0-9_])wxid_[0-9a-z]{{6,20}}{NO_WORD_AFTER}")
_QQ: Final = re.compile(
    r"(?:[扣球秋]{2}|企鹅|微信[/、和或][qQ]{2}|(?<![A-Za-z])[qQ][ ]?[qQ](?:[/、和或]微信)?|"
    r"(?P<single>(?<![A-Za-z])[qQ]))(?:群|上|联系|请?加|搜索?|找)?(?:我|一下)?"
    rf"{_LINK}(?P<name>[1-9](?:[ \-]?[0-9]){{4,10}}){NO_DIGIT_AFTER}(?![A-Za-z@.])"
)
_PROGRAM: Final = re.compile(r"api|sdk|js|pay|ios|android|app|web|pc|open|login|version|v[0-9]", re.IGNORECASE)
_SHORTEST: Final = 7


def wechat(text: str) -> Iterator[Span]:
    """Find WeChat names: after a sign or a request any, else those that no dictionary holds: with a digit or a line."""
    for found in _WECHAT.finditer(text):
        name = found["name"]
        said = found["sign"] or found["named"] or found["asked"] or found["mine"]
        if said or (any(char in "0123456789_" for char in name) and not _PROGRAM.match(name)):
            yield Span(found.start("name"), found.end("name"), "WECHAT")
    for found in _WECHAT_LATER.finditer(text):
        yield Span(found.start("name"), found.end("name"), "WECHAT")
    for found in _WXID.finditer(text):
        yield Span(found.start(), found.end(), "WECHAT")


def qq(text: str) -> Iterator[Span]:
    """Find QQ numbers; after a single Q only longer ones, since steels and seals are called so."""
    for found in _QQ.finditer(text):
        if not found["single"] or found["sign"] or len(found["name"]) >= _SHORTEST:
            yield Span(found.start("name"), found.end("name"), "QQ")


DETECTORS: Final = (
    Detector(
        r"(?i:微信|薇信|威信|徽信|[加+](?:我|个|下)?(?:微|薇|威|卫星|v)|v[ ]?信|we ?chat|weixin|wx|v[ ]?x|v[:：]|"
        r"[微薇][:：我❤♥])",
        wechat,
    ),
    Detector(r"(?:[扣球秋]{2}|企鹅|[Qq])[^0-9\n]*[0-9](?:[ \-]?[0-9]){4}", qq),
)
