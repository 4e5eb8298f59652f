"""Precision, recall and F1 of spans, exact and by overlap, with their spread."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transforms.deid.text import Span

_RESAMPLES = 500


class Score(NamedTuple):
    """How well spans of one kind were found; `low` and `high` hold 95 % of the F1 of resampled sentences."""

    precision: float
    recall: float
    f1: float
    low: float
    high: float
    gold: int


class _Counts(NamedTuple):
    right: int  # predicted spans that are in the gold
    predicted: int
    found: int  # gold spans that were predicted
    gold: int


def score(
    gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]], kind: str | None, *, overlap: bool
) -> Score:
    """Compare the spans of each sentence; `kind` None takes all of them together."""
    counts = [
        _count(
            [one for one in true if kind in (None, one.kind)],
            [one for one in made if kind in (None, one.kind)],
            overlap,
        )
        for true, made in zip(gold, predicted, strict=True)
    ]
    precision, recall, f1 = _figures(counts)
    rng = random.Random(f"{kind}/{overlap}")
    busy = [one for one in counts if one.predicted or one.gold]
    drawn = sorted(_figures(rng.choices(busy, k=len(busy)))[2] for _ in range(_RESAMPLES)) if busy else [0.0]
    low, high = drawn[int(len(drawn) * 0.025)], drawn[min(len(drawn) - 1, int(len(drawn) * 0.975))]
    return Score(precision, recall, f1, low, high, sum(one.gold for one in counts))


def _count(gold: list[Span], predicted: list[Span], overlap: bool) -> _Counts:
    def same(one: Span, two: Span) -> bool:
        if one.kind != two.kind:
            return False
        return one.start < two.end and two.start < one.end if overlap else one == two

    return _Counts(
        sum(any(same(one, true) for true in gold) for one in predicted),
        len(predicted),
        sum(any(same(one, true) for one in predicted) for true in gold),
        len(gold),
    )


def _figures(counts: Sequence[_Counts]) -> tuple[float, float, float]:
    right, predicted, found, gold = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0, 0, 0)
    precision = right / predicted if predicted else float(not gold)
    recall = found / gold if gold else float(not predicted)
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0
