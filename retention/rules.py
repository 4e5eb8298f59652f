"""What is to become of a row: KEEP, HOLD or DUE, and when it falls due (R-RET-02 to R-RET-07). Pure and columnar.

    open or without a clock ──► HOLD     fails closed both ways: not deleted, not used
    of a listed ending      ──► its day  copies, and records without a floor: never another record
    under a case            ──► HOLD     even past its day
    day not yet come        ──► KEEP
    else                    ──► DUE

Dates are +08:00 dates. A row is due at 00:00 of its due date. A floor binds records; a copy has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from governance.calendar import local_date
from governance.errors import RefusedError
from governance.policy.retention import PERIODS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from governance.policy.rows import Retention

Role = Literal["record", "copy", "aggregate"]

FLOOR_MONTHS: Mapping[str, int] = MappingProxyType({"TXN": 36, "LOG": 6, "GOV": 36})
"""Classes whose records may not go earlier, and for how many months."""

AT_ONCE = frozenset({"PROFILE", "CONTENT"})
"""Classes that are due as soon as they have ended: cancelled, removed, purpose over."""

SILENT_MONTHS = 12
"""How long nothing has changed before a transaction may be presumed closed (R-RET-07)."""

NO_DAY = np.datetime64("NaT", "D")


class Status(IntEnum):
    """What is to become of a row."""

    KEEP = 0
    HOLD = 1
    DUE = 2


class Why(IntEnum):
    """Why a row has its status."""

    TERM = 0
    """Its calendar alone."""
    NO_CLOCK = 1
    """Nobody knows when its clock started: RET_NO_CLOCK."""
    OPEN = 2
    """What it belongs to is unfinished or disputed."""
    CASE = 3
    """A hold lists it."""
    PRESUMED = 4
    """Its calendar, from its last change: presumed closed."""


@dataclass(frozen=True, slots=True)
class Term:
    """How long rows of a dataset stay.

    Attributes:
        retention: class of R-RET-05.
        role: a record has the floor of its class; copies and aggregates have none.
        extension: rows are not due before this date (R-RET-03); None without an entry.
    """

    retention: Retention
    role: Role
    extension: date | None = None

    def __post_init__(self) -> None:
        if self.retention == "NONE":
            raise RefusedError("class NONE is never stored: destroy the field at the door, do not sweep it")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One verdict a row.

    Attributes:
        status: `Status`, int8.
        why: `Why`, int8.
        due: +08:00 due date, datetime64[D]; NaT where it is unknown or where no calendar ends the class.
    """

    status: np.ndarray
    why: np.ndarray
    due: np.ndarray

    def is_status(self, status: Status) -> np.ndarray:
        """Return the mask of rows with `status`."""
        mask: np.ndarray = self.status == status
        return mask


def judge(
    term: Term,
    start: np.ndarray,
    now: datetime,
    *,
    ended: np.ndarray | None = None,
    stated: np.ndarray | None = None,
    unfinished: np.ndarray | None = None,
    held: np.ndarray | None = None,
    listed: np.ndarray | None = None,
    undated: np.ndarray | None = None,
    presumed: np.ndarray | None = None,
) -> Verdicts:
    """Judge rows.

    Args:
        term: class, role and extension.
        start: +08:00 date on which the clock started, datetime64[D]; NaT if unknown. Shape (rows,).
        now: aware instant to judge by.
        ended: date of cancellation, removal or end of purpose (PROFILE, CONTENT); NaT while it lasts.
        stated: due date that the row itself carries; beats the class's ceiling, never a record's floor.
        unfinished: true where an order is open or disputed.
        held: true where a case lists the row.
        listed: date on which an ending lists the row; NaT where none does.
        undated: true where an ending lists a row of which nobody knows the day: held, as without a clock.
        presumed: true where `start` is the row's last change, by `may_presume_closed`.

    Guarantees:
        No row is DUE before its floor. A later `now` never turns DUE into another status. A hold only ever turns a
        verdict into HOLD. An ending only ever makes a row without a floor due earlier, or holds it.
    """
    due = _due(term, start, ended, stated, listed)
    today = np.datetime64(local_date(now), "D")
    rows = len(start)
    status = np.where(due <= today, Status.DUE, Status.KEEP).astype(np.int8)
    why = np.full(rows, Why.TERM, np.int8)
    if presumed is not None:
        why[presumed] = Why.PRESUMED
    unknown = np.isnat(due) & ~_lasting(term, start, ended)
    if undated is not None and not has_floor(term):
        unknown |= undated & (status == Status.KEEP)
    for mask, reason in ((unknown, Why.NO_CLOCK), (unfinished, Why.OPEN), (held, Why.CASE)):
        if mask is not None:
            status[mask] = Status.HOLD
            why[mask] = reason
    return Verdicts(status, why, due)


def has_floor(term: Term) -> bool:
    """Say whether rows must be kept for a time, whoever asks (R-RET-02)."""
    return term.role == "record" and term.retention in FLOOR_MONTHS


def may_presume_closed(
    start: np.ndarray, last: np.ndarray, now: datetime, unfinished: np.ndarray | None = None
) -> np.ndarray:
    """Mask the rows that may be presumed closed at their last change (R-RET-07).

    Args:
        start: +08:00 date on which the clock started; only rows without one are presumed closed. Shape (rows,).
        last: +08:00 date of the last change; NaT if unknown, and then nothing is presumed.
        now: aware instant to judge by.
        unfinished: true where an order is open or disputed: that is no silence.
    """
    silent = due_dates(last, months=SILENT_MONTHS) <= np.datetime64(local_date(now), "D")
    mask: np.ndarray = np.isnat(start) & silent
    return mask if unfinished is None else mask & ~unfinished


def due_dates(start: np.ndarray, *, months: int = 0, days: int = 0) -> np.ndarray:
    """Return the date after the last day of a period that began on `start`, whose own day is not counted.

    A month without the corresponding day ends the period on its last day. NaT stays NaT.
    """
    first = start.astype("datetime64[M]")
    month = first + np.timedelta64(months, "M")
    offset = start - first.astype("datetime64[D]")
    longest = (month + np.timedelta64(1, "M")).astype("datetime64[D]") - month.astype("datetime64[D]")
    last = month.astype("datetime64[D]") + np.minimum(offset, longest - np.timedelta64(1, "D"))
    result: np.ndarray = last + np.timedelta64(days + 1, "D")
    return result


def _due(
    term: Term, start: np.ndarray, ended: np.ndarray | None, stated: np.ndarray | None, listed: np.ndarray | None
) -> np.ndarray:
    period = PERIODS[term.retention]
    due = np.full(len(start), NO_DAY)
    if stated is not None:
        due = stated.astype("datetime64[D]")
    elif period.months or period.days:
        due = due_dates(start, months=period.months, days=period.days)
    if ended is not None and term.retention in AT_ONCE:
        due = np.fmin(due, ended)
    if listed is not None and not has_floor(term):
        due = np.fmin(due, listed)
    if has_floor(term):
        floor = due_dates(start, months=FLOOR_MONTHS[term.retention])
        later = np.maximum(due, floor)
        # A stated date stands where the row keeps no clock beside it; a row that states none is unknown.
        due = later if stated is None else np.where(np.isnat(floor), due, later)
    if term.extension is not None:
        due = np.where(np.isnat(due), due, np.maximum(due, np.datetime64(term.extension, "D")))
    return due


def _lasting(term: Term, start: np.ndarray, ended: np.ndarray | None) -> np.ndarray:
    """Mask rows of a class without a calendar that have simply not ended yet: those are kept, not unknown."""
    if ended is None or term.retention != "CONTENT":
        return np.zeros(len(start), bool)
    lasting: np.ndarray = np.isnat(ended)
    return lasting
