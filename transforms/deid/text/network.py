"""Addresses of the network and of devices: e-mail, URLs with secrets, IP, MAC, IMEI."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from stdnum import luhn

from transforms.deid.text.cues import NO_WORD_AFTER, NO_WORD_BEFORE, another_number, said_before
from transforms.deid.text.spans import Detector, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCAL: Final = (
    r"[0-9A-Za-z_\u00c0-\u024f](?:[0-9A-Za-z.!#$%&'*+/=?^_`{|}~\-\u00c0-\u024f]{0,63}[0-9A-Za-z_+\-\u00c0-\u024f])?"
)
_LABEL: Final = r"[0-9A-Za-z\u00c0-\u024f](?:[0-9A-Za-z\-\u00c0-\u024f]{0,62}[0-9A-Za-z\u00c0-\u024f])?"
_DOMAIN: Final = rf"(?:{_LABEL}[.]){{1,8}}(?:[A-Za-z]{{2,24}}|xn--[0-9A-Za-z\-]{{2,59}})"
_AT_DOMAIN: Final = re.compile(rf"[ ]?@[ ]?{_DOMAIN}(?![0-9A-Za-z])")
_LOCAL_END: Final = re.compile(rf"(?:{_LOCAL})$")
_MASKED_AT: Final = re.compile(
    rf"{NO_WORD_BEFORE}[0-9A-Za-z._%+\-]{{1,64}}[ ]?(?:\(at\)|\[at\]|#at#|艾特)[ ]?{_DOMAIN}{NO_WORD_AFTER}",
    re.IGNORECASE,
)
_LONGEST_LOCAL: Final = 65


def emails(text: str) -> Iterator[Span]:
    """Find e-mail addresses; from each @ outwards, so that a long text without one costs nothing."""
    for found in _AT_DOMAIN.finditer(text):
        low = max(0, found.start() - _LONGEST_LOCAL)
        if local := _LOCAL_END.search(text, low, found.start()):
            yield Span(local.start(), found.end(), "EMAIL")
    for found in _MASKED_AT.finditer(text):
        yield Span(found.start(), found.end(), "EMAIL")


_URL: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]{1,20}://|www[.])[^\s<>\"'`，。；、！）】》\u4e00-\u9fff]{3,2048}")
_USERINFO: Final = re.compile(r"[^/?#]*://[^/?#@]{1,256}@")
_SECRET: Final = re.compile(
    r"[?&#;](?:[a-z0-9]{1,20}[_\-.])*(?:[a-z]{0,10}token|jwt|secret|passw(?:or)?d|pwd|pass|auth|authorization|"
    r"code|key|apikey|sid|"
    r"session(?:_?id)?|jsessionid|phpsessid|sig|sign|signature|ticket|otp|credential|openid|unionid)=[^&#]{4,}",
    re.IGNORECASE,
)


def secret_urls(text: str) -> Iterator[Span]:
    """Find URLs with a user's name and password, or with a token in their query or fragment."""
    for found in _URL.finditer(text):
        url = found[0].rstrip(".,;:!?)")
        if _USERINFO.match(url) or _SECRET.search(url):
            yield Span(found.start(), found.start() + len(url), "URL")


_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"(?<![0-9A-Za-z.])(?:{_OCTET}[.]){{3}}{_OCTET}(?![0-9A-Za-z]|[.][0-9])")
_VERSION: Final = re.compile(
    r"(?:(?<![A-Za-z])v|版本|固件|(?i:version|firmware|release|build|chrome|driver))[^0-9\n]{0,6}$"
)
_IPV6: Final = re.compile(
    r"(?<![0-9A-Za-z:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|[0-9.]{7,15})?(?![0-9A-Za-z:]|[.][0-9])"
)
_MIN_GROUPS: Final = 3
_MAC: Final = re.compile(
    r"(?<![0-9A-Za-z:\-.])(?:[0-9A-Fa-f]{2}(?P<sign>[:\-])(?:[0-9A-Fa-f]{2}(?P=sign)){4}[0-9A-Fa-f]{2}|"
    r"[0-9A-Fa-f]{4}[.][0-9A-Fa-f]{4}[.][0-9A-Fa-f]{4})(?![0-9A-Za-z]|[:\-.][0-9A-Fa-f])"
)
_MAC_SAID: Final = re.compile(
    rf"(?i:(?<![a-z])mac)[ ]?(?:地址|(?i:address))?[ :：=是为]{{1,4}}(?P<number>[0-9A-Fa-f]{{12}}){NO_WORD_AFTER}"
)


def ips(text: str) -> Iterator[Span]:
    """Find addresses of IPv4, unless a version's word precedes, and of IPv6."""
    for found in _IPV4.finditer(text):
        if not said_before(_VERSION, text, found.start()):
            yield Span(found.start(), found.end(), "IP")
    for found in _IPV6.finditer(text):
        groups = [group for group in re.split("[:.]", found[0]) if group]
        named = any(char.isdigit() for char in found[0]) or len(groups) > _MIN_GROUPS
        if "::" in found[0] and not (len(groups) > 1 and named) and len(found[0]) < len("fe80::"):
            continue
        if groups and _is_ip(found[0]):
            yield Span(found.start(), found.end(), "IP")


def _is_ip(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True


def macs(text: str) -> Iterator[Span]:
    """Find MAC addresses; without separators only after their word."""
    yield from (Span(found.start(), found.end(), "MAC") for found in _MAC.finditer(text))
    yield from (Span(found.start("number"), found.end("number"), "MAC") for found in _MAC_SAID.finditer(text))


_IMEI: Final = re.compile(rf"{NO_WORD_BEFORE}[0-9](?:[ \-]?[0-9]){{14,16}}{NO_WORD_AFTER}")
_IMEI_CUE: Final = re.compile(r"(?:串号|设备号|(?i:imei|meid))[^0-9\n]{0,10}$")
_IMEI_DIGITS: Final = 15


def imeis(text: str) -> Iterator[Span]:
    """Find numbers of mobile devices: 15 to 17 digits after their word, or 15 of a common maker with Luhn's check."""
    for found in _IMEI.finditer(text):
        digits = re.sub(r"[ \-]", "", found[0])
        made = len(digits) == _IMEI_DIGITS and digits[:2] in {"35", "86"} and luhn.is_valid(digits)
        if said_before(_IMEI_CUE, text, found.start()) or (made and not another_number(text, found.start())):
            yield Span(found.start(), found.end(), "IMEI")


DETECTORS: Final = (
    Detector(r"@|(?i:\(at\)|\[at\]|#at#)|艾特", emails),
    Detector(r"://|www[.]", secret_urls),
    Detector(r"[0-9][.][0-9]{1,3}[.][0-9]{1,3}[.][0-9]|:[0-9A-Fa-f]{0,4}:", ips),
    Detector(r"(?:[0-9A-Fa-f]{2}[:\-]){5}|[0-9A-Fa-f]{4}[.][0-9A-Fa-f]{4}[.]|(?i:mac)", macs),
    Detector(r"[0-9](?:[ \-]?[0-9]){14}", imeis),
)
