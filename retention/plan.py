"""The plan of a sweep: what goes, what stays and why, in counts; bound to its digest (R-RET-11). Pure."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, Field

from governance.calendar import local_date
from governance.errors import RefusedError, counted
from governance.policy.parts import Part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from retention.datasets import Dataset

LIFE = timedelta(hours=24)
DEFAULT_SHARE = 0.25
"""A sweep that takes more of a table than this needs a plan that says so."""
GRACE = timedelta(days=30)
"""How long after its due date a row may still be there (R-RET-05)."""
ROWS_A_SECOND = {"delta": 400_000, "sql": 15_000}
FORMAT = "ebb.plan.v1"


class Cell(Part):
    """Rows of one dataset, due month and status.

    Attributes:
        month: "YYYY-MM"; "unknown" without a due date.
        status: due, keep, done (anonymized already), case, open or RET_NO_CLOCK.
    """

    month: str
    status: str
    rows: int = Field(ge=0)


class Unit(Part):
    """One bounded piece of work.

    Attributes:
        part: partition of a lake's table, or due month of a database's.
        month: due month of its rows, where all have the same; else "".
        state: fingerprint of the rows it takes, under a key of the installation; tells nothing of them.
        children: rows of child tables that go with them.
    """

    dataset: str
    part: str
    rows: int = Field(gt=0)
    children: int = 0
    state: str


class Share(Part):
    """What a plan says of one dataset.

    Attributes:
        presumed: rows that are presumed closed at their last change, due or still to be kept.
    """

    dataset: str
    store: str
    table: str
    role: str
    retention: str
    action: Literal["delete", "anonymize"]
    rows: int
    cells: tuple[Cell, ...]
    units: tuple[Unit, ...]
    seconds: float
    oldest_due: str | None = None
    presumed: int = 0

    @property
    def due(self) -> int:
        """Rows that the plan takes."""
        return sum(unit.rows for unit in self.units)

    @property
    def children(self) -> int:
        """Rows of children that go with them."""
        return sum(unit.children for unit in self.units)

    def count(self, status: str) -> int:
        """Rows with a status."""
        return sum(cell.rows for cell in self.cells if cell.status == status)


class Limit(Part):
    """How much a sweep may take: rows, or a share of each table; beyond it nothing is deleted at all."""

    rows: int | None = Field(default=None, ge=0)
    share: float = Field(default=DEFAULT_SHARE, gt=0, le=1)


class Plan(Part):
    """A sweep as it was planned.

    Attributes:
        now: instant that rows are judged by; drill: it was given, and is not the wall clock's.
        register_digest, policy_digest, holds_digest: what it was made under; a change makes it void.
        endings_digest: of the list of endings as it was; None in plans from before there was one.
        presume_closed: rows without a clock count from their last change, after twelve months (R-RET-07).
    """

    format: Literal["ebb.plan.v1"] = "ebb.plan.v1"
    created: AwareDatetime
    expires: AwareDatetime
    now: AwareDatetime
    drill: bool
    by: str
    register_digest: str
    policy_digest: str
    holds_digest: str
    endings_digest: str | None = None
    presume_closed: bool = False
    limit: Limit
    shares: tuple[Share, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the plan; who approves it approves exactly this."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Return the canonical text that the digest is of."""
        document = self.model_dump(mode="json")
        if self.endings_digest is None:
            del document["endings_digest"]
        if not self.presume_closed:  # as in plans from before there was such a thing
            del document["presume_closed"]
            for share in document["shares"]:
                del share["presumed"]
        return json.dumps(document, sort_keys=True, separators=(",", ":"))

    @property
    def units(self) -> tuple[Unit, ...]:
        """Every unit, in order."""
        return tuple(unit for share in self.shares for unit in share.units)

    @property
    def due(self) -> int:
        """Rows that the plan takes, children not counted."""
        return sum(share.due for share in self.shares)

    @property
    def seconds(self) -> float:
        """Estimate of the work."""
        return sum(share.seconds for share in self.shares)

    def share(self, dataset: str) -> Share:
        """Return what the plan says of a dataset."""
        return next(share for share in self.shares if share.dataset == dataset)

    def excess(self) -> list[str]:
        """Return a sentence for each limit that the plan is over."""
        lines = []
        for share in self.shares:
            part = share.due / share.rows if share.rows else 0.0
            if part > self.limit.share:
                rows = counted(share.rows, "row")
                lines.append(f"{share.dataset}: {share.due:,} of {rows} ({part:.0%}, limit {self.limit.share:.0%})")
        if self.limit.rows is not None and self.due > self.limit.rows:
            lines.append(f"all together: {counted(self.due, 'row')} (limit {self.limit.rows:,})")
        return lines

    def overdue(self, now: datetime) -> list[Share]:
        """Return the datasets with rows that were due more than thirty days ago and are still there."""
        latest = (local_date(now) - GRACE).isoformat()
        return [share for share in self.shares if share.oldest_due is not None and share.oldest_due < latest]


def make_plan(
    shares: Sequence[Share],
    *,
    now: datetime,
    wall: datetime,
    drill: bool,
    by: str,
    digests: Mapping[str, str],
    limit: Limit,
    presume_closed: bool = False,
) -> Plan:
    """Return the plan of a sweep over surveyed datasets.

    Args:
        shares: what `retention.survey` found.
        now: what rows were judged by.
        wall: the wall clock; the plan expires a day after it.
        drill: `now` was given.
        by: who plans.
        digests: of register, policy, holds and endings.
        limit: how much it may take.
        presume_closed: rows were judged so.
    """
    return Plan(
        created=wall,
        expires=wall + LIFE,
        now=now,
        drill=drill,
        by=by,
        register_digest=digests["register"],
        policy_digest=digests["policy"],
        holds_digest=digests["holds"],
        endings_digest=digests["endings"],
        presume_closed=presume_closed,
        limit=limit,
        shares=tuple(shares),
    )


def read_plan(text: str) -> Plan:
    """Read a plan back; RefusedError if it is not one."""
    try:
        return Plan.model_validate_json(text)
    except ValueError:
        raise RefusedError("this is not a plan of this version: plan anew") from None


def estimate(dataset: Dataset, rows: int, due: int) -> float:
    """Return the seconds that sweeping a dataset takes, roughly: reading all of it, and removing what is due."""
    kind = "delta" if dataset.month or dataset.clock.due else "sql"
    return round(rows / ROWS_A_SECOND["delta"] + due / ROWS_A_SECOND[kind] + 0.2, 1)
