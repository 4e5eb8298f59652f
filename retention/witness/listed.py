"""Whether a value is among listed texts, worked out a second time, one value at a time, by the value's own type."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TRUTHS = MappingProxyType({"true": 1, "false": 0})
_PLAIN = re.compile(r"-?([1-9]\d*|0)([.]\d+)?", re.ASCII)


def is_among(value: object, listed: frozenset[str]) -> bool:
    """Say whether a stored value is one of the listed; null is none of them."""
    if isinstance(value, bytes):
        return value.hex() in _all(listed, str.lower)
    if isinstance(value, bool | int | float | Decimal):
        return Decimal(str(+value)) in _all(listed, _number)
    if isinstance(value, datetime):
        return value in _all(listed, _moment)
    if isinstance(value, date):
        return value in _all(listed, _day)
    if isinstance(value, UUID):
        return value in _all(listed, _uuid)
    return isinstance(value, str) and (value in listed or value in _all(listed, _as_stored))


def is_key_among(values: Sequence[object], listed: frozenset[str]) -> bool:
    """Say whether a record's key is listed; parts of a longer one are joined by slashes."""
    if len(values) == 1:
        return is_among(values[0], listed)
    key = "/".join(str(as_text(value)) for value in values)
    return key in listed or key in _keys(listed, tuple(isinstance(value, bytes) for value in values))


def as_text(value: object) -> str | None:
    """Return a value as people list it: bytes in hexadecimal, a number without needless noughts."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        return _shortest(Decimal(str(value)))
    return None if value is None else str(value)


@lru_cache(maxsize=256)
def _all(listed: frozenset[str], form: Callable[[str], object]) -> frozenset[object]:
    return frozenset(made for made in map(form, listed) if made is not None)


@lru_cache(maxsize=16)
def _keys(listed: frozenset[str], hexadecimal: tuple[bool, ...]) -> frozenset[str]:
    split = [text.split("/") for text in listed]
    return frozenset(
        "/".join(part.lower() if plain else _as_stored(part) for part, plain in zip(parts, hexadecimal, strict=True))
        for parts in split
        if len(parts) == len(hexadecimal)
    )


def _number(text: str) -> Decimal | None:
    if text.lower() in _TRUTHS:
        return Decimal(_TRUTHS[text.lower()])
    return Decimal(text) if _PLAIN.fullmatch(text) else None


def _shortest(number: Decimal) -> str:
    whole, _, rest = format(number, "f").partition(".")
    rest = rest.rstrip("0")
    return f"{whole}.{rest}" if rest else whole


def _as_stored(text: str) -> str:
    """Return a text as a database writes it that keeps a number or a UUID."""
    if _PLAIN.fullmatch(text):
        return _shortest(Decimal(text))
    identifier = _uuid(text)
    return text if identifier is None else str(identifier)


def _uuid(text: str) -> UUID | None:
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
