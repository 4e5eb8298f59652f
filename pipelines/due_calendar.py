"""Which rows become due in which month, from a plan's counts, as lines with bars. Pure; `due_picture` draws it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from governance.calendar import local_date
from governance.errors import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from retention.plan import Cell, Plan

Kind = Literal["due", "coming", "held", "unknown"]
KINDS: tuple[Kind, ...] = ("due", "coming", "held", "unknown")
_KIND_OF: Mapping[str, Kind] = {
    "due": "due",
    "keep": "coming",
    "case": "held",
    "open": "unknown",
    "RET_NO_CLOCK": "unknown",
}
"""By a cell's status. Rows that are anonymized already are in no kind: nothing becomes of them any more."""

BACK, AHEAD = 12, 12
"""Months before and after the plan's that have a line of their own."""
EARLIER, LATER, NO_DATE = "earlier", "later", "no date"
_YEAR = 12
_WIDTH = 40
_SIGNS: Mapping[Kind, str] = {"due": "█", "coming": "▒", "held": "/", "unknown": "?"}


@dataclass(frozen=True, slots=True)
class Line:
    """Rows of one month, or of all months before or after those that have a line, or of none.

    Attributes:
        label: "YYYY-MM", or one of `EARLIER`, `LATER`, `NO_DATE`.
        counts: rows by kind, as `KINDS` has them.
    """

    label: str
    counts: tuple[int, int, int, int]

    @property
    def rows(self) -> int:
        """All rows of the line."""
        return sum(self.counts)

    @property
    def is_month(self) -> bool:
        """Whether it is one month; bars of others are cut where a month's would end."""
        return self.label[:1].isdigit()


@dataclass(frozen=True, slots=True)
class Calendar:
    """The lines of one dataset, or of all together.

    Attributes:
        title: whose.
        month: the plan's own, "YYYY-MM".
        lasting: rows that have no day because what they belong to goes on.
    """

    title: str
    month: str
    lines: tuple[Line, ...]
    lasting: int

    @property
    def longest(self) -> int:
        """Rows that a bar of full length stands for."""
        months = max((line.rows for line in self.lines if line.is_month), default=0)
        return months or max((line.rows for line in self.lines), default=0)

    def total(self, kind: Kind) -> int:
        """Rows of one kind."""
        return sum(line.counts[KINDS.index(kind)] for line in self.lines)


def calendars_of(plan: Plan, *, each: bool = False) -> list[Calendar]:
    """Return the calendar of all datasets together, and with `each` one for every dataset that has rows."""
    month = local_date(plan.now).isoformat()[:7]
    found = [_calendar("all datasets", [cell for share in plan.shares for cell in share.cells], month)]
    if each:
        found += [_calendar(share.dataset, share.cells, month) for share in plan.shares if share.rows]
    return found


def to_text(calendar: Calendar) -> list[str]:
    """Return a calendar for a terminal: at most 98 columns, told apart without colour."""
    if not calendar.lines:
        return []
    heads = (f"{_SIGNS[kind]} {kind}" for kind in KINDS)
    lines = [
        f"Rows by the month of their due date, {calendar.title}:",
        "  month  " + "".join(f"{h:>11}" for h in heads),
    ]
    for line in calendar.lines:
        numbers = "".join(f"{number:>11,}" if number else f"{'·':>11}" for number in line.counts)
        now = ">" if line.label == calendar.month else " "
        lines.append(f"{now} {line.label:<7}{numbers}  {_bar(line, calendar.longest)}".rstrip())
    if calendar.lasting:
        lines.append(
            f"  {counted(calendar.lasting, 'row has', 'rows have')} no day: they last as long as what they belong to"
        )
    return lines


def _calendar(title: str, cells: Sequence[Cell], month: str) -> Calendar:
    shown = _months_shown(cells, month)
    counted: defaultdict[str, Counter[Kind]] = defaultdict(Counter)
    lasting = 0
    for cell in cells:
        kind = _KIND_OF.get(cell.status)
        if kind == "coming" and not _has_month(cell):
            lasting += cell.rows
        elif kind is not None:
            # What is open or without a clock has a day only when that ends.
            label = _label(cell.month, shown) if _has_month(cell) and kind != "unknown" else NO_DATE
            counted[label][kind] += cell.rows
    order = [EARLIER, *shown, LATER, NO_DATE]
    lines = [Line(label, _counts(counted[label])) for label in order if label in shown or counted[label].total()]
    return Calendar(title, month, tuple(lines), lasting)


def _counts(counted: Counter[Kind]) -> tuple[int, int, int, int]:
    return counted["due"], counted["coming"], counted["held"], counted["unknown"]


def _months_shown(cells: Sequence[Cell], month: str) -> list[str]:
    """Return the months that get a line: all from the first to the last with rows, near the plan's own."""
    there = {_number(cell.month) for cell in cells if cell.status in {"due", "keep", "case"} and _has_month(cell)}
    if not there:
        return []
    now = _number(month)
    near = {now, *(number for number in there if now - BACK <= number <= now + AHEAD)}
    return [f"{number // _YEAR}-{number % _YEAR + 1:02d}" for number in range(min(near), max(near) + 1)]


def _label(month: str, shown: Sequence[str]) -> str:
    if month < shown[0]:
        return EARLIER
    return month if month <= shown[-1] else LATER


def _has_month(cell: Cell) -> bool:
    return cell.month[:1].isdigit()


def _number(month: str) -> int:
    return int(month[:4]) * _YEAR + int(month[5:]) - 1


def _bar(line: Line, longest: int) -> str:
    """Return signs in proportion, one at least for what is there; dots at the end of a bar that was cut."""
    whole = max(longest, line.rows)
    signs = (
        _SIGNS[kind] * max(1, round(_WIDTH * number / whole))
        for kind, number in zip(KINDS, line.counts, strict=True)
        if number
    )
    return "".join(signs) + ("…" if line.rows > longest else "")
