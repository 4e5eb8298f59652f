"""What each text column of the anonymous tables may hold: a list of words, or a shape too narrow for a person."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

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
from transforms.deid.treatments import keep, major_version, vocabulary
from transforms.deid.treatments.registry import columns_of

if TYPE_CHECKING:
    from governance.policy import Catalogue
    from governance.policy.model import Row
    from governance.policy.treatments import Treatment

_SEGMENT = r"[A-Za-z._~+*-]{0,24}"
_PATH = rf"(?:\*|(?:{_SEGMENT})?(?:/{_SEGMENT}){{0,16}}\*?)"
_HOST = r"(?:ip|\*|[a-z0-9_.*-]{1,253})"
_NETWORK = r"(?:[0-9.]{7,15}/16|[0-9a-f:]{2,39}/32)"
_TOKEN = r"v1\.[0-9]{4}-[0-9]{2}-[0-9]{2}\.[a-z2-7]{26}"
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
                found[column.name] = _form(treatment, row, column.name)
    return found


def _form(treatment: Treatment, row: Row, column: str) -> re.Pattern[str] | None:
    if isinstance(treatment, FreeText):
        return (
            _one_of({"ko", "ja", "zh", "ru", "ar", "he", "th", "hi", "el", "latin", "other"})
            if column.endswith("_lang")
            else None
        )
    if isinstance(treatment, Keep):
        words = _one_of({*treatment.values, keep.OTHER}).pattern
        shape = keep._SHAPES.get(treatment.shape or "", "(?!)")
        return re.compile(f"{words}|{shape}")
    if isinstance(treatment, Categorize):
        return _one_of({*treatment.bands, treatment.other})
    if isinstance(treatment, DeviceBrand):
        return _one_of({*vocabulary.names("brand"), *_brands(), "other"})
    if isinstance(treatment, UserAgentParts):
        names = vocabulary.names("browser") | vocabulary.names("os") | {"Other", "Bot"}
        return re.compile(rf"(?:{_one_of(names).pattern})(?: [0-9A-Za-z. ]{{1,5}})?")
    if isinstance(treatment, MajorVersion):
        return re.compile(rf"(?:{_one_of(set(major_version._NAMES.values())).pattern})?(?: ?[0-9]{{1,3}})?")
    simple: dict[type, str] = {
        Pseudonymize: _TOKEN,
        TruncateIp: _NETWORK,
        UrlPath: rf"{_HOST}?{_PATH}" if getattr(treatment, "host", False) else _PATH,
        CodeOnly: _CODES,
        Bucket: r"<1|64\+|[0-9]{1,2}-[0-9]{1,2}",
        Hour: r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00\+08:00",
    }
    return re.compile(simple[type(treatment)])


def _one_of(words: frozenset[str] | set[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))


def _brands() -> set[str]:
    from transforms.deid.treatments.device_brand import _PREFIXES  # noqa: PLC0415 - only its words

    return {*_PREFIXES.values(), "Apple"}
