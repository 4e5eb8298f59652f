"""Major version: `12.4` becomes `12`, `Android 12.1` becomes `Android 12`; what is no version becomes null."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from transforms.deid.columns import each

if TYPE_CHECKING:
    import pyarrow as pa

_VERSION = re.compile(r"([A-Za-z](?:[A-Za-z ]{0,24}[A-Za-z])?)?[ /_-]{0,2}([0-9]{1,3})?(?:[^A-Za-z0-9].*)?", re.DOTALL)
_NAMES = {
    name.casefold(): name
    for name in (
        "Android", "iOS", "iPadOS", "iPhone OS", "Mac OS X", "macOS", "Mac OS", "OS X", "watchOS", "tvOS", "visionOS",
        "Windows", "Windows NT", "Windows Phone", "Windows Mobile", "Windows Server", "Linux", "Ubuntu", "Debian",
        "Fedora", "CentOS", "FreeBSD", "OpenBSD", "NetBSD", "Chrome OS", "CrOS", "HarmonyOS", "OpenHarmony", "EMUI",
        "MIUI", "HyperOS", "ColorOS", "OriginOS", "FuntouchOS", "OxygenOS", "Flyme", "KaiOS", "Tizen", "webOS",
        "Symbian", "BlackBerry", "Chrome", "Chromium", "Firefox", "Safari", "Mobile Safari", "Edge", "Edg", "MSIE",
        "Internet Explorer", "IE", "Opera", "OPR", "Brave", "Vivaldi", "Samsung Browser", "UC Browser", "UCBrowser",
        "QQ Browser", "QQBrowser", "MicroMessenger", "WeChat", "MiuiBrowser", "Yandex Browser", "Sogou",
    )
}  # fmt: skip


def major_version(values: pa.Array) -> pa.Array:
    """Return the known name, if there is one, and the first number of each version; null for anything else."""
    return each(values, _major)


def _major(text: str) -> str | None:
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        return None
    words, number = (match[1] or "").casefold().split(), match[2]
    if words in (["v"], ["version"]):
        return number
    name = next((_NAMES[key] for key in _heads(words) if key in _NAMES), None)
    if words and name is None:
        return None  # an unknown word is no version: it may be anybody's name
    return " ".join(part for part in (name, number) if part) or None


def _heads(words: list[str]) -> list[str]:
    """Return the leading words, longest first: `windows xp`, `windows`."""
    return [" ".join(words[:count]) for count in range(len(words), 0, -1)]
