"""Names of persons and dates of birth after the words that usually announce them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from transforms.deid.text.cues import NO_DIGIT_AFTER, NO_DIGIT_BEFORE
from transforms.deid.text.spans import Detector, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMPOUND: Final = (
    "欧阳|太史|端木|上官|司马|东方|独孤|南宫|万俟|闻人|夏侯|诸葛|尉迟|公羊|赫连|澹台|皇甫|宗政|濮阳|公冶|太叔|"
    "申屠|公孙|慕容|仲孙|钟离|"
    "长孙|宇文|司徒|鲜于|司空|闾丘|令狐|轩辕|呼延|东郭|南门|西门|百里|拓跋|第五|梁丘|左丘"
)
_SINGLE: Final = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳酆鲍史唐费廉岑"
    "薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁杜阮蓝闵席季"
    "麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯昝管卢莫经房裘缪干解应宗丁宣贲邓郁单杭洪包诸左石崔吉钮龚程嵇邢滑裴陆荣翁荀"
    "羊惠甄曲封芮羿储靳汲邴糜松井段富巫乌焦巴弓牧隗山谷车侯宓蓬全郗班仰秋仲伊宫宁仇栾暴甘厉戎祖武符刘景詹束龙叶幸司韶郜黎蓟薄印宿白怀蒲邰从"
    "鄂索咸籍赖卓蔺屠蒙池乔阴胥能苍双闻莘党翟谭贡劳逄姬申扶堵冉宰郦雍却璩桑桂濮牛寿通边扈燕冀郏浦尚农温别庄晏柴瞿阎充慕连茹习宦艾鱼容向古易"
    "慎戈廖庾终暨居衡步都耿满弘匡国文寇广禄阙东欧殳沃利蔚越夔隆师巩厍聂晁勾敖融冷訾辛阚那简饶空曾毋沙乜养鞠须丰巢关蒯相查后荆红游竺权逯盖益"
    "桓公肖付闫代覃佟邸仝苑晋楚青逢涂黑来仉帅展佘冼麦么岳揭"
)
_HAN: Final = r"\u4e00-\u9fff"
_TITLE: Final = "先生|女士|小姐|太太|同学|老师|经理|师傅|阿姨|医生|总监|主任|律师|同志"
# What follows a name: no Chinese character, or words that begin the next piece of information.
_NEXT: Final = (
    rf"(?![{_HAN}])|{_TITLE}|电话|手机|身份|证件|地址|住|联系|微信|邮箱|护照|今年|现年|男|女|的|是|在|和|与|及|"
    rf"也|于|已|要|想|来自|来|收|账|卡|开户|"
    "出生|生日|年龄|不|没|未|工号|学号|户籍|公司|本人|转|请|有|我|你|他|她|您|说|说道|称|从|家|先付|付款|购买|"
    "下单|订购|申请|预订|咨询|您好|你好"
)
_NAME: Final = (
    rf"(?:(?:{_COMPOUND})[{_HAN}]{{1,2}}?(?={_NEXT})|(?:{_COMPOUND})[{_HAN}]{{1,2}}"
    rf"|[{_SINGLE}][{_HAN}]{{1,3}}?(?={_NEXT})|[{_SINGLE}][{_HAN}]{{2}}|[{_HAN}]{{1,6}}[·•][{_HAN}]{{1,8}})"
)
_SIGN: Final = r"[ \t]{0,3}(?:[:：]|[是为叫])?[ \t]{0,3}"
_CUE: Final = (
    "真实姓名|姓名|联系人|收件人|收货人|寄件人|发件人|取件人|持卡人|开户人|开户名|户名|账户名|法定代表人|"
    "法人代表|法人|户主|乘客|乘车人|"
    "入住人|患者|病人|申请人|投保人|被保险人|经办人|负责人|客户名称|客户姓名|名字|本人|我叫|我的名字叫|名叫|"
    "叫做|我是|这里是|签收人|订购人|报名人|考生|学生|家长"
)
_AFTER_CUE: Final = re.compile(rf"(?:{_CUE}|[收寄]件(?=[:：])){_SIGN}(?P<name>{_NAME})")
_WITH_TITLE: Final = re.compile(
    rf"(?:联系|找|致电|打给|拨给|问|叫|给|请|请找|转告|通知|是|跟|和|与|约|[，。：:、；！ ]|"
    rf"^)(?P<name>(?:{_COMPOUND}|[{_SINGLE}])[{_HAN}]{{0,2}}?)"
    rf"(?={_TITLE}|总(?=[，,。：:！!？? ]|$))(?!女士(?:鞋|包|手|衣|皮|内|香|服|帽|表|裤|裙|长|短|T)|先生(?:鞋|包))",
    re.MULTILINE,
)
_COMMON: Final = frozenset({
    "高档", "高级", "时尚", "黄金", "明星", "成熟", "高贵", "成年", "广大", "各位", "全体", "那位",
    "都市", "安全", "平安", "万能", "单身", "何时", "任何", "别的", "高跟", "通用", "向往",
})  # fmt: skip


_WANTED: Final = re.compile(
    rf"(?:联系|找|致电|打给|转告|寄件人|发件人|收件人|收货人|"
    rf"联系人){_SIGN}(?P<name>(?:{_COMPOUND})[{_HAN}]{{1,2}}(?=的)|[{_SINGLE}][{_HAN}]{{1,2}}(?=的)"
    r"|[A-Z][a-z]{1,15}[ ][A-Z][a-z]{1,15}(?:[ ][A-Z][a-z]{1,15})?)"
)


def chinese_names(text: str) -> Iterator[Span]:
    """Find Chinese names after their cues, and before a title where a sentence or a request begins."""
    for pattern in (_AFTER_CUE, _WANTED):
        for found in pattern.finditer(text):
            yield Span(found.start("name"), found.end("name"), "NAME")
    for found in _WITH_TITLE.finditer(text):
        if found["name"] not in _COMMON:
            yield Span(found.start("name"), found.end("name"), "NAME")


_UPPER: Final = r"A-Z\u00c0-\u00d6\u00d8-\u00de\u0100-\u017f\u0386-\u03ab\u0410-\u042f"
_ANY: Final = r"A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff"
_WORD: Final = rf"[{_UPPER}](?:[{_ANY}'’\-]{{1,30}}|[.]?)"
_PARTICLE: Final = r"(?:van|von|de|da|del|della|di|der|den|la|le|el|al|bin|ibn|dos|du)"
_PROPER: Final = rf"{_WORD}(?:[ ](?:{_PARTICLE}[ ]){{0,2}}{_WORD}){{0,3}}(?<![.])"
_ENGLISH_CUE: Final = re.compile(
    r"(?<![A-Za-z])(?:(?i:my (?:full )?name is|(?:i am|i'm) called|this is (?=(?:mr|mrs|ms|dr)\b)|(?:full|first|"
    r"last|maiden|real|sur)[ ]?name(?: is|:)|"
    r"(?<!product )(?<!company )(?<!file )(?<!brand )(?<!item )(?<!user )(?<!model )(?<!host )(?<!domain )"
    r"(?<!trade )(?<!store )(?<!shop )"
    r"name[ ]?[:：]|name on the account\?|contact(?: person)?[ ]?[:：]|attn[.:]{1,2}|attention:|consignee[ ]?:|"
    r"recipient[ ]?:|passenger[ ]?:|patient[ ]?:|"
    r"cardholder(?: name)?[ ]?[:：]|account holder[ ]?[:：]|signed by|best regards,?|kind regards,?|sincerely,?|"
    r"yours truly,?)"
    rf"|Dear)[ \t]{{0,3}}\n?[ \t]{{0,3}}(?:(?i:mr|mrs|ms|miss|dr|prof)[.]?[ ])?(?P<name>{_PROPER})"
)
_TITLED: Final = re.compile(rf"(?<![A-Za-z])(?i:mr|mrs|ms|miss|dr|prof)(?:[.][ ]?|[ ])(?P<name>{_PROPER})")
_LOWER: Final = re.compile(
    r"(?<![A-Za-z])my name is[ ]{1,3}(?P<name>[a-z][a-z'\-]{1,20}(?:[ ](?!and\b|from\b|but\b|my\b|i\b|the\b|"
    r"is\b|in\b|at\b|please\b)[a-z][a-z'\-]{1,20})?)(?![A-Za-z])"
)
_NOT_NAMES: Final = frozenset({
    "Sir", "Madam", "Customer", "Customers", "Team", "All", "Friend", "Friends", "Support",
    "Sirs", "Seller", "Supplier", "Manager", "Sales", "Ms", "Mr", "Mrs", "Dr",
})  # fmt: skip


def english_names(text: str) -> Iterator[Span]:
    """Find names in Latin, Greek or Cyrillic letters after their cues and titles."""
    for pattern in (_ENGLISH_CUE, _TITLED, _LOWER):
        for found in pattern.finditer(text):
            if found["name"].partition(" ")[0] not in _NOT_NAMES:
                yield Span(found.start("name"), found.end("name"), "NAME")


_MONTH: Final = (
    r"(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|"
    r"aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)[.]?"
)
_YEAR: Final = r"(?:1[89]|20)[0-9]{2}"
_DATE: Final = (
    rf"(?:{_YEAR}[ ]?年[ ]?[01]?[0-9][ ]?月(?:[ ]?[0-3]?[0-9][ ]?[日号])?|"
    rf"{_YEAR}[ ]?[\-./][ ]?[01]?[0-9][ ]?[\-./][ ]?[0-3]?[0-9]"
    rf"|{_YEAR}[01][0-9][0-3][0-9]|[0-3]?[0-9][\-./][0-3]?[0-9][\-./](?:{_YEAR}|[0-9]{{2}})"
    rf"|{_MONTH}[ ][0-3]?[0-9](?:st|nd|rd|th)?,?[ ]{_YEAR}|[0-3]?[0-9](?:st|nd|rd|th)?[ ](?:of[ ])?{_MONTH},?[ ]{_YEAR}"
    rf"|[0-9]{{2}}年[01]?[0-9]月[0-3]?[0-9][日号]|"
    rf"[一二零〇九八七六五四三]{{4}}年[一二三四五六七八九十]{{1,2}}月[一二三四五六七八九十]{{1,3}}日)"
)
_BIRTH: Final = re.compile(
    r"(?:出生(?:日期|年月日?|时间)?|生日|生于|诞生|(?<![A-Za-z])(?i:date of birth|d\.?o\.?b\.?|birth ?(?:day|"
    r"date)|born))"
    rf"[ \t]{{0,3}}(?:[:：=]|[是为在于]|(?i:is|on|in|"
    rf"was)(?![A-Za-z]))?[ \t]{{0,3}}(?:(?i:on)[ ])?(?P<date>{_DATE}){NO_DIGIT_AFTER}"
)
_BORN_AFTER: Final = re.compile(rf"{NO_DIGIT_BEFORE}(?P<date>{_DATE})[ ]?(?:出生|生(?![产成效日活命肖态意鲜物]))")


def births(text: str) -> Iterator[Span]:
    """Find dates of birth beside their words."""
    for pattern in (_BIRTH, _BORN_AFTER):
        for found in pattern.finditer(text):
            yield Span(found.start("date"), found.end("date"), "DATE_OF_BIRTH")


DETECTORS: Final = (
    Detector(rf"{_CUE}|{_TITLE}|[收寄]件|总|联系|找|致电|打给|转告", chinese_names),
    Detector(
        r"(?i:\b(?:name|called|contact|attn|attention|consignee|recipient|passenger|patient|holder|signed|"
        r"regards|sincerely|truly|dear|mr|mrs|ms|miss|dr|prof)\b)",
        english_names,
    ),
    Detector(r"(?i:出生|生日|生于|诞生|birth|born|d\.?o\.?b|[0-9日号月][ ]?生)", births),
)
