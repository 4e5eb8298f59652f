"""What changed from one pack to another, and what notice that needs (R-POL-02)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from governance.calendar import CHINA
from governance.policy.treatments import AUDIENCES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from governance.policy.model import Pack, Row

MAJOR = MappingProxyType(
    {
        "MAJ-1": "service model: what is processed, why and how",
        "MAJ-2": "control of the operator",
        "MAJ-3": "main recipients of sharing, transfer and disclosure",
        "MAJ-4": "rights and how to use them",
        "MAJ-5": "responsible department, contact and complaint channel",
        "MAJ-6": "the impact assessment shows a high risk",
    }
)
_LISTS = (
    ("exceptions", "code", "MAJ-1"),
    ("retention_criteria", "code", "MAJ-1"),
    ("recipients", "id", "MAJ-3"),
    ("sharing_grounds", "code", "MAJ-3"),
    ("sharing_exceptions", "code", "MAJ-3"),
    ("public_disclosure", "code", "MAJ-3"),
    ("refusals", "code", "MAJ-4"),
    ("may_refuse", "code", "MAJ-4"),
    ("deletion_grounds", "code", "MAJ-4"),
)
_SINGLE = (
    ("on_unknown", "MAJ-1"),
    ("personal_with", "MAJ-1"),
    ("url_templates", "MAJ-1"),
    ("operator", "MAJ-2"),
    ("export", "MAJ-3"),
    ("reply_deadline", "MAJ-4"),
    ("contact", "MAJ-5"),
    ("title", None),
    ("source", None),
    ("prevailing_language", None),
    ("valid_from", None),
    ("valid_to", None),
    ("notice", None),
    ("unconfirmed", None),
)


@dataclass(frozen=True)
class Change:
    """One change: `code` is its class, None if it is not a major one; `detail` says old and new words if few."""

    code: str | None
    path: str
    change: Literal["added", "removed", "changed"]
    detail: str = field(default="", compare=False)


@dataclass(frozen=True)
class Resolved:
    """A pack with the rows it is judged by."""

    pack: Pack
    rows: Mapping[str, Row]


def compare(old: Resolved, new: Resolved) -> tuple[Change, ...]:
    """Return every change from `old` to `new`, major ones first."""
    changes = [*_fields(old, new), *_parts(old.pack, new.pack)]
    return tuple(sorted(changes, key=lambda change: (change.code or "~", change.path)))


def codes(changes: tuple[Change, ...]) -> tuple[str, ...]:
    """Return the classes of major change among `changes`, in order."""
    return tuple(sorted({change.code for change in changes if change.code}))


def notice_needed(changes: tuple[Change, ...], new: Pack) -> str:
    """Say what has to happen before `new` may be activated."""
    if not codes(changes):
        return "No major change: the page with the policy is enough."
    channels = ", ".join(new.notice.channels)
    return f"Major change: notice by {channels}; activation not before the notice's date + {new.notice.days} days."


def _fields(old: Resolved, new: Resolved) -> Iterator[Change]:
    for what in ("names", "purposes"):
        before, after = getattr(old.pack, what), getattr(new.pack, what)
        yield from (Change("MAJ-1", f"{what}.{name}", "added") for name in after - before)
        yield from (Change("MAJ-1", f"{what}.{name}", "removed") for name in before - after)
    for name in old.pack.names & new.pack.names:
        if _rule(old, name) != _rule(new, name):
            dos = [resolved.pack.treatment(resolved.rows[name], AUDIENCES[0]).do for resolved in (old, new)]
            yield Change("MAJ-1", f"treatments.{name}", "changed", _arrow(*dos) if dos[0] != dos[1] else "")


def _rule(resolved: Resolved, name: str) -> tuple[object, ...]:
    row = resolved.rows[name]
    treated = [resolved.pack.treatment(row, audience) for audience in AUDIENCES]
    return (row.sensitivity, row.export, row.retention, *treated)


def _parts(old: Pack, new: Pack) -> Iterator[Change]:
    for part, key, code in _LISTS:
        before, after = _by(getattr(old, part), key), _by(getattr(new, part), key)
        for name in before.keys() | after.keys():
            if name not in before:
                yield Change(code, f"{part}.{name}", "added")
            elif name not in after:
                yield Change(code, f"{part}.{name}", "removed")
            elif _says(before[name]) != _says(after[name]):
                yield Change(code, f"{part}.{name}", "changed", _detail(before[name], after[name]))
    for part, single_code in _SINGLE:
        if _says(getattr(old, part)) != _says(getattr(new, part)):
            yield Change(single_code, part, "changed", _detail(getattr(old, part), getattr(new, part)))
    if _says(old.assessment) != _says(new.assessment):
        risk = new.assessment.high_risk and not old.assessment.high_risk
        yield Change("MAJ-6" if risk else None, "assessment", "changed")


def _detail(old: object, new: object) -> str:
    """Return old and new words of a scalar, or of the scalar parts that differ."""
    if isinstance(old, BaseModel) and isinstance(new, BaseModel):
        before, after = _flat(old), _flat(new)
        names = [name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name)]
        return "; ".join(f"{name} {_arrow(before.get(name), after.get(name))}" for name in names)
    return _arrow(old, new) if _scalar(old) and _scalar(new) else ""


def _flat(part: BaseModel, prefix: str = "") -> dict[str, object]:
    """Return the scalars that a part promises, by their path in it."""
    found: dict[str, object] = {}
    for name in type(part).model_fields.keys() - {"reason", "requirement"}:
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            found |= _flat(value, f"{prefix}{name}.")
        elif _scalar(value):
            found[prefix + name] = value
    return dict(sorted(found.items()))


def _scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | datetime)


def _arrow(old: object, new: object) -> str:
    return f"{_word(old)} → {_word(new)}"


def _word(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(CHINA).isoformat()
    return "none" if value is None else str(value)


def _says(part: object) -> object:
    """Return what a part promises: its reason is ours to reword."""
    return part.model_dump(exclude={"reason", "requirement"}) if isinstance(part, BaseModel) else part


def _by(parts: tuple[BaseModel, ...], key: str) -> dict[str, BaseModel]:
    return {getattr(part, key): part for part in parts}
