"""Spans of text: where an identifier stands and of which kind it is."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# The kinds, by priority: of two spans of one length at one place the earlier kind is reported.
KINDS: Final = (
    "ID", "ORG_ID", "CARD", "IBAN", "PASSPORT", "TRAVEL_PERMIT", "PHONE", "EMAIL", "IMEI", "MAC", "IP", "SSN", "URL",
    "QQ", "WECHAT", "LICENSE_PLATE", "DATE_OF_BIRTH", "NAME", "ADDRESS",
)  # fmt: skip
_PRIORITY: Final = {kind: place for place, kind in enumerate(KINDS)}


class Span(NamedTuple):
    """A piece of text from `start` up to `end`, in characters, that holds a `kind` of personal data."""

    start: int
    end: int
    kind: str


class Detector(NamedTuple):
    """One way to find spans.

    Attributes:
        gate: an RE2 pattern without look-around; a text that does not match it holds nothing for `find`.
        find: normal text → spans, possibly overlapping.
        number: whatever matches the gate matches `NUMBER` too, so that one pattern can stand for many.
    """

    gate: str
    find: Callable[[str], Iterable[Span]]
    number: bool = False


NUMBER: Final = r"[0-9](?:[ .\-()/·_]*[0-9]){5}"
"""The gate of gates for numbers: six digits, with no more than signs and spaces between."""


def resolve(found: list[Span], text: str) -> list[Span]:
    """Return spans that do not overlap, in order: the longest wins, then the kind of higher priority.

    What a span that lost covers beyond the winners stays covered, as a span of its own kind, if a letter or a digit
    is in it: nothing that any detector found is left in the open.
    """
    if len(found) < 2:  # noqa: PLR2004 - nothing to overlap with
        return found
    spans = sorted(set(found))
    if all(one.end <= two.start for one, two in pairwise(spans)):
        return spans
    chosen: list[Span] = []
    for group in _overlapping(spans):
        chosen.extend(_winners(group, text))
    return sorted(chosen)


def _overlapping(spans: list[Span]) -> Iterator[list[Span]]:
    """Yield groups of spans that touch no span of another group; there is at least one span."""
    group: list[Span] = []
    end = -1
    for span in spans:
        if group and span.start >= end:
            yield group
            group = []
        group.append(span)
        end = max(end, span.end) if len(group) > 1 else span.end
    yield group


def _winners(group: list[Span], text: str) -> list[Span]:
    first = group[0].start
    owner = [-1] * (max(span.end for span in group) - first)
    ranked = sorted(group, key=lambda span: (span.start - span.end, _PRIORITY[span.kind], span.start))
    for number, span in enumerate(ranked):
        place = span.start
        while place < span.end:
            if owner[place - first] < 0:
                owner[place - first] = number
                place += 1
            else:  # over what a longer span has taken, in one step
                place = max(place + 1, min(ranked[owner[place - first]].end, span.end))
    winners: list[Span] = []
    start = 0
    for place in range(1, len(owner) + 1):
        if place == len(owner) or owner[place] != owner[start]:
            span = Span(first + start, first + place, ranked[owner[start]].kind)
            whole = ranked[owner[start]]
            if (span.start, span.end) == (whole.start, whole.end) or any(
                char.isalnum() for char in text[span.start : span.end]
            ):
                winners.append(span)
            start = place
    return winners
