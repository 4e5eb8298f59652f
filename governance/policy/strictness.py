"""Which of two treatments tells less (R-POL-01: the stricter wins)."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from governance.policy.treatments import (
    Bucket,
    Categorize,
    DatePart,
    Keep,
    Reject,
    RejectCode,
    Suppress,
    TruncateIp,
    UrlPath,
)

if TYPE_CHECKING:
    from governance.policy.treatments import Treatment

_CODES = get_args(RejectCode)


def stricter(first: Treatment, second: Treatment) -> Treatment:
    """Return a treatment that tells no more than either.

    Where two treatments cannot be compared, that is `Suppress`: less than either, never more.

    Guarantees: commutative, associative over the built-in rows, and `stricter(t, t) == t`.
    """
    if first == second:
        return first
    if type(first) is type(second):
        return _same_kind(first, second)
    if first.strictness == second.strictness:
        return Suppress()
    return first if first.strictness > second.strictness else second


def at_least_as_strict(candidate: Treatment, base: Treatment) -> bool:
    """Say whether `candidate` tells no more than `base`."""
    return stricter(candidate, base) == candidate


def _same_kind(first: Treatment, second: Treatment) -> Treatment:
    match first, second:
        case TruncateIp(), TruncateIp():
            met: Treatment = TruncateIp(v4=min(first.v4, second.v4), v6=min(first.v6, second.v6))
        case UrlPath(), UrlPath():
            met = UrlPath(host=first.host and second.host)
        case Reject(), Reject():
            met = max(first, second, key=lambda reject: _CODES.index(reject.code))
        case DatePart(), DatePart():
            met = DatePart(unit="month")
        case Bucket(), Bucket():
            met = _common_edges(first, second)
        case Keep(), Keep():
            met = _common_values(first, second)
        case Categorize(), Categorize():
            met = _common_bands(first, second)
        case _:  # the others have no parameters: two of them are equal
            met = Suppress()
    return met


def _common_edges(first: Bucket, second: Bucket) -> Treatment:
    edges = tuple(edge for edge in first.edges if edge in second.edges)
    return Bucket(unit=first.unit, edges=edges) if edges and first.unit == second.unit else Suppress()


def _common_values(first: Keep, second: Keep) -> Treatment:
    if first.shape != second.shape:
        return Suppress()  # a shape may hold the other's values or not: never guess
    values = tuple(set(first.values) & set(second.values))
    return Keep(shape=first.shape, values=values) if first.shape or values else Suppress()


def _common_bands(first: Categorize, second: Categorize) -> Treatment:
    if first.other == second.other:
        part, whole = sorted((first, second), key=lambda one: len(one.bands))
        # Leading bands of the other send everything else to `other`: they tell less.
        if list(part.bands.items()) == list(whole.bands.items())[: len(part.bands)]:
            return part
    return Suppress()
