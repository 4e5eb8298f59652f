"""Do what an approved plan says, unit by unit, and nothing else. No Beam here: `pipelines.retention_sweep` wires it.

    require_applicable ─► require_unchanged ─► second opinion ─► apply_unit … ─► purge

Whatever is refused is refused before the first row goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from governance.actors import approvers
from governance.errors import RefusedError, StoreError
from retention.endings import NOTHING
from retention.judging import Judge, months_of
from retention.ledger_use import LEDGER, holds_and_uses
from retention.rules import Status
from retention.stores.base import Removal
from retention.survey import judge_of, survey
from retention.sweeps import endings_at, holds_at, withdrawn_since
from retention.window import window_of, window_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from governance.ledger import Ledger
    from retention.datasets import Dataset
    from retention.endings import Ending, Endings
    from retention.holds import Hold
    from retention.judging import ColumnFunction
    from retention.plan import Plan, Unit
    from retention.stores.base import Store
    from retention.sweeps import Sweep

_MARK = 32


@dataclass(frozen=True)
class Work:
    """What a unit is worked off with.

    Attributes:
        digest: of the plan.
        now: the plan's instant.
        planned_holds: those in force when it was planned.
        standing_holds: asks for those in force now; asked again for every batch.
        treatments: of the dataset, by column.
        planned_endings: those on the list when it was planned.
        standing_endings: asks for those of them that were not withdrawn.
        prepare: called with the unit and the standing holds before its rows go.
    """

    dataset: Dataset
    store: Store
    digest: str
    now: datetime
    planned_holds: Sequence[Hold]
    standing_holds: Callable[[], Sequence[Hold]]
    treatments: Mapping[str, ColumnFunction] | None = None
    planned_endings: Endings = NOTHING
    standing_endings: Callable[[], Endings] = lambda: NOTHING
    prepare: Callable[[Unit, Sequence[Hold]], None] | None = None


def require_applicable(
    sweep: Sweep, wall: datetime, digests: Mapping[str, str], *, second_pair_of_eyes: bool = False
) -> None:
    """Refuse a plan that must not be applied.

    Args:
        sweep: the plan and what became of it.
        wall: the wall clock.
        digests: of register and policy as they are now.
        second_pair_of_eyes: somebody other than the planner must have approved.

    Raises:
        RefusedError: with what to do next.
    """
    plan = sweep.plan
    if plan.now > wall:
        raise RefusedError("this plan judges by an instant that is still to come: it is a forecast, nothing is deleted")
    if not sweep.begun and wall >= plan.expires:
        raise RefusedError("this plan expired: plan anew, and approve that")
    if wall < plan.created:
        raise RefusedError("this machine's clock is before the plan was made: set the clock right first")
    for name in ("register", "policy"):
        if digests[name] != getattr(plan, f"{name}_digest"):
            raise RefusedError(f"the {name} has changed since the plan was made: plan anew")
    if over := plan.excess():
        raise RefusedError(
            f"over the limit, nothing was deleted: {'; '.join(over)}. If that is right, plan anew with --limit-share "
            "or --limit-rows, and have that plan approved"
        )
    if not approvers(sweep.approvals, but=plan.by if second_pair_of_eyes else None):
        who = f"somebody other than {plan.by}" if second_pair_of_eyes else "somebody"
        raise RefusedError(f"{who} must approve this plan first: ebb sweep approve {sweep.digest[:16]}")


def require_unchanged(sweep: Sweep, work: Work, secret: bytes = b"") -> None:
    """Refuse if rows that the plan takes are not what they were, except in units that were begun.

    Args:
        sweep: the plan and what became of it.
        work: of one of its datasets.
        secret: what the plan's survey was given.

    Raises:
        RefusedError: the table changed.
    """
    plan, dataset = sweep.plan, work.dataset
    units = plan.share(dataset.id).units
    found = survey(
        dataset,
        work.store,
        plan.now,
        work.planned_holds,
        work.treatments,
        endings=work.planned_endings,
        # An ending makes rows due whatever month their clock is of.
        window=None if work.planned_endings.listed else window_over(dataset, [unit.part for unit in units]),
        secret=secret,
    )
    there = {unit.part: unit for unit in found.units}
    for unit in units:
        if (dataset.id, unit.part) not in sweep.begun and there.get(unit.part) != unit:
            month = unit.part
            raise RefusedError(f"{dataset.id} {month}: its due rows have changed since the plan was made; plan anew")


def apply_unit(unit: Unit, work: Work, ledger: Ledger, wall: Callable[[], datetime]) -> dict[str, Any]:
    """Remove or anonymize the rows of one unit; return its outcome as the ledger has it.

    Guarantees:
        The intent is in the ledger before the first row goes, the outcome after the last. A hold placed meanwhile
        wins, and so does the withdrawal of an ending; an ending listed meanwhile takes nothing. The outcome tells
        what went, by the store's own count: `kept` by a hold or a withdrawal, `changed` where a planned row was not
        due any more or was not there any more. Killed and called again, it counts every row once; a database records
        no deed, so there what earlier runs took is the plan's number less what the next one finds (`recounted`).

    Raises:
        StoreError: due rows are still there afterwards.
        LedgerError: the lock of sweeps is lost; nothing was touched.
    """
    name = {"dataset": unit.dataset, "part": unit.part}
    choice = _Choice(unit, work)
    # A lake's table records its deed with it, and tells the whole number however often it is asked.
    recounted = not work.store.parted and _is_begun(unit, work.digest, ledger)
    earlier = _taken_before(choice) if recounted else Removal()
    ledger.require_lock()
    ledger.append("sweep.intent", work.digest, {**name, "rows": unit.rows}, wall())
    if work.prepare is not None:
        work.prepare(unit, work.standing_holds())
    done = work.store.edit(
        work.dataset,
        choice.physical,
        choice.columns,
        choice,
        mark=f"sweep:{work.digest[:_MARK]}:{unit.part}",
        treat=choice.judge.treat if work.dataset.action == "anonymize" else None,
        window=choice.window,
    )
    left, kept = _remaining(choice)
    if left:
        raise StoreError(f"{unit.dataset} {unit.part}: {left} due rows are still there; run the command again")
    rows = earlier.rows + done.rows
    outcome = {
        **name,
        "rows": rows,
        "children": earlier.children + done.children,
        "kept": kept,
        "changed": max(0, unit.rows - rows - kept),
        "recounted": recounted,
    }
    ledger.append("sweep.outcome", work.digest, outcome, wall())
    return outcome


class _Choice:
    """Which rows go: due under the plan, of this unit, and due still by the holds and endings that stand now."""

    def __init__(self, unit: Unit, work: Work) -> None:
        dataset = work.dataset
        self.unit = unit
        self.work = work
        self.judge = judge_of(
            dataset, work.store, work.now, work.planned_holds, work.treatments, endings=work.planned_endings
        )
        key = dataset.key or work.store.shape(dataset.table).key
        self._key = key
        subject = [dataset.subject] if dataset.subject else []
        self.columns = list(dict.fromkeys([*self.judge.columns, *subject, *key]))
        self.physical = unit.part if work.store.parted else None
        self._month = None if work.store.parted else unit.part
        # An ending makes rows due whatever month their clock is of.
        anywhere = self._month is None or bool(work.planned_endings.listed)
        self.window = None if anywhere else window_of(dataset, str(self._month))

    def __call__(self, rows: pa.Table) -> np.ndarray:
        planned, kept = self.split(rows)
        chosen: np.ndarray = planned & ~kept
        return chosen

    def scan(self) -> Iterator[pa.Table]:
        """Yield the rows among which the unit's are."""
        return self.work.store.scan(self.work.dataset, self.columns, self.physical, self.window)

    def split(self, rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
        """Return masks: due under the plan; not due any more."""
        verdicts = self.judge(rows)
        planned = verdicts.is_status(Status.DUE)
        if self._month is not None:
            planned &= months_of(verdicts.due) == self._month
        work = self.work
        standing = [hold for hold in work.standing_holds() if hold.dataset in {"*", work.dataset.id}]
        later = Judge(work.dataset, work.now, standing, self._key, endings=work.standing_endings())(rows)
        return planned, ~later.is_status(Status.DUE)


def _remaining(choice: _Choice) -> tuple[int, int]:
    """Count rows of the unit that are left, and those that are kept after all."""
    left = kept = 0
    for rows in choice.scan():
        planned, not_due = choice.split(rows)
        left += int(np.count_nonzero(planned & ~not_due))
        kept += int(np.count_nonzero(planned & not_due))
    return left, kept


def _is_begun(unit: Unit, digest: str, ledger: Ledger) -> bool:
    """Say whether an earlier run, which was stopped, may have taken rows of the unit."""
    told = (entry.content for entry in ledger.entries("sweep.intent", digest) if entry.payload is not None)
    return any((one["dataset"], one["part"]) == (unit.dataset, unit.part) for one in told)


def _taken_before(choice: _Choice) -> Removal:
    """Return what runs that were stopped took of the unit: the plan's numbers less what is there now."""
    work, unit = choice.work, choice.unit
    rows = children = 0
    for batch in choice.scan():
        planned = batch.filter(pa.array(choice.split(batch)[0]))
        rows += planned.num_rows
        children += work.store.below(work.dataset, planned) if work.dataset.children else 0
    return Removal(max(0, unit.rows - rows), max(0, unit.children - children))


def work_on(
    plan: Plan,
    dataset: Dataset,
    store: Store,
    ledger: Ledger,
    treatments: Mapping[str, ColumnFunction] | None = None,
    *,
    prepare: Callable[[Unit, Sequence[Hold]], None] | None = None,
    endings_in: Callable[[Sequence[Ending]], Endings],
) -> Work:
    """Return what units of a dataset are worked off with; units of the ledger also leave what is in use of it.

    `endings_in` picks from a list those endings that touch the dataset.
    """
    planned = endings_in(endings_at(ledger, plan.created))
    own = dataset.id == LEDGER

    def holds(instant: datetime | None = None) -> Sequence[Hold]:
        return holds_and_uses(ledger, plan.now, instant) if own else holds_at(ledger, instant)

    return Work(
        dataset=dataset,
        store=store,
        digest=plan.digest,
        now=plan.now,
        planned_holds=holds(plan.created),
        standing_holds=holds,
        treatments=treatments,
        planned_endings=planned,
        standing_endings=lambda: planned.without(withdrawn_since(ledger, plan.created)),
        prepare=prepare,
    )
