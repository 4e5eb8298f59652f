"""Names on messengers: WeChat and QQ, after their words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from transforms.deid.text.cues import AND, NO_DIGIT_AFTER, NO_WORD_AFTER, NO_WORD_BEFORE, REMARK, series, unglued
from transforms.deid.text.spans import Detector, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTE: Final = r"[\"'“‘「『【《(\[<]?"
_LINK: Final = (
    r"[ \t]{0,3}(?:号码|账号|帐号|联系方式|号|同号|_?(?i:no\.|(?:id|no|number)(?![A-Za-z])))?"
    rf"[吧哈哦呗啊哟]?(?:[0-9ABab一二三](?=[:：]))?{REMARK}[ \t]{{0,3}}(?P<sign>(?:[是为加叫系]|(?:改|换|"
    rf"变)[成为]了?|[填写]的?是?|就是|是这个|这个|(?i:is)(?![A-Za-z]))?"
    rf"[ ]{{0,2}}[\"']?(?:[:：=~→➡☞|/;；\-]|-{{2}}|[.。]{{2,3}}|[👉➜⇒])?)[ ]?{_QUOTE}"
    r"[ \t]{0,3}\n?[ \t]{0,3}"
)
_NEXT_WORD: Final = r"(?!(?i:qq|tim|we ?chat|whats ?app|[vw]x|tel|phone|mob(?:ile)?|e?mail|skype|line)(?![a-z]))"
_NAME: Final = rf"{_NEXT_WORD}[A-Za-z_][A-Za-z0-9_\-]{{5,19}}|[1-9][0-9]{{5,10}}"
_END: Final = rf"{NO_WORD_AFTER}(?![@_]|[.][0-9A-Za-z])"
_HEART: Final = r"[❤♥♡💗💕💖🧡💛💚💙💜☆★心芯]"
# 微信, and how people write it where the word itself is filtered out: 薇信, 卫星, v❤x, 加V. Few products are called so.
_SLANG: Final = (
    rf"[微薇][ .\-]?信|[微薇威徽维][ ]?亻[ ]?言|威信|徽信|维信|(?i:wei|v)[ ]?信|[vV](?:号|我)(?=[ ]?[:：A-Za-z])|"
    rf"(?<=[我私系加])[vV](?=[ ]?[a-z])|[wW][ ]?信|[微薇威][ ]?(?:{_HEART}信?|(?i:xin|x)(?![A-Za-z])|我)|[vV]{_HEART}|"
    rf"(?<![A-Za-z0-9])[vV]{{1,2}}[ ]?(?:{_HEART}|[.+\-])?[ ]?[xX]|(?<![A-Za-z0-9])[wW]{_HEART}?[xX](?!(?i:id))|绿泡泡|"
    r"[加+➕家嘉伽](?:我|个|下|一下|一个)?的?(?:卫星|微信?|薇信?|威信?|[vV][xX]?信?)|"
    r"卫星(?=号|[ ]?[:：]|(?!tv|dvb|gps|hd)(?=[a-z]{1,18}[0-9_])[a-z][a-z0-9_]{5})|"
    r"(?<![A-Za-z0-9])(?:[vV](?=[:：])|[wW](?=[:：][ ]?[A-Za-z]))|(?<![\u4e00-\u9fff])[微薇](?=[:：])"
)
_WECHAT: Final = re.compile(
    rf"(?=[我加本老工薇威徽维微vVwW绿卫+➕家嘉伽])(?:(?P<mine>(?:我[的滴]?|加我?的?|本人|老板|工作)?)"
    rf"(?P<slang>{_SLANG})|"
    r"(?P<latin>(?<![A-Za-z0-9])(?i:we[ \-]?chat|wei[ ]?xin))|[加+➕]我)"
    r"(?P<asked>(?:上|里|的话?)?(?:请?加|搜索?|查找|找|联系|添加|私聊?|咨询|同步)(?:我|一下)?)?"
    rf"(?P<named>号)?{_LINK}(?P<name>{_NAME}){_END}"
)
# 换了，新的; 号被盗，老的: what became of an account, and which one follows.
_CHANGED: Final = (
    r"(?:号码?)?[我的已经刚又也都被]{0,4}(?:换|改|停|丢|盗|封|冻结|注销|不用|登不|掉)[^0-9A-Za-z\n。！？!?@]{0,6}[，, ]"
    r"(?:[新旧老]的|现在的?)[是为叫:：]{0,2}"
)
_SHAPE: Final = r"(?=[A-Za-z_\-]{0,18}[0-9_])(?=[A-Z0-9_\-]{0,8}[a-z])"  # a small letter, and a digit or a line
# 先加微信再说，号是abc_2026; 微信换了，新的abc_2026: several words between.
_WECHAT_LATER: Final = re.compile(
    rf"(?:微信|薇信|(?<![A-Za-z])(?i:wechat|vx|wx))(?:[^A-Za-z0-9\n。！？@]{{1,14}}(?<![众频务阅单编型版])(?:号码?|"
    rf"账号|(?i:id))[ ]?(?:[是为:：]|叫){{1,2}}|{_CHANGED}(?=[ ]?(?!(?i:ipad|iphone|v[0-9])){_SHAPE}))[ ]?"
    rf"(?P<name>{_NAME}){_END}"
)
_LIKELY: Final = rf"{_NEXT_WORD}{_SHAPE}[A-Za-z_][A-Za-z0-9_\-]{{5,19}}"
_OWN_WORDS: Final = r"[^A-Za-z0-9\n。！？@群众程件付频务阅版单]"  # of no group, programme or payment
_ADD: Final = r"[，, 再者或以接请][加搜][我他她索]?[ ]?"
# 加微信聊：abc_2026; 加我微信发图，或者加abc_2026.
_WECHAT_ASKED: Final = re.compile(
    rf"(?:微信|薇信|(?<![A-Za-z])(?i:wechat|vx|wx))(?:{_OWN_WORDS}{{0,14}}{_ADD}|"
    rf"[上里可以请扫码来直接]{{0,4}}(?:加|聊|谈|私聊|搜|找|联系|咨询|沟通|预约|"
    rf"客服)[我吧他她]?[:：][ ]?)(?P<name>{_LIKELY}){_END}"
)
# abc_2026是我微信, abc_2026(微信).
_WECHAT_BEHIND: Final = re.compile(
    r"(?<![A-Za-z0-9_\-@./])(?P<name>(?=[A-Za-z_\-]{0,18}[0-9_])[A-Za-z_][A-Za-z0-9_\-]{5,19})[ ]?[\"”」』】]?[ ]?"
    r"(?:[(\[]|[，,]?(?:这个|这)?[就才也都]?[是为](?:[我他她]|本人|老板)?的?|这个|加我?(?:好友)?)"
    r"(?:[微薇威]信|(?i:we ?chat|vx|wx)(?![A-Za-z])|[vV](?=[)\]]))(?!支付|公众|小程序|群|视频|联系|沟通|[发说聊上])"
)
_WORD_SIGN: Final = re.compile(r"[0-9A-Za-z_\-][ \"”」』】]{0,3}[(\[，,这是为加就才也都][^0-9]{0,8}[信xXvVtT]")
_MORE_WECHAT: Final = re.compile(
    rf"(?:[ ]?(?:[、/]|[，,](?=[a-z_])|和|或者?|以及)[ ]?|(?:{_OWN_WORDS}{{0,6}}[，, ])?[ ，,、]{{0,2}}"
    rf"(?:[大小新旧老]号|[新旧老]的|备用)[是:：]?[ ]?|"
    rf"{_OWN_WORDS}{{0,10}}{_ADD})(?P<number>{_NEXT_WORD}(?=[A-Za-z_\-]{{0,18}}[0-9_])[A-Za-z_][A-Za-z0-9_\-]{{5,19}}){_END}"
)
_WXID: Final = re.compile(rf"(?<![A-Za-z0-9_])wxid_[0-9a-z]{{6,20}}{NO_WORD_AFTER}")
_DIGITS: Final = r"[1-9](?:[ \-]{0,2}[0-9]){4,10}"
_QQ: Final = re.compile(
    r"(?=[扣球秋抠叩丘企鹅🐧微qQ加+➕])(?:[扣球秋抠叩丘][ ]?[扣球秋抠叩丘]|企鹅|鹅号|🐧|微信[/、和或&][qQ]{2}|(?:"
    r"(?<![A-Za-z])[qQ][ .·]?[qQ]|QQ(?=[:：]))(?:[/、和或&]微信)?|"
    r"(?P<asking>[加+➕](?:我|个|下)?[qQ扣球])|"
    r"(?P<single>(?<![A-Za-z])[qQ]|(?<![\u4e00-\u9fff])扣我?))(?:群|上|里面?|好友|在线|联系|请?加|搜索?|"
    r"找|客服|咨询|交流){0,2}(?:我|一下)?"
    rf"{_LINK}(?P<name>{_DIGITS})"
    rf"{NO_DIGIT_AFTER}(?![A-Za-z@.](?![qQvVwW]))(?![.][0-9]|[ ]?(?:个(?!人)|[只件套吨台元包米片]))"
)
_NO_DATE: Final = r"(?!20[0-3][0-9][01][0-9][0-3][0-9](?![0-9]))"
_MORE_QQ: Final = re.compile(
    rf"(?:{AND}(?P<number>{_NO_DATE}[1-9][0-9]{{4,10}})|[ ]{{1,3}}"
    rf"(?P<next>[1-9][0-9]{{7,10}})|[^0-9A-Za-z\n。！？!?@]{{0,6}}[，, ]"
    rf"(?:[新旧老]的|现在的?|[大小新旧老]号)[是为:：]{{0,2}}[ ]?(?P<other>{_NO_DATE}[1-9][0-9]{{4,10}})){NO_WORD_AFTER}"
    rf"(?![@.元个只件台套吨米片包])"
)
# QQ号被盗了，号是490271836; qq换了，新的490271836: several words between.
_QQ_LATER: Final = re.compile(
    rf"(?:(?<![A-Za-z])[qQ]{{2}}|扣扣|企鹅)(?:[^0-9A-Za-z\n。！？@]{{1,12}}(?<![单编型版])(?:号码?|账号)"
    rf"[ ]?[是为:：]{{0,2}}|{_CHANGED})[ ]?(?P<name>{_NO_DATE}[1-9][0-9]{{4,10}}){NO_WORD_AFTER}(?![ ]?[元个只件台套])"
)
# 490271836是我QQ, 490271836(QQ).
_QQ_BEHIND: Final = re.compile(
    rf"{NO_WORD_BEFORE}(?P<name>[1-9][0-9]{{4,10}})[ ]?(?:[(\[]|(?:这个|这)?[就才也都]?[是为](?:[我他她]|本人)?的?|"
    r"这个)[ ]?(?:(?i:qq?)(?![A-Za-z])|[扣球]{2}|企鹅)(?!群发|糖|币|邮箱|[ ]?号?码?[ ]?[:：])"
)
_PROGRAM: Final = re.compile(
    r"(?:api|sdk|js|pay|ios|iphone|android|app|web|pc|open|login|log|version|windows|mac|mini|program|official|"
    r"account|business|number|group|channel|contact|please|only|store|shop|channels|work|user|users|message|"
    r"customer|service|support|payment|available|friend|sharing|share|moments|wallet|token|secret)"
    r"(?![a-z])|v[0-9]",
    re.IGNORECASE,
)
_LETTER_BEFORE: Final = re.compile("[A-Za-z]")
_STANDARD: Final = re.compile("[qQ][/-]")
_SHORTEST: Final = 7


def wechat(text: str) -> Iterator[Span]:
    """Find WeChat names: after a sign, a request or slang any, else those that are no word: with a digit or a line."""
    for found in _WECHAT.finditer(text):
        name, start = found["name"], found.start("name")
        said = found["sign"] or found["named"] or found["asked"] or found["mine"]
        if found["sign"].strip() == "-" and not found["latin"] and found[0][:1].isascii():  # VX-A12345 is a machine
            continue
        if said or _no_word(text, start, name, found["slang"]):
            yield Span(start, unglued(text, start, found.end()), "WECHAT")
            yield from (Span(*place, "WECHAT") for place in series(_MORE_WECHAT, text, found.end()))
    # A look at the one sign spares most texts a search from every word.
    later = (_WECHAT_LATER, _WECHAT_ASKED)
    for pattern in (*later, _WECHAT_BEHIND) if _WORD_SIGN.search(text) else later:
        for found in pattern.finditer(text):
            start, end = found.span("name")
            yield Span(start, unglued(text, start, end), "WECHAT")
    for found in _WXID.finditer(text):
        yield Span(found.start(), found.end(), "WECHAT")


def _no_word(text: str, start: int, name: str, slang: str | None) -> bool:
    """Say whether what stands behind a word for WeChat, without a sign, is a name and not a program or goods."""
    if _PROGRAM.match(name) or "\n" in text[max(0, start - 4) : start]:
        return False
    glued = _LETTER_BEFORE.match(text, max(0, start - 1)) is not None
    if glued and name.upper() == name:  # WX200450 and WXPY-200 are valves
        return False
    if name.isdigit():
        return True
    return (bool(slang) and not glued) or any(char in "0123456789_" for char in name)


def qq(text: str) -> Iterator[Span]:
    """Find QQ numbers; after a single Q only longer ones, since steels and seals are called so."""
    for found in _QQ.finditer(text):
        # Q/320505 is a company's standard, Q235 a steel.
        if not found["single"] or (
            not _STANDARD.match(found[0])
            and (found["sign"] or (len(found["name"]) >= _SHORTEST and found["name"].isdigit()))
        ):
            yield Span(*found.span("name"), "QQ")
            yield from (Span(*place, "QQ") for place in series(_MORE_QQ, text, found.end()))
    for pattern in (_QQ_LATER, _QQ_BEHIND):
        for found in pattern.finditer(text):
            yield Span(*found.span("name"), "QQ")
            yield from (Span(*place, "QQ") for place in series(_MORE_QQ, text, found.end()))


DETECTORS: Final = (
    Detector(
        rf"(?i:[微薇威徽维vwi][ .\-]?信|亻[ ]?言|v[号我]|[加+➕]我|[加+➕家嘉伽](?:我|个|下|一下|一个)?的?(?:微|薇|威|"
        rf"卫星|v)|卫星|we[ \-]?chat|wei[ ]?xin|"
        rf"w{_HEART}?x|v[ ]?(?:{_HEART}|[.+\-])?[ ]?x|v{_HEART}|[vw][:：]|[我私系加]v|[微薇威](?:[ ]?{_HEART}|"
        rf"[ ]?x|[:：我])|绿泡泡|\(v\)|"
        r"\[v\])",
        wechat,
    ),
    Detector(
        r"(?:[扣球秋抠叩丘][ ]?[扣球秋抠叩丘]|企鹅|鹅号|🐧|[加+➕][扣球]|扣[我号是 -~：\n]|[Qq])[ ]*[0-9]?[^0-9]*[0-9]"
        r"(?:[ \-]*[0-9]){4}|"
        r"[0-9][ ]?[(\[这是为就才也都][这个是为就才也都我他她本人的 ]*(?:[Qq扣球]|企鹅)",
        qq,
    ),
)
