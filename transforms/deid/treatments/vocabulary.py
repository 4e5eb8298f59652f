"""The closed vocabulary of ua-parser: every name it can give that does not come out of the user agent itself.

Many of its rules copy text out of the string ("crawler@example.com/1.0" yields a family of that name). Such text
never reaches a table: a family or brand is written only if ua-parser's own rules spell it out.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from ua_parser_builtins.matchers import MATCHERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9 ._/!&'-]*")
_ESCAPED = re.compile(r"\\([ ./!&-])")
_ALSO = {
    "browser": ("Googlebot", "bingbot", "Baiduspider", "YandexBot", "Sogou web spider", "360Spider", "Bytespider"),
    "os": ("FreeBSD", "OpenBSD", "NetBSD"),
    "brand": (),
}


@cache
def names(kind: str) -> frozenset[str]:
    """Return the names of kind `browser`, `os` or `brand` that the rules spell out."""
    browsers, systems, devices = MATCHERS
    spelled: Iterable[tuple[str | None, str]]
    if kind == "browser":
        spelled = ((matcher.family, matcher.regex) for matcher in browsers)
    elif kind == "os":
        spelled = ((matcher.family, matcher.regex) for matcher in systems)
    else:
        spelled = ((matcher.brand, matcher.regex) for matcher in devices)
    return frozenset(_ALSO[kind]).union(*(_expand(name, regex) for name, regex in spelled))


def _expand(name: str | None, regex: str) -> Iterator[str]:
    """Yield what a rule's name can be, as far as its first group lists words."""
    if name and "$" not in name:
        yield name
    if name is None or "$1" not in name or re.search(r"\$[2-9]", name):
        return
    for word in _first_group(regex).split("|"):
        plain = _ESCAPED.sub(r"\1", word)
        if _WORD.fullmatch(plain) and not re.search(r"(?<!\\)\.", word):
            yield name.replace("$1", plain)


def _first_group(regex: str) -> str:
    """Return what stands in the first capturing group."""
    start = re.search(r"(?<!\\)\((?!\?)", regex)
    if start is None:
        return ""
    depth = 1
    for token in re.finditer(r"\\.|[()]", regex[start.end() :]):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0:
            return regex[start.end() : start.end() + token.start()]
    return ""
