"""Why a field is treated as it is, in words for people."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from governance.policy.hierarchy import Hierarchy
from governance.policy.keyed import DateShift, FormatPreserving, Keyed, PlanarLaplace, Surrogate
from governance.policy.retention import PERIODS
from governance.policy.treatments import (
    AUDIENCES,
    Bucket,
    Categorize,
    DatePart,
    FreeText,
    Geohash,
    GroupThreshold,
    Keep,
    Mask,
    Pseudonymize,
    Reject,
    TruncateIp,
    UrlPath,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from governance.policy.model import Pack, Row
    from governance.policy.treatments import Audience, Treatment

CLASSES = MappingProxyType(
    {
        "N": "non-personal while it stands alone",
        "N+": "non-personal by the policies' wording, always protected",
        "P": "personal",
        "S": "sensitive",
        "X": "prohibited: biometric",
        "K": "prohibited: secret",
    }
)
_EXPORT = MappingProxyType(
    {
        "no": "never",
        "gate": "in this form, after every export rule",
        "agg": "only in aggregates of enough people",
    }
)
_PLAIN = MappingProxyType(
    {
        "suppress": "nothing: the value is removed",
        "count_only": "whether it was present, nothing else",
        "code_only": "the leading code, and the length of the rest",
        "user_agent": "family and major version of browser and system",
        "device_brand": "the brand of the device",
        "major_version": "the major version",
        "city": "the city",
        "hour": "the hour (+08:00)",
        "encrypt": "an encrypted token that a key holder can turn back, on record",
        "prefix_preserving_ip": "another address in its stead; networks keep their structure",
    }
)
_SCOPES = MappingProxyType({"anonymous": "the day, linking nothing across days", "personal": "this system and purpose"})
_TEXT_WORDS = MappingProxyType(
    {
        "drop": "not its words",
        "redact": "its words without the personal data found in them",
        "placeholder": "its words with the kind in place of personal data found in them",
        "token": "its words with a keyed token of this system and purpose in place of personal data found in them",
    }
)
_SHAPES = MappingProxyType(
    {
        "code": "short codes",
        "language": "language tags",
        "host": "host names",
        "any_number": "any number",
        "flag": "yes or no",
    }
)
_NO_TEXT = ("any_number", "flag")
_IN_STREAM = MappingProxyType({"drop": "nothing", "brand": "the brand of the device"})
_SAID: Mapping[type, Callable[[Any], str]] = MappingProxyType(
    {
        Mask: lambda one: (
            f"the first {one.first} and the last {one.last} signs" + ("" if one.hide_length else ", and how long it is")
        ),
        Hierarchy: lambda one: f"level {one.level} of the hierarchy {one.file}, or `{one.other}`",
        Geohash: lambda one: f"the geohash cell of {one.precision} signs",
        GroupThreshold: lambda one: (
            f"{_IN_STREAM[one.in_stream]} in the stream; in tables the value if {one.k} subjects share it"
        ),
        FormatPreserving: lambda _: "an encrypted value of the same form and length",
        DateShift: lambda one: f"the date, shifted by up to {one.max_days} days, for each subject alike",
        PlanarLaplace: lambda one: (
            f"a point moved at random (ε = {one.epsilon:g} for each km), each subject's day alike"
        ),
        Surrogate: lambda one: f"an invented {one.of} ({one.locale}), for each {one.by} the same",
    }
)


def explain(pack: Pack, row: Row) -> dict[str, Any]:
    """Return class, treatment for each audience, retention and reasons of `row` under `pack`."""
    named = row.field in pack.names
    own = next((one for one in pack.overrides if one.field == row.field), None)
    period = PERIODS[row.retention]
    return {
        "pack": pack.citation,
        "field": row.field,
        "group": row.group,
        "type": row.type,
        "kind": _kind(row),
        "named": named,
        "class": row.sensitivity,
        "class_means": CLASSES[row.sensitivity],
        "treatment": {audience: pack.treatment(row, audience).model_dump(mode="json") for audience in AUDIENCES},
        "analyst_sees": {audience: _sees(pack, row, audience) for audience in AUDIENCES},
        "export": row.export,
        "export_means": _EXPORT[row.export],
        "retention": row.retention,
        "kept": period.words,
        "clock": period.clock,
        "why": own.reason if own else row.reason,
        "requirement": (own.requirement if own else None) or row.requirement,
    }


def _kind(row: Row) -> str:
    kinds = {"event type": row.event, "signal of meta": row.signal, "part of the envelope": row.envelope}
    return next((kind for kind, true in kinds.items() if true), "field")


def _sees(pack: Pack, row: Row, audience: Audience) -> str:
    treatment = pack.treatment(row, audience)
    reasons = (
        (isinstance(treatment, Reject), words(treatment, audience)),
        (row.signal, "nothing: the signal is obeyed on arrival and not stored"),
        (row.field not in pack.names, "nothing: the policy does not name it, so it is removed (R-PURP-01)"),
        (row.event, "the event's type, beside its fields"),
        (row.sensitivity == "S", "nothing yet: sensitive columns wait for recorded consents (R-SENS-02)"),
        (
            row.sensitivity == "P" and audience == "anonymous",
            "nothing: personal columns are empty on the anonymous path",
        ),
        (
            isinstance(treatment, Keyed) and treatment.personal_only and audience == "anonymous",
            "nothing: what can be turned back, or holds a subject together, is for the personal path only",
        ),
    )
    return next((text for holds, text in reasons if holds), words(treatment, audience))


def words(treatment: Treatment, audience: Audience) -> str:
    """Say what remains of a value after `treatment`."""
    match treatment:
        case Keep():
            kept = [_SHAPES[treatment.shape]] if treatment.shape else []
            kept += [f"{len(treatment.values)} known values"] if treatment.values else []
            said = f"the value: {' and '.join(kept)}"
            said += "" if treatment.shape in _NO_TEXT else "; anything else becomes `other`"
        case TruncateIp():
            said = f"the network: the first {treatment.v4} bits of IPv4, {treatment.v6} of IPv6"
        case UrlPath():
            said = ("host and " if treatment.host else "") + "path as a template, without query and ids"
        case Categorize():
            said = f"one of {len(treatment.bands)} categories, or `{treatment.other}`"
        case Bucket():
            said = f"one of {len(treatment.edges) + 1} bands"
        case FreeText():
            tokens_only_here = treatment.words == "token" and audience == "anonymous"
            kept_words = "placeholder" if tokens_only_here else treatment.words
            said = f"length and language of the text, {_TEXT_WORDS[kept_words]}"
        case DatePart():
            said = f"the {treatment.unit} (+08:00)"
        case Reject():
            said = f"nothing: an event that carries it is rejected with {treatment.code}"
        case Pseudonymize():
            said = f"a keyed token of {_SCOPES[audience]}"
        case _:
            say = _SAID.get(type(treatment))
            said = say(treatment) if say else _PLAIN[treatment.do]
    return said
