"""Dates of birth beside the words that usually announce them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from transforms.deid.text.cues import NO_DIGIT_AFTER, NO_DIGIT_BEFORE, REMARK
from transforms.deid.text.spans import Detector, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_MONTH: Final = (
    r"(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|"
    r"aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)[.]?"
)
_YEAR: Final = r"(?:1[89]|20)[0-9]{2}"
_HAN_DIGIT: Final = "零〇○0一二三四五六七八九"
_HAN_NUMBER: Final = "[一二三四五六七八九十廿卅]"
_MOON: Final = (
    rf"(?:{_HAN_NUMBER}{{1,2}}|[正冬腊]|闰{_HAN_NUMBER}{{1,2}})月(?:初|{_HAN_NUMBER}|廿){_HAN_NUMBER}{{0,2}}[日号]?"
)
# 民国76年5月4日, 民国七十六年, 民国76/05/04: the calendar of the Republic of China, whose year 1 is 1912.
_REPUBLIC: Final = (
    rf"民国[ ]?(?:(?:[0-9]{{1,3}}|元|{_HAN_NUMBER}{{1,4}})[ ]?年(?:[ ]?(?:[01]?[0-9]|{_HAN_NUMBER}{{1,2}})[ ]?月"
    rf"(?:[ ]?(?:[0-3]?[0-9]|{_HAN_NUMBER}{{1,3}})(?:[ ]?[日号])?)?)?|"
    rf"[0-9]{{2,3}}[ ]?[\-./][ ]?[01]?[0-9][ ]?[\-./][ ]?[0-3]?[0-9])"
)
# Whole dates, and years with a month, which stand before or after the word for birth.
_DATE: Final = (
    rf"(?:{_REPUBLIC}|{_YEAR}[ ]?年[ ]?[01]?[0-9][ ]?月(?:份|[ ]?[0-3]?[0-9](?:[ ]?[日号])?)?|"
    rf"{_YEAR}[ ]?[\-./][ ]?[01]?[0-9][ ]?[\-./][ ]?[0-3]?[0-9]"
    rf"|{_YEAR}[01][0-9][0-3][0-9]|[0-3]?[0-9][\-./][0-3]?[0-9][\-./](?:{_YEAR}|[0-9]{{2}})"
    rf"|[0-3]?[0-9][\- ](?:{_MONTH})[\- ](?:{_YEAR}|[0-9]{{2}})"
    rf"|{_MONTH}[ ][0-3]?[0-9](?:st|nd|rd|th)?,?[ ]{_YEAR}|[0-3]?[0-9](?:st|nd|rd|th)?[ ](?:of[ ])?{_MONTH},?[ ]{_YEAR}"
    rf"|(?:1[01][0-9]|[0-9]{{2}})年[01]?[0-9]月(?:[0-3]?[0-9][日号]?)?"
    rf"|(?:{_YEAR}|[{_HAN_DIGIT}]{{2,4}})年(?:{_MOON}|{_HAN_NUMBER}{{1,2}}月(?:{_HAN_NUMBER}{{1,3}}[日号])?))"
)
# After the word also shorter ones: 1990-05, 1990 05 06, 90.5.6, 5月6日, 五月初六, 05-06, 0506, May 6th.
_SHORT: Final = (
    rf"(?:{_YEAR}[ ]?[\-./][ ]?[01]?[0-9](?![0-9\-./])|{_YEAR}[ ][01]?[0-9][ ][0-3]?[0-9]|{_YEAR}[01][0-9]"
    r"|(?:1[01][0-9]|0?[0-9]{2})[\-./][01]?[0-9][\-./][0-3]?[0-9]|[01]?[0-9][ ]?月[ ]?[0-3]?[0-9][ ]?[日号]?"
    rf"|{_MOON}|{_HAN_NUMBER}{{1,2}}月{_HAN_NUMBER}{{1,3}}[日号]?|[01]?[0-9][\-./][0-3]?[0-9](?![0-9\-./%])"
    rf"|(?:0[1-9]|1[0-2])[0-3][0-9]|{_MONTH}[ ](?:{_YEAR}|[0-3]?[0-9](?:st|nd|rd|th)?))"
)
_ONLY_YEAR: Final = rf"(?:{_YEAR}|[{_HAN_DIGIT}]{{4}})年"
_CALENDAR: Final = r"(?:公历|农历|阳历|阴历|旧历|新历|西元|公元)?"
_FILLED: Final = (
    r"(?:一栏|那栏|栏)?(?:应该?|错)?(?:填写?|写|登记|录入|显示|改|更正|误写|误填|选|输入|录)?(?:的?是|[为在于成的])?"
)
_BIRTH: Final = re.compile(
    r"(?:出生(?:日期|年月日?|时间|年份|日)?|出世(?:日期)?|生日|生年月日|生辰(?:八字)?|生于|诞生(?:日期?)?|"
    r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[BD]))(?i:date[ _]?of[ _]?birth|d\.?o\.?b\.?|birth[ _]?(?:day|date)|"
    rf"birth(?=[\"']?[ ]?[:：=|])|born)){REMARK}[ \t]{{0,3}}{_FILLED}(?:(?i:is|on|in|was)(?![A-Za-z]))?"
    rf"[ \t]{{0,3}}[\"']?[:：=|/→🎂]?[ \t]{{0,3}}[(\[\"'“]?{_CALENDAR}(?:(?i:on)[ ])?"
    rf"(?P<date>{_DATE}|{_SHORT}){NO_DIGIT_AFTER}(?![ ]?(?:元|前|之前|岁|个|折|%))"
)
# 生日填错了，我是1990.11.23的: several words between, of which one says that this is the right one.
_RIGHT: Final = re.compile(
    r"(?:出生(?:日期|年月日?)?|生日)(?P<between>[^0-9A-Za-z\n。！？!?，,]{0,8}[，, ]{1,2}(?:我|本人|[他她]|孩子|宝宝|"
    r"应该?|正确|实际|其实|真实|身份证|现在)[^0-9A-Za-z\n。！？!?，,]{0,6}[是为成][ ]?)"
    rf"(?P<date>{_DATE}){NO_DIGIT_AFTER}(?![ ]?(?:前|之前|到|[买定订下发寄收]))"
)
_NO_BIRTH: Final = re.compile(r"[订下]单|发货|收货|有效|到期|活动|蛋糕|入职|注册|[买卖送办会]")
_BORN_IN: Final = re.compile(
    rf"(?<!诞)(?:出生[于在]?|生于)[ \t]{{0,2}}[:：]?[ \t]{{0,2}}(?P<date>{_ONLY_YEAR})(?![0-9{_HAN_DIGIT}十正冬腊])|"
    rf"(?:出生年份|(?i:year of birth|birth ?year))[ ]?[:：是为]{{0,2}}[ ]?(?P<year>{_YEAR}年?)(?![0-9\-./年])|"
    r"(?<![0-9.])(?P<short>[03-9][0-9]年)(?:出生(?!人口|率|证)|生(?=[，。、,. ;；)）]|[的人]|$))"
)
_NOT_LIFE: Final = "产成效日活命肖态意鲜物长存平变根动理育锈铁漆胶丝丁机"
_BORN_AFTER: Final = re.compile(
    rf"{NO_DIGIT_BEFORE}(?P<date>{_DATE}|(?:{_YEAR}|(?<![{_HAN_DIGIT}])[{_HAN_DIGIT}]{{4}})年)[ ]?{REMARK}[ ]?"
    rf"(?:出生(?!人口|率|证)|出世|生(?![{_NOT_LIFE}])|[在于][\u4e00-\u9fff]{{2,10}}(?:出生(?!人口|率|证)|"
    r"生(?=[，。、,. ]|的|人|$)))"
)
# 1990年5月6日是我生日, 5月6号过生日.
_BIRTHDAY: Final = re.compile(
    rf"{NO_DIGIT_BEFORE}(?P<date>{_DATE}|{_MOON}|[01]?[0-9]月[0-3]?[0-9][日号]?){REMARK}"
    r"(?:就?是[我他她你宝孩儿女老妈爸本]?[\u4e00-\u9fff]{0,4}?的?|过|的|(?<=[月日号初十一二三四五六七八九]))生日(?![蛋会宴派聚礼趴])"
)


# 88年3月2日的，属龙.
_ZODIAC: Final = re.compile(
    rf"{NO_DIGIT_BEFORE}(?P<date>{_DATE})的?[ ，,、(]{{0,2}}(?:生肖)?属[鼠牛虎兔龙蛇马羊猴鸡狗猪](?![\u4e00-\u9fff])"
)


def births(text: str) -> Iterator[Span]:
    """Find dates of birth beside their words."""
    behind = "生" in text or "出世" in text
    for pattern in (_BIRTH, _BORN_IN, _BORN_AFTER, _BIRTHDAY) if behind else (_BIRTH, _BORN_IN):
        for found in pattern.finditer(text):
            yield Span(*found.span(found.lastgroup or "date"), "DATE_OF_BIRTH")
    for found in _RIGHT.finditer(text):
        if not _NO_BIRTH.search(found["between"]):
            yield Span(*found.span("date"), "DATE_OF_BIRTH")
    if "属" in text:
        for found in _ZODIAC.finditer(text):
            yield Span(*found.span("date"), "DATE_OF_BIRTH")


DETECTORS: Final = (
    Detector(
        r"(?i:出[生世]|生日|生年|生辰|生于|诞生|birth|born|d\.?o\.?b|"
        r"[0-9日号月年份)一二三四五六七八九十廿卅][ ]{0,2}(?:[在于]\p{Han}+)?生|"
        r"属[鼠牛虎兔龙蛇马羊猴鸡狗猪])",
        births,
    ),
)
