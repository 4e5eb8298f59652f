"""Code only: the code at the head of a message stays, the message becomes its length.

A first word is a code only if it looks like nothing else: `ERR_TIMEOUT`, `E42`, `java.io.IOException`, `ERROR`,
`503`. "Zhang reported a fault" has none.
"""

from __future__ import annotations

import re

import pyarrow as pa

_CODE = re.compile(
    r"\s*[\[(<]?("
    r"[0-9]{1,3}"
    r"|[A-Z]{1,12}-?[0-9]{1,3}"
    r"|[A-Z][A-Z0-9]{0,15}(?:_[A-Z0-9]{1,15}){1,4}"
    r"|(?:[A-Za-z]{1,20}\.){0,6}[A-Za-z]{0,30}(?:Error|Exception|Warning|Timeout|Fault)"
    r"|TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|FATAL|ALERT|PANIC"
    r")(?=[\s:;,\])>]|$)"
)
_LONGEST, _MOST_DIGITS = 60, 4


def code_only(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return (leading code or null, number of characters after it) of each message."""
    codes: list[str | None] = []
    rests: list[int | None] = []
    for value in values.to_pylist():
        if value is None:
            codes.append(None)
            rests.append(None)
            continue
        match = _CODE.match(value)
        code = match[1] if match and _harmless(match[1]) else None
        codes.append(code)
        rests.append(len(value) - (match.end() if match and code else 0))
    return pa.array(codes, pa.string()), pa.array(rests, pa.int32())


def _harmless(code: str) -> bool:
    digits = sum(character.isdigit() for character in code)
    return len(code) <= _LONGEST and digits <= _MOST_DIGITS and not re.search("[0-9]{4}", code)
