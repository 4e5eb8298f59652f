"""Canonical forms of what was found in a text: one identifier, however it was written, is to give one token."""

from __future__ import annotations

from typing import Final

from governance.keys.canonical import canonical as stored
from transforms.deid.text.normal import normal

_AS_STORED: Final = frozenset({"EMAIL", "PHONE", "MAC"})
_AS_WRITTEN: Final = frozenset({"NAME", "ADDRESS", "DATE_OF_BIRTH", "URL", "WECHAT", "IP"})
_DIGITS: Final = str.maketrans("零〇○一幺壹二两贰三叁四肆五伍六陆七柒八捌九玖oO", "0001112223344556677889900")
_SEPARATORS: Final = str.maketrans("", "", " \t-._·•・,，、()[]/")


def canonical(kind: str, written: str) -> str:
    """Return the canonical form of an identifier of `kind` as it stood in a text.

    Guarantees: telephone numbers, e-mail addresses and hardware addresses have the forms of token format v1; other
    numbers lose their spaces, dashes and brackets and their letters are capitals; a URL and words stay as they are.
    """
    plain = normal(written).text
    if kind == "PHONE":
        plain = plain.translate(_DIGITS)
    if kind in _AS_STORED:
        return stored(kind.lower(), plain)
    return plain.strip() if kind in _AS_WRITTEN else plain.translate(_SEPARATORS).upper()
