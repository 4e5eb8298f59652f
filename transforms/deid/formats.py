"""Apache's access logs, common and combined, as `web_log` events.

    host ident user [day/Month/year:time zone] "request" status bytes ["referrer" "user agent"]

The identity of `ident` and whatever stands behind the known parts are dropped and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa

from transforms.deid import instants
from transforms.deid.contract import MAX_LINE, MAX_TEXT
from transforms.deid.parsed import Parsed, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_QUOTED = r'"((?:[^"\\]|\\.)*+)"'
# A server that cuts long lines leaves the last text, the user agent, without its closing quote.
_LAST = r'"((?:[^"\\]|\\.)*+)(?:"|\\?\Z)'
_LINE = re.compile(
    rf"(\S++) (\S++) ([^\[\"]*?) \[([^\[\]\"]{{1,40}})\] {_QUOTED} (\d{{3}}|-) (\d++|-)"
    rf'(?: {_QUOTED} {_LAST})?((?: (?:"(?:[^"\\]|\\.)*+"|[^\s"]\S*+))*+)\s*',
    re.ASCII | re.DOTALL,
)
_REQUEST = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S.*?)(?: HTTP/[\d.]+)?", re.ASCII | re.DOTALL)
_TIME = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)", re.ASCII)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
_ESCAPED = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"b": b"\b"}
_INT64 = 2**63 - 1
_DIGITS = len(str(_INT64))
_TOO_BIG = -1  # no access log says so itself
_TEXTS = ("ip_address", "remote_user", "http_method", "page_url", "referrer", "user_agent")
_Row = tuple[str | None, str | None, str, str | None, str | None, int | None, int | None, str | None, str | None]
_COLUMNS = (
    "ip_address", "remote_user", "event_time", "http_method", "page_url", "http_status", "response_bytes",
    "referrer", "user_agent",
)  # fmt: skip


def parse_apache(lines: Sequence[bytes], systems: Sequence[str | None], unparsed: Callable[[bytes], Refusal]) -> Parsed:
    """Return the events of access-log lines.

    Args:
        lines: lines without ends, none of them blank.
        systems: per line, the system that owns it.
        unparsed: judges a line that cannot be parsed.
    """
    rows: list[_Row] = []
    index: list[int] = []
    refused: list[tuple[int, Refusal]] = []
    drops: Counter[tuple[str, str]] = Counter()
    for number, (line, system) in enumerate(zip(lines, systems, strict=True)):
        row = _read(line, system, unparsed, drops)
        if isinstance(row, Refusal):
            refused.append((number, row))
        else:
            index.append(number)
            rows.append(row)
    columns = _columns(rows, [systems[number] for number in index])
    return Parsed(columns, index, refused=refused, drops=drops)


def _read(
    line: bytes,
    system: str | None,
    unparsed: Callable[[bytes], Refusal],
    drops: Counter[tuple[str, str]],
) -> _Row | Refusal:
    try:
        match = _LINE.fullmatch(line.decode()) if len(line) <= MAX_LINE else None
    except UnicodeDecodeError:
        match = None
    if match is None:
        return unparsed(line)
    if system is None:
        return Refusal("SCHEMA_MISSING", "system")
    host, ident, user, when, request, status, size, referrer, agent, rest = match.groups()
    asked = _REQUEST.fullmatch(request)
    method, target = asked.groups() if asked else (None, None)
    row = (
        _text(host), _text(user), _iso(when), method, _text(target),
        _number(status), _number(size), _text(referrer), _text(agent),
    )  # fmt: skip
    if wrong := _wrong(row, len(line)):
        return Refusal(*wrong, system=system)
    if asked is None and request not in ("", "-"):
        drops["SCHEMA_TYPE", "fields.page_url"] += 1
    if ident != "-" or rest:
        drops["SCHEMA_UNKNOWN_FIELD", "?"] += (ident != "-") + bool(rest)
    return row  # type: ignore[return-value]  # `_wrong` has seen to the time


def _wrong(row: Sequence[str | int | None], length: int) -> tuple[str, str] | None:
    values = dict(zip(_COLUMNS, row, strict=True))
    if values["event_time"] is None:
        return "SCHEMA_TYPE", "event_time"
    if values["response_bytes"] == _TOO_BIG:
        return "SCHEMA_TYPE", "fields.response_bytes"
    if length > MAX_TEXT:
        for name, value in values.items():
            if isinstance(value, str) and len(value.encode()) > MAX_TEXT:
                return "TOO_LARGE", f"fields.{name}"
    return None


def _columns(rows: Sequence[_Row], systems: Sequence[str | None]) -> dict[str, pa.Array]:
    values = dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(_COLUMNS, ())
    columns = {
        "system": pa.array(systems, pa.string()),
        "event_type": pa.repeat(pa.scalar("web_log"), len(rows)),
        "event_time": pa.array(values["event_time"], pa.string()).cast(instants.INSTANT),
        "http_status": pa.array(values["http_status"], pa.int16()),
        "response_bytes": pa.array(values["response_bytes"], pa.int64()),
    }
    return columns | {name: pa.array(values[name], pa.string()) for name in _TEXTS}


@lru_cache(maxsize=8192)
def _iso(when: str) -> str | None:
    """Return Apache's time as RFC 3339; None if it is none. Months are English whatever the locale."""
    match = _TIME.fullmatch(when)
    if match is None or match[2] not in _MONTHS:
        return None
    day, month, year, clock, hours, minutes = match.groups()
    text = f"{year}-{_MONTHS[month]:02d}-{day}T{clock}{hours}:{minutes}"
    instant = instants.parse(text)
    return None if isinstance(instant, str) else instant.isoformat(timespec="seconds")


def _number(digits: str) -> int | None:
    if digits == "-":
        return None
    return int(digits) if len(digits.lstrip("0")) <= _DIGITS and int(digits) <= _INT64 else _TOO_BIG


def _text(value: str | None) -> str | None:
    """Return a value without Apache's escapes; None for an absent one."""
    if value is None or value in ("", "-"):
        return None
    if "\\" not in value:
        return value
    return _ESCAPED.sub(_unescape, value.encode()).decode("utf-8", "replace")


def _unescape(match: re.Match[bytes]) -> bytes:
    what = match[1]
    return bytes((int(what[1:], 16),)) if len(what) == len("xhh") else _CONTROLS.get(what, what)
