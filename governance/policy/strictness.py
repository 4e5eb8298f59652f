"""Which of two treatments tells less (R-POL-01: the stricter wins)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args

from governance.policy.hierarchy import Hierarchy
from governance.policy.keyed import DateShift, FormatPreserving, PlanarLaplace, Surrogate
from governance.policy.treatments import (
    Bucket,
    Categorize,
    DatePart,
    FreeText,
    Geohash,
    GroupThreshold,
    Keep,
    Mask,
    Reject,
    RejectCode,
    Suppress,
    TruncateIp,
    UrlPath,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from governance.policy.treatments import Treatment

_CODES = get_args(RejectCode)
_WORDS = ("token", "placeholder", "redact", "drop")  # what a text tells, from most to least


def stricter(first: Treatment, second: Treatment) -> Treatment:
    """Return a treatment that tells no more than either.

    Where two treatments cannot be compared, that is `Suppress`: less than either, never more.

    Guarantees: commutative, and `stricter(t, t) == t`.
    """
    if first == second:
        return first
    if type(first) is type(second):
        return _MEET[type(first)](first, second)
    more, less = sorted((first, second), key=lambda one: one.strictness)
    if more.strictness == less.strictness or (isinstance(more, Keep) and _tells_text(less)):
        return Suppress()
    return less


def at_least_as_strict(candidate: Treatment, base: Treatment) -> bool:
    """Say whether `candidate` tells no more than `base`."""
    return stricter(candidate, base) == candidate


def _tells_text(treatment: Treatment) -> bool:
    """Say whether signs of any text are told as they stand: of what `Keep` makes `other`, that is more, not less."""
    if isinstance(treatment, FreeText):
        return treatment.words != "drop"
    return isinstance(treatment, Mask | UrlPath | GroupThreshold)


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


def _common_mask(first: Mask, second: Mask) -> Treatment:
    if first.char != second.char:
        return Suppress()  # which signs are hidden would follow from the two
    return Mask(
        first=min(first.first, second.first),
        last=min(first.last, second.last),
        char=first.char,
        hidden=max(first.hidden, second.hidden),
        hide_length=first.hide_length or second.hide_length,
    )


def _coarser_level(first: Hierarchy, second: Hierarchy) -> Treatment:
    if (first.sha256, first.other) != (second.sha256, second.other):
        return Suppress()
    return max(first, second, key=lambda one: (one.level, one.file))


def _common_lengths(first: FormatPreserving, second: FormatPreserving) -> Treatment:
    lengths = tuple(set(first.lengths) & set(second.lengths))
    if first.alphabet != second.alphabet or not lengths:
        return Suppress()
    return FormatPreserving(alphabet=first.alphabet, lengths=lengths)


def _higher_threshold(first: GroupThreshold, second: GroupThreshold) -> Treatment:
    both_brand = first.in_stream == second.in_stream == "brand"
    return GroupThreshold(k=max(first.k, second.k), in_stream="brand" if both_brand else "drop")


# How two different treatments of one kind meet; kinds without parameters have no two that differ.
_MEET: Mapping[type, Callable[[Any, Any], Treatment]] = MappingProxyType(
    {
        TruncateIp: lambda first, second: TruncateIp(v4=min(first.v4, second.v4), v6=min(first.v6, second.v6)),
        UrlPath: lambda first, second: UrlPath(host=first.host and second.host),
        Reject: lambda first, second: max(first, second, key=lambda reject: _CODES.index(reject.code)),
        FreeText: lambda first, second: max(first, second, key=lambda text: _WORDS.index(text.words)),
        DatePart: lambda *_: DatePart(unit="month"),
        Bucket: _common_edges,
        Keep: _common_values,
        Categorize: _common_bands,
        Mask: _common_mask,
        Hierarchy: _coarser_level,
        Geohash: lambda first, second: min(first, second, key=lambda one: one.precision),
        GroupThreshold: _higher_threshold,
        FormatPreserving: _common_lengths,
        DateShift: lambda first, second: max(first, second, key=lambda one: one.max_days),
        PlanarLaplace: lambda first, second: min(first, second, key=lambda one: one.epsilon),
        Surrogate: lambda *_: Suppress(),
    }
)
