"""What each text column of the anonymous tables may hold: a list of words, or a shape too narrow for a person."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from governance.policy.treatments import (
    Bucket,
    Categorize,
    CodeOnly,
    DeviceBrand,
    FreeText,
    Hour,
    Keep,
    MajorVersion,
    Pseudonymize,
    TruncateIp,
    UrlPath,
    UserAgentParts,
)
from transforms.deid.plan import for_audience
from transforms.deid.treatments import keep, vocabulary
from transforms.deid.treatments.device_brand import _PREFIXES
from transforms.deid.treatments.major_version import _NAMES
from transforms.deid.treatments.registry import columns_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from governance.policy import Catalogue
    from governance.policy.treatments import Treatment

_SEGMENT = r"[A-Za-z._~+*-]{0,24}"
_PATH = rf"(?:\*|(?:{_SEGMENT})?(?:/{_SEGMENT}){{0,16}}\*?)"
_HOST = r"(?:ip|\*|[a-z0-9_.*-]{1,253})"
_NETWORK = r"(?:[0-9.]{7,15}/16|[0-9a-f:]{2,39}/32)"
_TOKEN = r"v1\.[0-9]{4}-[0-9]{2}-[0-9]{2}\.[A-Z2-7]{26}"
_LANGUAGES = {"ko", "ja", "zh", "ru", "ar", "he", "th", "hi", "el", "latin", "other"}
_CODES = r"[A-Za-z0-9_.-]{1,60}"
_FIXED = {
    "event_date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "due_date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "policy": r"[a-z0-9_]+@[0-9a-f]{16}",
}


def forms(catalogue: Catalogue, stream: str) -> dict[str, re.Pattern[str] | None]:
    """Return the form of every text column of a stream's anonymous table; None for words of free text (R-SENS-07)."""
    found: dict[str, re.Pattern[str] | None] = {name: re.compile(form) for name, form in _FIXED.items()}
    found["system"] = _one_of(catalogue.systems)
    found["event_type"] = _one_of(catalogue.event_types(stream))
    for row in catalogue.stream_fields(stream):
        treatment = for_audience(row, row.treatment("anonymous"), "anonymous")
        for column in columns_of(treatment, row):
            if pa.types.is_string(column.type):
                found[column.name] = _form(treatment, column.name)
    return found


def _form(treatment: Treatment, column: str) -> re.Pattern[str] | None:
    if isinstance(treatment, FreeText) and not column.endswith("_lang"):
        return None
    made: dict[type, Callable[[Any], str]] = {
        FreeText: lambda _: _one_of(_LANGUAGES).pattern,
        Keep: lambda one: f"{_one_of({*one.values, keep.OTHER}).pattern}|{keep._SHAPES.get(one.shape or '', '(?!)')}",
        Categorize: lambda one: _one_of({*one.bands, one.other}).pattern,
        DeviceBrand: lambda _: _one_of({*vocabulary.names("brand"), *_PREFIXES.values(), "Apple", "other"}).pattern,
        UserAgentParts: lambda _: rf"(?:{_one_of(_agents()).pattern})(?: [0-9A-Za-z. ]{{1,5}})?",
        MajorVersion: lambda _: rf"(?:{_one_of(set(_NAMES.values())).pattern})?(?: ?[0-9]{{1,3}})?",
        Pseudonymize: lambda _: _TOKEN,
        TruncateIp: lambda _: _NETWORK,
        UrlPath: lambda one: rf"{_HOST}?{_PATH}" if one.host else _PATH,
        CodeOnly: lambda _: _CODES,
        Bucket: lambda _: r"<1|64\+|[0-9]{1,2}-[0-9]{1,2}",
        Hour: lambda _: r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00\+08:00",
    }
    return re.compile(made[type(treatment)](treatment))


def _agents() -> frozenset[str]:
    return vocabulary.names("browser") | vocabulary.names("os") | {"Other", "Bot"}


def _one_of(words: frozenset[str] | set[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))
