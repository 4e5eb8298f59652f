"""How benchmarks print what they saw: rows of a Markdown table, medians with their spread."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Return the median with the least and the greatest."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:{form}} ({low:{form}} – {high:{form}})"


def report(what: str, goal: str, seen: str, more: str = "") -> None:
    """Print one row of the table."""
    print(f"| {what} | {goal} | {seen} | {more} |", flush=True)  # noqa: T201 - a benchmark prints
