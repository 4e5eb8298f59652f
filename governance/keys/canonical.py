"""Canonical forms of identifiers, as token format v1 fixes them: equal identifiers give equal tokens.

Every kind: Unicode NFKC, then surrounding white space removed. Beyond that:

    email    the part behind the last @ in lower case
    phone    E.164, read as a number of China where no country is given; unreadable: "+" and its digits
    mac      lower-case hexadecimal digits without separators (EUI-48 or EUI-64)

These forms are part of `v1`: a change would give a known subject a new token, and needs a new format.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Callable

_REGION = "CN"
_CHINESE_MOBILE = re.compile(r"(?:\+?86)?(1[3-9][0-9]{9})", re.ASCII)
_MAC_SEPARATORS = str.maketrans("", "", ":-. ")
_MAC = re.compile(r"[0-9a-f]{12}(?:[0-9a-f]{4})?", re.ASCII)


def canonical(kind: str, value: str) -> str:
    """Return the canonical form of an identifier of `kind`; an identifier of white space only gives ""."""
    return form_of(kind)(value)


def form_of(kind: str) -> Callable[[str], str]:
    """Return the function that brings identifiers of `kind` into canonical form."""
    return _FORMS.get(kind, text)


def text(value: str) -> str:
    """Return `value` in NFKC without surrounding white space; ASCII is NFKC already."""
    return value.strip() if value.isascii() else normalize("NFKC", value).strip()


def email(value: str) -> str:
    """Return an e-mail address with its domain in lower case; the local part is the mailbox owner's affair."""
    local, at, domain = text(value).rpartition("@")
    lowered = domain.lower()
    return local + at + (lowered if lowered.isascii() else normalize("NFKC", lowered)) if at else domain


def phone(value: str) -> str:
    """Return a telephone number in E.164; what cannot be read as one becomes "+" and its digits."""
    plain = text(value)
    if mobile := _CHINESE_MOBILE.fullmatch(plain):
        return "+86" + mobile[1]
    return _parsed_phone(plain)


def _parsed_phone(plain: str) -> str:
    import phonenumbers  # noqa: PLC0415 - its tables take a while to load; most streams carry no number

    try:
        # No check of validity: those tables change with each release, and tokens must not.
        number = phonenumbers.parse(plain, _REGION)
    except phonenumbers.NumberParseException:
        digits = "".join(str(int(sign)) for sign in plain if sign.isdecimal())
        return "+" + digits if digits else plain
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def mac(value: str) -> str:
    """Return a hardware address as bare lower-case hexadecimal; anything else as plain text."""
    plain = text(value)
    bare = plain.translate(_MAC_SEPARATORS).lower()
    return bare if _MAC.fullmatch(bare) else plain


_FORMS: dict[str, Callable[[str], str]] = {"email": email, "phone": phone, "mac": mac}
