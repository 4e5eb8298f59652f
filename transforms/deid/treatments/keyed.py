"""Treatments that need a key, and perhaps whose the value is and of which day: what each asks for, and its function."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from governance.policy import keyed as policy
from transforms.deid.treatments.date_shift import date_shift
from transforms.deid.treatments.encrypt import encrypt
from transforms.deid.treatments.format_preserving import format_preserving
from transforms.deid.treatments.planar_laplace import planar_laplace
from transforms.deid.treatments.prefix_preserving_ip import prefix_preserving_ip
from transforms.deid.treatments.surrogate import surrogate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from governance.keys import CipherKey
    from governance.policy import Row

    Treat = Callable[[pa.Array, CipherKey, "Beside"], pa.Array]


class Beside(NamedTuple):
    """What stands beside each value: its subject's canonical id, its event's +08:00 date.

    Attributes:
        subjects: empty if the step does not ask for them.
        days: of use only to a step that asks for them.
    """

    subjects: Sequence[str | None] = ()
    days: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class KeyedStep:
    """A treatment bound to a field.

    Attributes:
        kind: of the key.
        by_subject: the result depends on the subject.
        by_day: it depends on the day.
    """

    kind: str
    by_subject: bool
    by_day: bool
    treat: Treat


def bind_keyed(treatment: policy.Keyed, row: Row) -> KeyedStep:
    """Return the step of a treatment for a field."""
    by_subject = isinstance(treatment, policy.DateShift | policy.PlanarLaplace) or (
        isinstance(treatment, policy.Surrogate) and treatment.by == "subject"
    )
    treat = _BINDERS[type(treatment)](treatment, row)
    return KeyedStep(treatment.kind(row.field), by_subject, isinstance(treatment, policy.PlanarLaplace), treat)


def _format_preserving(one: policy.FormatPreserving, row: Row) -> Treat:
    return lambda values, key, _: format_preserving(
        values, key, field=row.field, alphabet=one.alphabet, lengths=one.lengths
    )


def _surrogate(one: policy.Surrogate, _: Row) -> Treat:
    return lambda values, key, beside: surrogate(
        values, key, beside.subjects if one.by == "subject" else None, of=one.of, locale=one.locale
    )


def _date_shift(one: policy.DateShift, _: Row) -> Treat:
    return lambda values, key, beside: date_shift(values, key, beside.subjects, max_days=one.max_days)


def _planar_laplace(one: policy.PlanarLaplace, _: Row) -> Treat:
    return lambda values, key, beside: planar_laplace(values, key, beside.subjects, beside.days, epsilon=one.epsilon)


_BINDERS: Mapping[type, Callable[[Any, Row], Treat]] = MappingProxyType(
    {
        policy.Encrypt: lambda *_: lambda values, key, _: encrypt(values, key),
        policy.FormatPreserving: _format_preserving,
        policy.PrefixPreservingIp: lambda *_: lambda values, key, _: prefix_preserving_ip(values, key),
        policy.DateShift: _date_shift,
        policy.PlanarLaplace: _planar_laplace,
        policy.Surrogate: _surrogate,
    }
)
