"""What the ledger knows of sweeps, holds and endings: every state is read from entries, nothing is kept beside.

sweep.plan → sweep.approval → sweep.checked → (sweep.intent → sweep.outcome)* → sweep.purged → sweep.applied
           → sweep.verified → sweep.certificate
hold.placed → hold.released
ending.listed → ending.withdrawn
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from governance.calendar import local_date
from governance.errors import LedgerError, RefusedError, UsageError
from governance.policy.retention import due_date
from retention.endings import Ending
from retention.holds import Hold
from retention.plan import Plan, read_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from governance.ledger import Entry, Ledger

_SHORTEST = 8
_RELEASED = "hold.released"


@dataclass(frozen=True)
class Sweep:
    """One sweep as the ledger tells it.

    Attributes:
        approvals: who approved, in order.
        begun: units whose work may have begun.
        outcomes: by (dataset, part): rows removed, children, rows that a later hold kept, and planned ones that were
            not due any more or not there any more.
        purges: by dataset: what `purge` promised, and when.
        stages: instant at which each kind was last recorded, ISO 8601.
    """

    plan: Plan
    digest: str
    approvals: tuple[str, ...] = ()
    checked: bool = False
    begun: frozenset[tuple[str, str]] = frozenset()
    outcomes: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    purges: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    verified: Mapping[str, Any] | None = None
    certificate: Mapping[str, Any] | None = None
    stages: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """Where the sweep stands, in one word."""
        for kind, word in (
            ("sweep.certificate", "certified"),
            ("sweep.verified", "verified"),
            ("sweep.applied", "applied"),
            ("sweep.intent", "applying"),
            ("sweep.approval", "approved"),
        ):
            if kind in self.stages:
                return word
        return "planned"

    def removed(self, dataset: str) -> int:
        """Rows that went, by the outcomes of a dataset."""
        return self._sum(dataset, "rows")

    def removed_children(self, dataset: str) -> int:
        """Rows of children that went."""
        return self._sum(dataset, "children")

    def kept(self, dataset: str) -> int:
        """Planned rows that stayed because of a hold, or of an ending that was withdrawn."""
        return self._sum(dataset, "kept")

    def changed(self, dataset: str) -> int:
        """Planned rows that were not due any more when their turn came, or not there any more."""
        return self._sum(dataset, "changed")

    def recounted(self, dataset: str) -> bool:
        """Say whether what a run took before it was stopped is known by what the next one found."""
        return self._sum(dataset, "recounted") > 0

    def _sum(self, dataset: str, what: str) -> int:
        return sum(int(o.get(what, 0)) for (name, _), o in self.outcomes.items() if name == dataset)


def record_plan(ledger: Ledger, plan: Plan, wall: datetime) -> str:
    """Write a plan into the ledger and return its digest."""
    ledger.append("sweep.plan", plan.digest, plan.model_dump(mode="json"), wall)
    return plan.digest


def find_sweep(ledger: Ledger, digest: str) -> Sweep:
    """Return the sweep whose digest begins with `digest`.

    Raises:
        UsageError: too few digits to tell a plan by.
        RefusedError: no plan begins so, or the one in the ledger is not what its digest says.
    """
    if len(digest) < _SHORTEST:
        raise UsageError(f"give at least {_SHORTEST} digits of the plan's digest: `ebb sweep list` shows them")
    plans = {entry.reference: entry for entry in ledger.entries("sweep.plan", digest.lower())}
    if not plans:
        raise RefusedError(f"no plan begins with {digest}: `ebb sweep list` shows them")
    if len(plans) > 1:
        raise UsageError(f"several plans begin with {digest}: give more digits")
    ((reference, entry),) = plans.items()
    if entry.payload is None:
        raise RefusedError("this plan was deleted from the ledger when it was due")
    plan = read_plan(entry.payload)
    if plan.digest != reference:
        raise RefusedError("the plan in the ledger is not what its digest says: run `ebb ledger verify`")
    return _told(plan, reference, ledger.entries("sweep.", reference))


def list_sweeps(ledger: Ledger) -> list[Sweep]:
    """Return every sweep, oldest first."""
    plans = [entry for entry in ledger.entries("sweep.plan") if entry.payload is not None]
    rest = ledger.entries("sweep.")
    return [
        _told(read_plan(plan.payload or ""), plan.reference, [e for e in rest if e.reference == plan.reference])
        for plan in plans
    ]


def holds_at(ledger: Ledger, instant: datetime | None = None) -> list[Hold]:
    """Return the holds in force at `instant`, now by default: placed, and not released.

    Of those released since, what they listed may have been deleted when it was due; such are left out.

    Raises:
        LedgerError: what a standing case lists is not there, so nobody knows what it keeps.
    """
    entries = ledger.entries("hold.")
    for entry in _standing(entries):
        if entry.payload is None:
            raise LedgerError(
                f"case {entry.reference} stands, and what it lists was removed from the ledger: run `ebb ledger "
                "verify`, and restore the ledger from a copy or release the case and place it under another number"
            )
    found = []
    for entry in _standing(recorded_by(entries, instant)):
        if entry.payload is not None:
            content = entry.content
            found.append(Hold(entry.reference, content["dataset"], content["scope"], frozenset(content["values"])))
    return found


def recorded_by(entries: Iterable[Entry], instant: datetime | None) -> list[Entry]:
    """Return the entries that were recorded until `instant`, all by default.

    Clocks may differ by minutes, so an entry may be recorded a little before the one in front of it.
    """
    until = instant.astimezone(UTC).isoformat(timespec="microseconds") if instant else None
    return [entry for entry in entries if until is None or entry.recorded <= until]


def may_defer(ledger: Ledger, now: datetime, instant: datetime | None = None) -> bool:
    """Say whether rows of an ending may still wait for a hold: one stands, or was released less than three years ago.

    Args:
        ledger: the installation's.
        now: what the three years are judged by.
        instant: entries after it do not count; none by default.
    """
    entries = recorded_by(ledger.entries("hold."), instant)
    return bool(_standing(entries)) or any(e.kind == _RELEASED and not _outlived(e, now) for e in entries)


def _standing(entries: Iterable[Entry]) -> list[Entry]:
    """Return the placements that no release of their case follows, whether or not their payload is there."""
    placed: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.kind == _RELEASED:
            placed.pop(entry.reference, None)
        else:
            placed.setdefault(entry.reference, []).append(entry)
    return [entry for those in placed.values() for entry in those]


def place_hold(ledger: Ledger, hold: Hold, *, by: str, reason: str, wall: datetime) -> None:
    """Write a hold into the ledger; it counts from now on, for sweeps already planned too.

    Raises:
        RefusedError: the case was released. Its key of the vault may be destroyed for good, and no record could be kept
            under it.
    """
    if any(entry.reference == hold.case for entry in ledger.entries(_RELEASED, hold.case)):
        raise RefusedError(f"case {hold.case} was released, and its key may be destroyed: give the hold another number")
    content = {"dataset": hold.dataset, "scope": hold.scope, "values": sorted(hold.values), "by": by, "reason": reason}
    ledger.append("hold.placed", hold.case, content, wall)


def release_holds(ledger: Ledger, case: str, *, by: str, wall: datetime) -> int:
    """Release a case and return how many holds it had; what they deferred is due in the next sweep.

    Raises:
        UsageError: nothing is held under the case.
    """
    number = sum(entry.reference == case for entry in _standing(ledger.entries("hold.")))
    if not number:
        raise UsageError(f"nothing is held under case {case}: `ebb hold list` shows the cases")
    ledger.append(_RELEASED, case, {"by": by, "holds": number}, wall)
    return number


def endings_at(ledger: Ledger, instant: datetime | None = None) -> list[Ending]:
    """Return the endings on the list at `instant`, now by default: listed, and not withdrawn.

    At an instant, those whose own record is due by then (GOV) do not count any more, unless a hold may defer what they
    list: a sweep that forgets one is not judged by it.
    """
    over = instant if instant and not may_defer(ledger, instant, instant) else None
    standing: dict[str, list[Ending]] = {}
    for entry in recorded_by(ledger.entries("ending."), instant):
        if entry.kind == "ending.withdrawn":
            standing.pop(entry.reference, None)
        elif entry.payload is not None and not (over and _outlived(entry, over)):
            content = entry.content
            at = datetime.fromisoformat(content["until"])
            values = frozenset(content["values"])
            ending = Ending(entry.reference, content["scope"], content["dataset"], at, values)
            standing.setdefault(entry.reference, []).append(ending)
    return [ending for endings in standing.values() for ending in endings]


def _outlived(entry: Entry, instant: datetime) -> bool:
    due = due_date("GOV", local_date(datetime.fromisoformat(entry.recorded)))
    return due is not None and due <= local_date(instant)


def withdrawn_since(ledger: Ledger, instant: datetime) -> frozenset[str]:
    """Return the numbers of endings that were on the list at `instant` and are not any more."""
    standing = {ending.id for ending in endings_at(ledger)}
    return frozenset(ending.id for ending in endings_at(ledger, instant)) - standing


def list_ending(ledger: Ledger, ending: Ending, *, by: str, wall: datetime) -> None:
    """Write an ending into the ledger; sweeps that are planned from now on take what it lists."""
    content = {
        "scope": ending.scope,
        "dataset": ending.dataset,
        "until": ending.until.astimezone(UTC).isoformat(),
        "values": sorted(ending.values),
        "by": by,
    }
    ledger.append("ending.listed", ending.id, content, wall)


def withdraw_ending(ledger: Ledger, number: str, *, by: str, wall: datetime) -> None:
    """Take a listing back, which was a mistake; what no sweep has taken yet stays, in planned sweeps too.

    Raises:
        UsageError: nothing is listed under the number.
    """
    if all(ending.id != number for ending in endings_at(ledger)):
        raise UsageError(f"nothing is listed under {number}: `ebb ended list` shows the numbers")
    ledger.append("ending.withdrawn", number, {"by": by}, wall)


def _told(plan: Plan, digest: str, entries: Sequence[Entry]) -> Sweep:
    approvals: list[str] = []
    begun: set[tuple[str, str]] = set()
    outcomes: dict[tuple[str, str], Mapping[str, Any]] = {}
    purges: dict[str, Mapping[str, Any]] = {}
    last: dict[str, Mapping[str, Any]] = {}
    stages: dict[str, str] = {}
    for entry in entries:
        content = entry.content
        stages[entry.kind] = entry.recorded
        if entry.payload is None:  # deleted when it was due; a sweep of the ledger that was killed leaves others
            continue
        last[entry.kind] = content
        if entry.kind == "sweep.approval":
            approvals.append(content.get("by", ""))
        elif entry.kind == "sweep.intent":
            begun.add((content["dataset"], content["part"]))
        elif entry.kind == "sweep.outcome":
            # The first outcome of a unit is the one that counts: done twice is done once.
            outcomes.setdefault((content["dataset"], content["part"]), {**content, "at": entry.recorded})
        elif entry.kind == "sweep.purged":
            purges[content["dataset"]] = {**content, "at": entry.recorded}
    return Sweep(
        plan=plan,
        digest=digest,
        approvals=tuple(approvals),
        checked="sweep.checked" in stages,
        begun=frozenset(begun),
        outcomes=outcomes,
        purges=purges,
        verified=last.get("sweep.verified"),
        certificate=last.get("sweep.certificate"),
        stages=stages,
    )
