"""Chinese names of persons beside the words that usually announce them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from transforms.deid.text.spans import Detector, Span
from transforms.deid.text.surnames import COMMON, COMPOUND, GIVEN, NOT_NAMES, NOT_SURNAMES, SINGLE, TOP

if TYPE_CHECKING:
    from collections.abc import Iterator

_HAN: Final = r"\u4e00-\u9fff"
_TITLE: Final = (
    "先生|女士|小姐|太太|同学|老师|经理|师傅|阿姨|医生|总监|主任|律师|同志|教授|店长|主管|会计|老板|工程师|护士|"
    "校长|厂长|"
    "院长|队长|警官|法官|大夫|博士|部长|科长|处长|局长|书记|秘书|教练|导游|大哥|大姐|叔叔"
)
# What follows a name: no Chinese character, or words that begin the next piece of information.
_NEXT: Final = (
    rf"(?![{_HAN}])|{_TITLE}|电话|手机|身份|证件|地址|住|联系|微信|邮箱|护照|今年|现年|男|女|的|是|在|和|与|及|"
    rf"也|于|已|要|想|来自|来|收|账|卡|开户|"
    "出生|生日|年龄|不|没|未|工号|学号|户籍|公司|本人|转|请|有|我|你|他|她|您|说|说道|称|从|家|先付|付款|购买|"
    "下单|订购|申请|预订|咨询|您好|你好|反映|投诉|表示|反馈|打|提供|通过|因|将|把|被|对|向|还|又|再|去|到|名下|预留|"
    "登记|签|退|换|取|寄|"
    "发|致电|回|负责|那|这|所|昨|今|上周|本周|就|吧|等|代|跟|做|会|下午|上午|（|\\("
)
# Any given name, after a cue with a sign; elsewhere one of a common surname and of characters that names are made of.
_ANY_NAME: Final = (
    rf"(?:(?:{COMPOUND})[{_HAN}]{{1,2}}?(?={_NEXT})|(?:{COMPOUND})[{_HAN}]{{1,2}}"
    rf"|[{SINGLE}][{_HAN}]{{1,3}}?(?={_NEXT})|[{SINGLE}][{_HAN}]{{2}}|[{_HAN}]{{1,6}}(?:[·•][{_HAN}]{{1,8}}){{1,2}})"
)
_LIKELY: Final = rf"(?:{COMPOUND})[{_HAN}]{{1,2}}?(?={_NEXT})|[{COMMON}][{GIVEN}]{{1,2}}?(?={_NEXT})"
_PLAIN_NAME: Final = (
    rf"(?:{_LIKELY}|[{COMMON}][{GIVEN}]{{2}}|[{SINGLE}][{GIVEN}]{{2}}(?={_NEXT})|"
    rf"[{TOP}][{_HAN}]{{1,2}}(?![{_HAN}])|[{_HAN}]{{1,6}}[·•][{_HAN}]{{1,8}})"
)
_CUE: Final = (
    "真实姓名|姓[ ]{0,3}名|联系人|收件人|收货人|寄件人|发件人|取件人|持卡人|开户人|开户名|户名|账户名|法定代表人|"
    "法人代表|法人|户主|乘客|乘车人|"
    "入住人|患者|病人|申请人|投保人|被保险人|经办人|负责人|客户名称|客户姓名|名字|签收人|订购人|报名人|考生|学生|家长|"
    "当事人|委托人|担保人|推荐人|介绍人|受益人|投诉人|举报人|参会人|参展人|署名|收款人|付款人|预订人|预约人|租客|"
    "房东|业主|经手人|审核人|制单人|复核人|验收人|签字人|开票人|经营者|陪同人员|随行人员|同行人员"
)
_SAID: Final = "本人|我叫|我的名字叫|名叫|叫做|我是|这里是|我姓名"
_SIGN: Final = r"(?:[ \t]{0,3}(?:[:：|]|[是为叫](?:[:：])?)[ \t]{0,3}|[ \t]{1,3})"
_LATIN: Final = (
    r"(?:[A-Z][a-z]{1,15}(?:[ ][A-Z][A-Za-z'\-]{0,15}){0,2}|[A-Z]{2,15}[/ ][A-Z]{2,15}(?:[ ](?!(?:MR|MS|MRS)(?![A-Z]))"
    r"[A-Z]{2,15})?)(?![A-Za-z])"
)
# 审核:牛桂芳: at the foot of a form, only with a colon.
_DUTY: Final = "审核|出纳|复核|制单|批准|验收|保管|记账|制表|校对|检验|质检|经手|签字|签名|会计"
_WITH_SIGN: Final = re.compile(
    rf"(?:(?:{_CUE})(?:姓名|名字)?{_SIGN}|[收寄]件:[ ]?)(?P<name>{_ANY_NAME}|{_LATIN})|"
    rf"(?:{_DUTY})员?[ ]?[:：][ ]?(?P<signed>{_PLAIN_NAME})|拼音[ ]?[:：]?[ ]?(?P<spelt>{_LATIN})"
)
_AFTER_CUE: Final = re.compile(
    rf"(?:(?:{_CUE}|{_SAID})(?:姓名|名字)?[是为叫:]?[ \t]{{0,2}}(?P<name>{_PLAIN_NAME})|我叫[ ]?(?P<also>{_LATIN}))"
)
# 客户万晓东要求, 和陈刚不符: a role or a preposition, then a likely name.
_ROLE: Final = (
    "客户|顾客|用户|买家|卖家|员工|同事|业务员|司机|采购员|采购|销售员|销售|会计|助理|店主|老乡|原告|被告|嫌疑人|"
    "儿子|女儿|老公|老婆|妻子|丈夫|"
    "母亲|父亲|爸爸|妈妈|同学|朋友|董事长|总经理|经理|主任|店长|老师|师傅|爱人|家属|孩子|宝宝|亲戚|邻居|班长|队长|"
    "厂长|村民|居民|市民|导师|教练|"
    "护士|医生|律师|代表|财务|"
    "账户|医师|关务|跟单|文员|船员|经营者|老板|哥哥|弟弟|姐姐|妹妹|代理人|先生|女士"
)
_BESIDE: Final = re.compile(
    rf"(?:(?:{_ROLE})[ :]?(?:(?P<name>{_LIKELY}|[{COMMON}][{GIVEN}]{{2}})|(?P<called>[小老][{TOP}])(?=(?![{_HAN}])|"
    r"[说的在来和]))|"
    rf"[和与跟由被向替帮找给、](?P<also>{_LIKELY}))"
)
# 陈晓 13776655443, 邵志刚（身份证…: a likely name where a piece begins, then what belongs to a person.
_FULL: Final = rf"(?:{COMPOUND})[{_HAN}]{{1,2}}|[{COMMON}][{GIVEN}]{{1,2}}"
_BEGINS: Final = rf"(?<![{_HAN}0-9A-Za-z])(?P<name>{_FULL})"
_BESIDE_NUMBER: Final = re.compile(
    rf"{_BEGINS}(?=[ \t]{{0,2}}[(（,，:：、/]?[ \t]{{0,2}}(?:\+?(?:86[ \-]?)?1[3-9][0-9][ \-]?[0-9]{{4}}|"
    r"0[0-9]{2,3}-[0-9]{7}|[1-6][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx]))"
)
_BESIDE_WORD: Final = re.compile(
    rf"{_BEGINS}(?=[ \t]{{0,2}}[(（,，:：、/]?[ \t]{{0,2}}(?:身份证|手机|电话|护照|微信|男(?!装|鞋|款|士)|"
    rf"女(?!装|鞋|款|士|包)|亲?收(?![货到入集取费购藏件发]))|[ ]{{1,2}}[{_HAN}]{{2,4}}[市区县]|"
    rf"[ ,，]{{1,2}}[{_HAN}]{{2,3}}省[{_HAN}])|"
    rf"(?<=[0-9])[ ,，]{{1,2}}(?P<also>{_FULL})(?![{_HAN}])"
)
_WITH_TITLE: Final = re.compile(
    rf"(?P<name>(?:{COMPOUND})[{_HAN}]{{0,2}}|[{COMMON}][{GIVEN}]{{1,2}}|[{TOP}])(?={_TITLE}|"
    rf"(?<=[{_HAN}]{{2}})[ ](?:先生|女士|小姐)|"
    r"[总工](?=[，,。：:、！!？? 回说在好您来让那的报要你也已约刚联]|$))"
    r"(?!女士(?:鞋|包|手|衣|皮|内|香|服|帽|表|裤|裙|长|短|T)|先生(?:鞋|包))"
)
# Rajesh Kulkarni先生.
_LATIN_WITH_TITLE: Final = re.compile(
    r"(?<![A-Za-z])(?P<name>[A-Z][a-z]{1,15}(?:[ ][A-Z][A-Za-z'\-]{1,15}){0,2})[ ]?(?:先生|女士|小姐)"
    r"(?![\u4e00-\u9fff]{0,2}[鞋包香衣服帽表裤裙装])"
)
# 叫我小李就行, 找老王.
_FAMILIAR: Final = re.compile(
    rf"(?:叫我|我是|找|联系|问|告诉|拜托|跟|给|让)(?P<name>[小老][{TOP}]|阿[{GIVEN}])(?=(?![{_HAN}])|"
    r"[就吧吗说来的和啊呢也有在收要拿]|电话|手机|微信|即可)"
)


def named(text: str) -> Iterator[Span]:
    """Find Chinese names after their cues, and Latin ones after a sign."""
    for pattern in (_WITH_SIGN, _AFTER_CUE):
        yield from _names(pattern, text)


def beside(text: str) -> Iterator[Span]:
    """Find likely names after a role or a preposition."""
    return _names(_BESIDE, text)


def holders(text: str) -> Iterator[Span]:
    """Find likely names before numbers that belong to a person."""
    return _names(_BESIDE_NUMBER, text)


def beside_words(text: str) -> Iterator[Span]:
    """Find likely names before words for such a number or an address, and behind a number."""
    return _names(_BESIDE_WORD, text)


def familiar(text: str) -> Iterator[Span]:
    """Find names as colleagues say them."""
    return _names(_FAMILIAR, text)


def _names(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    for found in pattern.finditer(text):
        name = found[found.lastgroup or 0]
        if name not in NOT_NAMES:
            yield Span(*found.span(found.lastgroup or 0), "NAME")


def titled(text: str) -> Iterator[Span]:
    """Find surnames and likely names before a title."""
    for found in _WITH_TITLE.finditer(text):
        start = found.start()
        if found["name"] not in NOT_NAMES and text[max(0, start - 1) : start + 1] not in NOT_SURNAMES:
            yield Span(start, found.end(), "NAME")
    for found in _LATIN_WITH_TITLE.finditer(text):
        yield Span(*found.span("name"), "NAME")


DETECTORS: Final = (
    Detector(rf"{_CUE}|{_SAID}|[收寄]件|拼音|(?:{_DUTY})员?[ ]?[:：]", named),
    Detector(rf"{_ROLE}|[和与跟由被向替帮找给、]", beside),
    Detector(
        r"\p{Han}[ \t(（,，:：、/]*(?:[+]?(?:86[ \-]?)?1[3-9][0-9][ \-]?[0-9]{4}|0[0-9]{2,3}-[0-9]{7}|"
        r"[1-6][0-9]{5}(?:19|20)[0-9]{9})",
        holders,
        number=True,
    ),
    Detector(
        r"\p{Han}[ \t(（,，:：、/]*(?:身份证|手机|电话|护照|微信|男|女|亲?收|[ ,，]\p{Han}+[省市区县])|"
        r"[0-9][ ,，]+\p{Han}",
        beside_words,
    ),
    Detector(r"(?:叫我|我是|找|联系|问|告诉|拜托|跟|给|让)[小老阿]", familiar),
    Detector(rf"{_TITLE}|[总工](?:[，,。：:、！!？? 回说在好您来让那的报要你也已约刚联]|$)", titled),
)
