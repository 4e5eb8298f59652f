"""Postal addresses: Chinese ones by their parts or after their words, English ones by street and number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from transforms.deid.text.cities import CITY, PROVINCE
from transforms.deid.text.cues import NO_DIGIT_BEFORE
from transforms.deid.text.spans import Detector, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_HAN: Final = r"\u4e00-\u9fff"
_COUNT: Final = r"[0-9A-Za-z一二三四五六七八九十百甲乙丙丁]{1,8}(?:[\-~][0-9A-Za-z]{1,6}){0,3}"
_DOOR: Final = (
    rf"(?:自编|附)?{_COUNT}[ ]?(?:号(?:院|楼|库房?|厂房|仓库?|铺|门(?!口))?|弄|栋|幢|座|单元|层|楼|室|房|户|组|队|"
    r"期|区|梯|铺|门(?!口)|屯|库)"
    r"(?:之(?:[0-9]{1,2}(?![0-9号])|[一二三四五六七八九十]{1,2}))?"
)
# 7-2-903, 5B-2104: building, staircase and room.
_FLAT: Final = r"[A-Za-z]?[0-9]{1,3}[A-Za-z]?(?:-[0-9]{1,4}){1,3}(?![0-9])"
# Up to the street: province, city, district, town, road; then numbers, buildings, rooms.
_STREET: Final = (
    rf"(?:[{_HAN}]{{1,12}}?(?:大道|大街|胡同|街道|社区|[路街道巷弄里村镇乡坊庄屯])"
    rf"(?:[东南西北中一二三四五六七八九十]段)?)"
)
_SITE: Final = (
    rf"(?:[{_HAN}A-Za-z0-9]{{1,10}}?"
    "(?:小区|花园|公寓|大厦|广场|家园|新村|宿舍|中心|国际|名苑|雅苑|苑|府|湾|城|园(?:[东南西北]区)?|庭|邸|"
    "写字楼|大楼|商务楼|办公楼|厂区|城[东南西北]区|商城|商场|市场|酒店|宾馆|医院|学校|大学|公馆|里弄))"
)
_REGION: Final = (
    rf"(?:[{_HAN}]{{2,8}}?(?:省|自治区|特别行政区))?[ ]?(?:[{_HAN}]{{2,8}}?(?:市|自治州|地区|盟))?[ ]?"
    rf"(?:[{_HAN}]{{1,8}}?(?:自治县|新区|[区县旗市]))?[ ]?"
)
_TAIL: Final = (
    rf"(?:[ ,，]?(?:{_DOOR}|{_SITE}{{1,2}}(?:[ ]?{_FLAT}|(?=[ ]?{_COUNT}[ ]?[号栋幢座单层楼室期区]))"
    rf"|(?!电话|联系|收|手机|请|送)[{_HAN}]{{2,8}}?(?:{_FLAT}|(?={_COUNT}(?:号[楼库厂]|栋|幢|座|单元|区)))"
    rf"|[（(][{_HAN}0-9A-Za-z]{{1,12}}[)）])){{0,8}}"
    r"(?:(?<=[元座栋楼幢])[ ]?[0-9]{3,4}(?![0-9]))?"
)
_CUE: Final = (
    "收货地址|家庭地址|家庭住址|详细地址|联系地址|通讯地址|邮寄地址|注册地址|户籍地址|寄送地址|送货地址|"
    "收件地址|现住址|住址|地址|"
    "收货地|厂址|店址|住所|家在|公司在|工厂在|仓库在|店在|位于|坐落于|坐落在|配送到|配送至|寄至|发至|发往|上门到|"
    "户籍地|户籍|家住|我住在|我住|现住|居住在|住在|寄到|寄往|送到|送至|送往|送|发货到|发到|快递到|邮寄到|住"
)
_SIGN: Final = r"[ \t]{0,3}(?:[:：→]|[是为在]|[改换][成为到]了?)?[ \t]{0,3}"
# What an address must have, looked for first: without it no part is tried.
_ENDS: Final = (
    rf"(?=[{_HAN}0-9A-Za-z\-~()（） ]{{0,60}}?"
    "[号弄栋幢座元层楼室房户组队期区梯铺门屯库园寓厦场村舍心际苑府湾城庭邸店馆院校学])"
)
_AFTER_CUE: Final = re.compile(
    rf"(?:{_CUE}){_SIGN}{_ENDS}(?P<place>{_REGION}(?:{_STREET}){{0,3}}(?:{_SITE}){{0,2}}(?:{_DOOR}){_TAIL}|"
    rf"{_REGION}(?:{_STREET}){{1,3}}{_SITE}{_TAIL})"
)
# Without a cue the structure must be complete: a city or a county, a district or a town, a street, a number.
_DISTRICT: Final = rf"[{_HAN}]{{1,6}}?(?:[区县旗]|(?<=[{_HAN}])市)"
_PLACE: Final = rf"(?![我家住寄送发请从在到至往给是])[{_HAN}]"
_COMPLETE: Final = re.compile(
    rf"(?P<place>(?:(?:(?:{PROVINCE})[ ]?)?{CITY}市?[ ]?(?:{_DISTRICT})?|"
    rf"(?:{PROVINCE})[ ]?[{_HAN}]{{2,6}}?[市州县](?:[ ]?{_DISTRICT})?"
    rf"|(?:香港|澳门)(?:特别行政区)?[ ]?(?:(?:九龙|新界|港岛|氹仔)区?)?"
    rf"|(?<![{_HAN}])(?:{_PLACE}){{2,5}}?市[ ]?[{_HAN}]{{1,6}}?[区县市旗]|(?<![{_HAN}])(?:{_PLACE}){{2,3}}[区县])"
    rf"[ ]?(?:{_STREET}{{1,3}}(?:{_SITE})?|{_SITE}){_DOOR}{_TAIL})"
)
# 寿光市圣城东街与兴安路交叉口往南200米路西.
_CROSSING: Final = re.compile(
    rf"(?P<place>(?:(?:{PROVINCE})[ ]?)?{CITY}市?[ ]?(?:{_DISTRICT})?{_STREET}{{1,2}}[与和]{_STREET}"
    r"(?:交叉口|交汇处|交界处|十字路口|路口)(?:[往向]?[东南西北]{1,2}侧?(?:行|走)?(?:[0-9]{1,4}米)?)?(?:路[东南西北])?)"
)
# A street with a number, and then a building or a room.
_ROOM: Final = re.compile(
    rf"(?<![{_HAN}])(?P<place>(?:{_PLACE}){{2,8}}(?:大道|大街|[路街巷弄])[0-9]{{1,5}}(?:弄[0-9]{{1,4}})?号[ ]?(?:"
    rf"{_DOOR}|{_SITE}{_DOOR}){_TAIL})"
)

_SUFFIX: Final = (
    r"(?:street|st|road|rd|avenue|ave|boulevard|blvd|lane|ln|drive|dr|court|ct|square|sq|way|place|pl|terrace|"
    r"parkway|pkwy|"
    r"highway|hwy|crescent|close|row|circle|alley)"
)
_LATIN: Final = r"[A-Za-z\u00c0-\u024f0-9'’.\-]{1,24}"
_ENGLISH: Final = re.compile(
    rf"{NO_DIGIT_BEFORE}(?<![A-Za-z.$€£¥])(?P<place>(?:(?i:room|rm|unit|flat)[. ]{{1,2}}[0-9A-Za-z]{{1,6}},?[ ])?"
    rf"(?:(?i:building|bldg|block|floor)[. ]{{1,2}}[0-9A-Za-z]{{1,4}},?[ ])?(?:(?i:no)[.]?[ ]?)?"
    rf"[0-9]{{1,6}}[A-Za-z]?(?:[\-/][0-9]{{1,5}})?,?[ ](?:{_LATIN}"
    rf"[ ]){{1,4}}(?i:{_SUFFIX})(?![A-Za-z])[.]?"
    rf"(?:,?[ ]{{1,2}}(?i:apt|apartment|suite|unit|floor|fl|room|rm|#)[. ]{{0,2}}[0-9A-Za-z\-]{{1,6}})?"
    rf"(?:,[ ][A-Z][A-Za-z.\u00c0-\u024f\-]{{1,20}}(?:[ ][A-Z][A-Za-z.\-]{{1,20}}){{0,2}}){{0,5}}(?:,?[ ]"
    rf"[A-Z]{{2}}[ ][0-9]{{5}}(?:-[0-9]{{4}})?)?)"
)
_ENGLISH_CUE: Final = re.compile(
    r"(?<![A-Za-z])(?i:(?:home|billing|shipping|delivery|postal|mailing|street)?[ ]?address(?: is|"
    r" of [A-Za-z .]{1,30} is)?[ ]?[:：]?|(?:lives?|living|resides?) at|ship to:?|deliver to:?)"
    r"[ \t]{0,3}\n?[ \t]{0,3}(?P<place>[0-9]{1,6}[A-Za-z]?[ ][A-Za-z\u00c0-\u024f'’.\-]{2,24}(?:[ ]"
    r"[A-Za-z0-9\u00c0-\u024f'’.\-]{1,24}){0,6}"
    r"(?:,[ ][A-Za-z\u00c0-\u024f0-9'’.\-]{1,24}(?:[ ][A-Za-z0-9\u00c0-\u024f'’.\-]{1,24}){0,3}){0,3})"
)


def addresses_said(text: str) -> Iterator[Span]:
    """Find Chinese addresses after their words."""
    return (Span(*found.span("place"), "ADDRESS") for found in _AFTER_CUE.finditer(text))


def complete_addresses(text: str) -> Iterator[Span]:
    """Find Chinese addresses by their parts: city, street and number, or street, number and room."""
    for pattern in (_COMPLETE, _ROOM, _CROSSING) if "口" in text or "交" in text else (_COMPLETE, _ROOM):
        for found in pattern.finditer(text):
            yield Span(*found.span("place"), "ADDRESS")


def english_addresses(text: str) -> Iterator[Span]:
    """Find addresses that begin with a house's number and have a street's word, or follow a cue."""
    for pattern in (_ENGLISH, _ENGLISH_CUE):
        for found in pattern.finditer(text):
            yield Span(found.start("place"), found.end("place"), "ADDRESS")


DETECTORS: Final = (
    Detector(
        r"地址|户籍|住|寄|送|[家司厂库店]在|位于|坐落|[厂店]址|收货地|发货到|发到|发至|发往|快递到",
        addresses_said,
    ),
    Detector(
        r"[0-9A-Za-z一二三四五六七八九十百甲乙丙丁][ ]?(?:[号弄栋幢座层楼室房户组队期区梯铺门屯库]|单元)|"
        "交叉口|交汇处|交界处|路口",
        complete_addresses,
    ),
    Detector(
        rf"(?i:[ ]{_SUFFIX}(?:[^A-Za-z]|$)|address|live|living|reside|ship to|deliver to)",
        english_addresses,
    ),
)
