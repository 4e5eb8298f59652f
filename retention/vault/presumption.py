"""A presumption: which orders ops take for closed at their last event, planned, approved and carried out (R-RET-07).

presumption.plan → presumption.approval → presumption.begun → presumption.applied

Counts are for people; what binds are the marks, one an order, which tell nothing of it. An order of which something
was heard since has another mark, and is left out.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AwareDatetime, Field, ValidationError

from governance.actors import approvers
from governance.errors import RefusedError, UsageError
from governance.policy.parts import Part
from retention.vault.settling import Settlement, open_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from governance.ledger import Ledger
    from retention.vault.waiting import Outlook

LIFE = timedelta(hours=24)
_SHORTEST = 8


class Cell(Part):
    """Orders that are to be presumed closed in a month: that of their last event."""

    month: str
    system: str
    orders: int = Field(gt=0)
    rows: int = Field(gt=0)


class Presumption(Part):
    """What was looked at, and what is proposed.

    Attributes:
        now: instant that the twelve months are judged by; drill: it was given.
        cells: orders and records by month of the last event and system.
        waiting: records that stay without a clock, by reason.
        marks: fingerprints of the orders' records, sorted.
    """

    format: Literal["ebb.presumption.v1"] = "ebb.presumption.v1"
    created: AwareDatetime
    expires: AwareDatetime
    now: AwareDatetime
    drill: bool
    by: str
    cells: tuple[Cell, ...]
    waiting: dict[str, int]
    marks: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the presumption; who approves it approves exactly this."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def rows(self) -> int:
        """Records of the orders."""
        return sum(cell.rows for cell in self.cells)


@dataclass(frozen=True)
class Presumed:
    """A presumption as the ledger tells it.

    Attributes:
        approvals: who approved, in order.
        begun: it may have been carried out in part.
        applied: what was done, once it is.
    """

    plan: Presumption
    digest: str
    approvals: tuple[str, ...] = ()
    begun: bool = False
    applied: Mapping[str, Any] | None = field(default=None)

    @property
    def state(self) -> str:
        """Where it stands, in one word."""
        if self.applied is not None:
            return "applied"
        return "applying" if self.begun else "approved" if self.approvals else "planned"


def presume(outlook: Outlook, *, now: datetime, wall: datetime, drill: bool, by: str) -> Presumption:
    """Return the plan that presumes closed what may be.

    Args:
        outlook: of the vault.
        now: what it was judged by.
        wall: the wall clock; the plan expires a day after it.
        drill: `now` was given.
        by: who plans.
    """
    orders: Counter[tuple[str, str]] = Counter()
    rows: Counter[tuple[str, str]] = Counter()
    for (system, _), quiet in outlook.quiet.items():
        cell = (quiet.last.isoformat()[:7], system)
        orders[cell] += 1
        rows[cell] += quiet.rows
    waiting: Counter[str] = Counter()
    for cell_of_rows, number in outlook.cells.items():
        waiting[cell_of_rows.why] += number
    return Presumption(
        created=wall,
        expires=wall + LIFE,
        now=now,
        drill=drill,
        by=by,
        cells=tuple(Cell(month=m, system=s, orders=n, rows=rows[m, s]) for (m, s), n in sorted(orders.items())),
        waiting=dict(sorted(waiting.items())),
        marks=tuple(sorted(quiet.mark for quiet in outlook.quiet.values())),
    )


def record_presumption(ledger: Ledger, plan: Presumption, wall: datetime) -> None:
    """Write the plan into the ledger."""
    ledger.append("presumption.plan", plan.digest, plan.model_dump(mode="json"), wall)


def find_presumption(ledger: Ledger, digest: str) -> Presumed:
    """Return the presumption whose digest begins with `digest`.

    Raises:
        UsageError: too few digits to tell one by.
        RefusedError: none begins so, or it is not what its digest says.
    """
    if len(digest) < _SHORTEST:
        raise UsageError(f"give at least {_SHORTEST} digits of the presumption's digest")
    plans = {entry.reference: entry for entry in ledger.entries("presumption.plan", digest.lower())}
    if not plans:
        raise RefusedError(f"no presumption begins with {digest}: `ebb ledger show` lists what was planned")
    if len(plans) > 1:
        raise UsageError(f"several presumptions begin with {digest}: give more digits")
    ((reference, entry),) = plans.items()
    try:
        plan = Presumption.model_validate_json(entry.payload or "")
    except ValidationError:
        raise RefusedError("this is not a presumption of this version: plan anew") from None
    if plan.digest != reference:
        raise RefusedError("the presumption in the ledger is not what its digest says: run `ebb ledger verify`")
    found = ledger.entries("presumption.", reference)
    applied = [entry.content for entry in found if entry.kind == "presumption.applied"]
    return Presumed(
        plan=plan,
        digest=reference,
        approvals=tuple(entry.content.get("by", "") for entry in found if entry.kind == "presumption.approval"),
        begun=any(entry.kind == "presumption.begun" for entry in found),
        applied=applied[0] if applied else None,
    )


def require_approved(found: Presumed, wall: datetime, *, second_pair_of_eyes: bool) -> None:
    """Refuse a presumption that must not be carried out.

    Raises:
        RefusedError: with what to do next.
    """
    plan = found.plan
    if wall < plan.created:
        raise RefusedError("this machine's clock is before the plan was made: set the clock right first")
    if not found.begun and wall >= plan.expires:
        raise RefusedError("this presumption expired: plan anew, and approve that")
    if not approvers(found.approvals, but=plan.by if second_pair_of_eyes else None):
        who = f"somebody other than {plan.by}" if second_pair_of_eyes else "somebody"
        raise RefusedError(f"{who} must approve it first: ebb vault presume approve {found.digest[:16]}")


def presumed_settlement(plan: Presumption, outlook: Outlook, today: date, wall: date) -> Settlement:
    """Return what moves the orders of a plan that are what they were; everything else stays where it is.

    Args:
        plan: approved.
        outlook: of the vault as it is now.
        today: +08:00 date that the plan was judged by.
        wall: the wall clock's +08:00 date, which names keys.
    """
    marks = frozenset(plan.marks)
    chosen = {order: quiet.last for order, quiet in sorted(outlook.quiet.items()) if quiet.mark in marks}
    return Settlement(chosen, frozenset(), today.isoformat(), "", open_key(wall), frozenset(chosen))


def outcome(plan: Presumption, outlook: Outlook) -> dict[str, int]:
    """Return what lies presumed closed by a plan, and how many of its orders were left out."""
    marks = frozenset(plan.marks)
    there = [quiet for quiet in outlook.presumed.values() if quiet.mark in marks]
    return {
        "orders": len(there),
        "rows": sum(quiet.rows for quiet in there),
        "left_out": len(marks) - len(there),
    }
