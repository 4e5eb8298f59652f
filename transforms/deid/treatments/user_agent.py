"""User agent: family and major version of browser and system; the string itself goes."""

from __future__ import annotations

import re
from functools import lru_cache

import pyarrow as pa
import ua_parser

from transforms.deid.treatments.vocabulary import names

OTHER, BOT = "Other", "Bot"
_LONGEST = 512
_REMEMBERED = 20_000  # agents a process keeps: parsing one takes about 150 µs
_MAJOR = re.compile(r"[0-9]{1,3}|XP|Vista|ME|NT|CE|RT|RT 8|2000|8\.1|3\.1")
_BOT = re.compile(r"bot\b|crawl|spider|slurp|archiver", re.ASCII | re.IGNORECASE)


def user_agent(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return (browser, system) of each user agent, such as (`Chrome 32`, `Mac OS X 10`)."""
    parts = [(None, None) if value is None else _parts(value[:_LONGEST]) for value in values.to_pylist()]
    return pa.array([one for one, _ in parts], pa.string()), pa.array([two for _, two in parts], pa.string())


@lru_cache(maxsize=_REMEMBERED)
def _parts(agent: str) -> tuple[str, str]:
    parsed = _parser()(agent, ua_parser.Domain.USER_AGENT | ua_parser.Domain.OS)
    browser, system = parsed.user_agent, parsed.os
    named = (
        _label(browser.family, browser.major, names("browser")) if browser else OTHER,
        _label(system.family, system.major, names("os")) if system else OTHER,
    )
    return (BOT, named[1]) if named[0] == OTHER and _BOT.search(agent) else named


def _label(family: str, major: str | None, known: frozenset[str]) -> str:
    if family not in known:
        return OTHER
    return f"{family} {major}" if major and _MAJOR.fullmatch(major) else family


@lru_cache(maxsize=1)
def _parser() -> ua_parser.Parser:
    return ua_parser.Parser(ua_parser.BestAvailableResolver(ua_parser.load_lazy_builtins()))
