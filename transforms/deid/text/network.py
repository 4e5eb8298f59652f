"""Addresses of the network and of devices: e-mail, URLs with secrets, IP, MAC, IMEI."""

from __future__ import annotations

import itertools
import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from transforms.deid.text.checks import is_luhn
from transforms.deid.text.cues import (
    AND,
    IMEI,
    LINK,
    NO_WORD_AFTER,
    NO_WORD_BEFORE,
    another_number,
    said_before,
    series,
    unglued,
)
from transforms.deid.text.spans import Detector, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCAL: Final = (
    r"[0-9A-Za-z_\u00c0-\u024f](?:[0-9A-Za-z.!$%'*+^_`{|}~\-\u00c0-\u024f]{0,63}[0-9A-Za-z_+\-\u00c0-\u024f])?"
)
_LABEL: Final = r"[0-9A-Za-z\u00c0-\u024f](?:[0-9A-Za-z\-\u00c0-\u024f]{0,62}[0-9A-Za-z\u00c0-\u024f])?"
_TOP: Final = r"(?:[A-Za-z]{2,24}|xn--[0-9A-Za-z\-]{2,59})"
_KNOWN_TOP: Final = r"(?:com|cn|net|org|edu|gov|hk|tw|io)"
_DOMAIN: Final = rf"(?:{_LABEL}[.]){{1,8}}{_TOP}"
# Typed with a Chinese keyboard, or under a Chinese name: 163。com, 例子.公司.
_CHINESE_DOMAIN: Final = (
    rf"(?:(?:{_LABEL}[.。]){{1,3}}{_KNOWN_TOP}|(?:[0-9A-Za-z\u4e00-\u9fff\-]{{1,20}}[.。]){{1,3}}"
    rf"(?:公司|中国|网络|网址|商城|在线|集团|中文网|{_KNOWN_TOP}))"
)
_AT_DOMAIN: Final = re.compile(rf"[ ]?@[ ]?(?:{_DOMAIN}|{_CHINESE_DOMAIN})(?![0-9A-Za-z])")
_LOCAL_END: Final = re.compile(rf"(?:{_LOCAL})$")
_AT: Final = (
    r"(?:[ ]?(?:[(\[{【<](?:at|@|艾特)[)\]}】>]|#at#|艾特|\(a\))[ ]?|@(?=[0-9A-Za-z\-]{1,40}点)|"
    r"#(?=[0-9A-Za-z\-]{1,40}[.](?:com|cn|net)(?![0-9A-Za-z])))"
)
_DOT: Final = r"(?:[.。点]|[ ]?[(\[{【<](?:dot|点|[.])[)\]}】>][ ]?)"
_MASKED_AT: Final = re.compile(
    rf"{NO_WORD_BEFORE}[0-9A-Za-z._%+\-]{{1,64}}(?:{_AT}(?:{_LABEL}{_DOT}){{1,8}}{_TOP}|"
    rf"[ ]at[ ]{_LABEL}(?:[ ]dot[ ]{_LABEL}){{0,3}}[ ]dot[ ]{_TOP}){NO_WORD_AFTER}",
    re.IGNORECASE,
)
# `邮箱 li88 at example.com`: the sign as a word and the dot as it is, so only after a word for mail, or with a digit.
_AT_SAID: Final = re.compile(
    rf"(?:(?:邮箱|邮件|邮址|电邮|(?i:e-?mail|mail))(?:地址)?[ ]?(?:[是为]|(?i:is|to|me|"
    rf"address))?[ :：=]{{0,3}}|(?<![0-9A-Za-z.])"
    rf"(?=[A-Za-z._\-]{{1,30}}[0-9_]))(?P<mail>[0-9A-Za-z._%+\-]{{3,64}}(?:[ ]at[ ]|[ ]?[★☆※◎圈][ ]?)"
    rf"(?:{_LABEL}[.]){{1,5}}(?:{_KNOWN_TOP})){NO_WORD_AFTER}",
    re.IGNORECASE,
)
# `li88 @ example . com`, `li88@example,com`: a space before the dot, or one comma in its place.
_SPACED_DOMAIN: Final = re.compile(
    rf"[ ]?@[ ]?{_LABEL}(?:(?:[ ]?[.]{_LABEL}){{0,3}}[ ][.][ ]?(?:{_LABEL}[ ]?[.][ ]?)?|[,，。][ ]?|[.][ ])"
    rf"{_KNOWN_TOP}{NO_WORD_AFTER}",
)
_NO_SIGN: Final = re.compile(r"[(\[{【<][a@艾]|#|艾特|[ ]at[ ]|[★☆※◎圈]|@[^@ ]{1,40}点", re.IGNORECASE)
_LONGEST_LOCAL: Final = 65
_FILES: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".pdf", ".css", ".js", ".zip")


def emails(text: str) -> Iterator[Span]:
    """Find e-mail addresses; from each @ outwards, so that a long text without one costs nothing."""
    for found in itertools.chain(_AT_DOMAIN.finditer(text), _SPACED_DOMAIN.finditer(text)):
        if found[0].lower().endswith(_FILES):
            continue
        low = max(0, found.start() - _LONGEST_LOCAL)
        # `git@host:owner/name` is where a program is kept, not who wrote it.
        if (local := _LOCAL_END.search(text, low, found.start())) and not (
            local[0] == "git" and text.startswith(":", found.end())
        ):
            yield Span(local.start(), unglued(text, local.start(), found.end()), "EMAIL")
    if _NO_SIGN.search(text):
        for found in _MASKED_AT.finditer(text):
            yield Span(found.start(), found.end(), "EMAIL")
        for found in _AT_SAID.finditer(text):
            yield Span(*found.span("mail"), "EMAIL")


_URL: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]{1,20}://|www[.])[^\s<>\"'`，。；、！）】》\u4e00-\u9fff]{3,2048}")
# m.example.com/reset?token=…: without a scheme only in this form, which has a query.
_BARE_URL: Final = re.compile(
    r"(?<![0-9A-Za-z@/.\-])(?:[0-9A-Za-z\-]{1,63}[.]){1,5}[A-Za-z]{2,8}"
    r"(?::[0-9]{2,5})?/[^\s<>\"'`，。；、！）】》?\u4e00-\u9fff]{0,256}"
    r"[?][^\s<>\"'`，。；、！）】》\u4e00-\u9fff]{3,1024}"
)
_USERINFO: Final = re.compile(r"[^/?#]*://[^/?#@]{1,256}@")
_SECRET: Final = re.compile(
    r"[?？&#;](?:[a-z0-9]{1,20}[_\-.])*(?:(?:[a-z]{0,10}(?:token|secret|passw(?:or)?d|pwd|sig|signature|"
    r"ticket)|jwt|pass|auth|authorization|(?:api|app|auth|sign|secret|private)key|"
    r"[a-z]{0,8}accesskey(?:id)?|sid|(?-i:[a-z]{1,10}S)ign|"
    r"session(?:_?id)?|jsessionid|phpsessid|sign|otp|credential|verify|openid|unionid)=[^&#]{4,}"
    r"|(?:(?:auth|verify|verification|invite|invitation|activation|access|login|check|reset)?code|key)="
    r"(?=[^&#]{0,64}[0-9])(?=[^&#]{0,64}[a-z])[^&#]{6,})"
    r"|eyJ[a-z0-9_\-]{8,}[.]|/(?:reset|verify|activate|invite|magic|token|"
    r"confirm)[a-z\-]{0,20}/(?=[^/]{0,64}[0-9])[a-z0-9_\-]{16,}",
    re.IGNORECASE,
)


def secret_urls(text: str) -> Iterator[Span]:
    """Find URLs with a user's name and password, or with a token in their query or fragment."""
    for found in itertools.chain(_URL.finditer(text), _BARE_URL.finditer(text)):
        url = found[0].rstrip(".,;:!?？)")
        if _USERINFO.match(url) or _SECRET.search(url):
            yield Span(found.start(), found.start() + len(url), "URL")


_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"(?<![0-9A-Za-z.])(?:{_OCTET}[.。]){{3}}{_OCTET}(?![0-9A-Za-z]|[.][0-9])")
_SPACED_IPV4: Final = re.compile(
    rf"(?i:(?<![a-z])ip)(?:地址|[ ]?address)?[ ]{{0,2}}[是为:：]?[ ]{{0,2}}"
    rf"(?P<ip>(?:{_OCTET}[ ]?[.][ ]?){{3}}{_OCTET})(?![0-9A-Za-z]|[.][0-9])"
)
_VERSION: Final = re.compile(
    r"(?:(?<![A-Za-z])v|版本|(?i:version|ver|firmware|release|build|chrome|safari))[^0-9\n]{0,6}$"
)
# Words that speak of a version or a section, if the number can be one: such do not begin with three digits.
_PROGRAM: Final = re.compile(
    r"(?:固件|见|参照|章|节|升级|更新|补丁|驱动|内核|(?i:driver|sdk|kernel|nginx|app|android|ios))[^0-9\n]{0,6}$"
)
_THREE_DIGITS: Final = re.compile(r"[0-9]{3}")
# 10.0.0.7 - - [17/May/2024…, 10.0.0.7:8443: what stands behind an address in a log.
_LOGGED: Final = re.compile(r"[ ]-[ ][^ ]{1,32}[ ]\[|:[0-9]{2,5}(?![0-9.])")
_SECTION: Final = re.compile(r"[ ]?(?:版(?!权)|[节条款章项](?!目)|(?i:release|build))")
# Network masks, and what no host is called: 0.0.0.0, Edg/145.0.0.0.
_MASK: Final = re.compile(r"255[.]255[.](?!255[.]255)|[0-9]{1,3}[.]0[.]0[.]0$")
_IPV6: Final = re.compile(
    r"(?<![0-9A-Za-z.])(?<![0-9A-Fa-f:][0-9A-Fa-f]:)(?<!::)(?=::|"
    r"[0-9A-Fa-f])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|[0-9.]{7,15})?(?![0-9A-Za-z:]|[.][0-9])"
)
_MIN_GROUPS: Final = 3
# `MAC:00…`, `AC:00…` and `eth0-00…`: what stands before a separator is a part only if it is two digits by themselves.
_NO_PART_BEFORE: Final = (
    r"(?<![0-9A-Za-z])(?<![^0-9A-Za-z][0-9A-Fa-f]{2}[:\-._])(?<!^[0-9A-Fa-f]{2}[:\-._])"
    r"(?<![^0-9A-Za-z][0-9A-Fa-f]{4}[:\-.])(?<!^[0-9A-Fa-f]{4}[:\-.])"
)
_MAC: Final = re.compile(
    rf"{_NO_PART_BEFORE}(?:[0-9A-Fa-f]{{2}}(?P<sign>[:\-._])(?:[0-9A-Fa-f]{{2}}(?P=sign)){{4}}[0-9A-Fa-f]{{2}}|"
    r"[0-9A-Fa-f]{4}(?P<group>[.\-:])[0-9A-Fa-f]{4}(?P=group)[0-9A-Fa-f]{4})"
    r"(?![0-9A-Za-z]|[:\-._][0-9A-Fa-f]{2}(?![0-9A-Za-z]))"
)
_TWELVE: Final = (
    r"[0-9A-Fa-f]{6}[\-:]?[0-9A-Fa-f]{6}|[0-9A-Fa-f]{2}(?:[ ]?[:\-：][ ]?[0-9A-Fa-f]{2}|[ ][0-9A-Fa-f]{2}){5}"
)
_MAC_SAID: Final = re.compile(
    r"(?:(?i:(?<![a-z])(?:wlan|eth|wi-?fi|bt|lan|device)?[_ ]?mac)[_ ]?(?:地址|(?i:address|addr|id|no\.?))?[码号]?|"
    r"(?i:bssid)|(?:物理|硬件|网卡|蓝牙|机器|以太网|无线|有线|设备|(?i:wi-?fi))(?:地址|网卡|(?i:mac)地?址?)|网卡)"
    r"(?:号码?)?[ ]?(?:\([^()\n]{1,8}\))?[ \t]?(?P<words>[\u4e00-\u9fff]{1,8}?)?[\"']?[ :：=是为]{0,4}[\"'(\[【]?"
    rf"(?P<number>{_TWELVE}){NO_WORD_AFTER}"
)
_USUAL: Final = (":", "-")
_MORE_MACS: Final = re.compile(rf"{AND}(?P<number>{_TWELVE}){NO_WORD_AFTER}")


def ips(text: str) -> Iterator[Span]:
    """Find addresses of IPv4 that are no network mask and no version or section, and of IPv6."""
    for found in _IPV4.finditer(text):
        if not (_versioned(text, *found.span()) or _SECTION.match(text, found.end()) or _MASK.match(found[0])):
            yield Span(found.start(), found.end(), "IP")
    for found in _SPACED_IPV4.finditer(text):
        if not _MASK.match(found["ip"].replace(" ", "")):
            yield Span(found.start("ip"), found.end("ip"), "IP")
    for found in _IPV6.finditer(text):
        groups = [group for group in re.split("[:.]", found[0]) if group]
        named = any(char.isdigit() for char in found[0]) or len(groups) > _MIN_GROUPS
        if not named or (len(groups) == 1 and len(found[0]) < len("fe80::")):
            continue
        if _is_ip(found[0]):
            yield Span(found.start(), found.end(), "IP")


def _versioned(text: str, start: int, end: int) -> bool:
    """Say whether four numbers with dots are what a program or a section is counted by."""
    if said_before(_VERSION, text, start):
        return True
    address = _THREE_DIGITS.match(text, start) is not None or _LOGGED.match(text, end) is not None
    return not address and said_before(_PROGRAM, text, start)


def _is_ip(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True


def macs(text: str) -> Iterator[Span]:
    """Find MAC addresses; without separators only after their word."""
    for found in _MAC.finditer(text):
        # Three groups of four digits joined by dashes are more often a part's number.
        plain = found["group"] == "." or found["sign"] in _USUAL
        if plain or any(char.isalpha() for char in found[0]):
            yield Span(found.start(), found.end(), "MAC")
    for found in _MAC_SAID.finditer(text):
        if found["words"] and found["number"].isdigit():  # MAC口红 123456789012
            continue
        yield Span(*found.span("number"), "MAC")
        yield from (Span(*place, "MAC") for place in series(_MORE_MACS, text, found.end()))


_IMEI: Final = re.compile(
    rf"(?:{NO_WORD_BEFORE}|(?<=(?<![A-Za-z])(?i:imei)))[0-9](?:[ \-]?[0-9]){{14,16}}{NO_WORD_AFTER}"
)
_MEID: Final = re.compile(
    rf"(?<![A-Za-z])(?i:meid){LINK}(?P<number>(?=[A-Fa-f]{{0,3}}[0-9])[0-9A-Fa-f]{{14}}){NO_WORD_AFTER}"
)
# 35-918207-461930-8 就这个IMEI: the word behind, and no number of its own.
_IMEI_BEHIND: Final = re.compile(
    r"[ ]?[(，,]?[ ]?(?:这个|这串|这|就|才|是|为|我|手机|的){0,5}[ ]?(?:(?i:imei)(?![A-Za-z])|串号|串码|设备识别码)"
    r"(?![ ]?[12]?[ ]?[号码]{0,2}[ ]?(?:[:：=]|[是为]?[ ]?[0-9]))"
)
_IMEI_HEAD: Final = re.compile(r"([0-9]{15})[ ]")
_IMEI_DIGITS: Final = 15


def imeis(text: str) -> Iterator[Span]:
    """Find numbers of mobile devices: 15 to 17 digits after their word, or 15 of a common maker with Luhn's check."""
    for found in _IMEI.finditer(text):
        number = found[0]
        head = _IMEI_HEAD.match(number)
        if head is not None and is_luhn(head[1]):
            number = head[1]  # and a count behind it: 860738054916279 1台
        digits = re.sub(r"[ \-]", "", number)
        made = len(digits) == _IMEI_DIGITS and digits[:2] in {"35", "86"} and is_luhn(digits)
        if (
            said_before(IMEI, text, found.start())
            or (made and not another_number(text, found.start()))
            or (len(digits) == _IMEI_DIGITS and _IMEI_BEHIND.match(text, found.start() + len(number)))
        ):
            yield Span(found.start(), found.start() + len(number), "IMEI")


def meids(text: str) -> Iterator[Span]:
    """Find the older numbers of mobile devices, of 14 hexadecimal digits, after their word."""
    return (Span(*found.span("number"), "IMEI") for found in _MEID.finditer(text))


DETECTORS: Final = (
    Detector(
        r"@|(?i:[(\[{【<]at?[)\]}】>]|#at#|#[0-9a-z\-]+[.]|[ ]at[ ][^ ]+[ ]dot[ ]|[ ]at[ ][a-z0-9\-]+[.]|"
        r"[★☆※◎圈][ ]?[0-9a-z\-]+[.])|艾特",
        emails,
    ),
    Detector(r"://|www[.]|[A-Za-z0-9]/[^ ?]*[?]", secret_urls),
    Detector(r"[0-9][ ]?[.。][ ]?[0-9]{1,3}[ ]?[.。][ ]?[0-9]{1,3}[ ]?[.。][ ]?[0-9]|:[0-9A-Fa-f]{0,4}:", ips),
    Detector(
        r"(?:[0-9A-Fa-f]{2}[:\-._]){5}|[0-9A-Fa-f]{4}[.:\-][0-9A-Fa-f]{4}[.:\-]|"
        r"(?i:mac|bssid)|网卡|(?:物理|硬件|蓝牙|机器|以太网|设备|(?i:wi-?fi))地址",
        macs,
    ),
    Detector(r"[0-9](?:[ \-]?[0-9]){14}", imeis, number=True),
    Detector("(?i:meid)", meids),
)
