"""Compare what is there with what was planned, by the witness's counts alone. Shares no code with `retention.apply`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from governance.errors import RefusedError, counted
from retention.witness.opinion import form_opinion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from retention.datasets import Dataset
    from retention.endings import Endings
    from retention.holds import Hold
    from retention.plan import Plan, Share
    from retention.witness.opinion import Opinion

_EAST_EIGHT_HOURS = 8


def require_agreement(share: Share, opinion: Opinion) -> None:
    """Refuse a plan that the second reading does not come to as well; nothing has been deleted then.

    Raises:
        RefusedError: names dataset and months.
    """
    planned = Counter({cell.month: cell.rows for cell in share.cells if cell.status == "due"})
    if planned != opinion.due:
        months = sorted({m for m in {*planned, *opinion.due} if planned[m] != opinion.due[m]})
        told = ", ".join(f"{month}: {planned[month]:,} planned, {opinion.due[month]:,} counted" for month in months[:5])
        raise RefusedError(
            f"{share.dataset}: two readings of what is due disagree ({told}); nothing was deleted, plan anew"
        )
    if share.rows != opinion.total and share.role == "record":
        before, after = f"{share.rows:,}", f"{opinion.total:,}"
        if opinion.total < share.rows:
            raise RefusedError(f"{share.dataset}: {before} rows were planned on, {after} are there; plan anew")


@dataclass(frozen=True, slots=True)
class Taken:
    """What the ledger tells of a dataset's rows.

    Attributes:
        rows: that went; children: rows of children with them.
        kept: planned, and held since.
        changed: planned, and not due any more or not there any more when their turn came.
    """

    rows: int = 0
    children: int = 0
    kept: int = 0
    changed: int = 0


def verify(
    plan: Plan,
    datasets: Mapping[str, Dataset],
    places: Mapping[str, tuple[str, str]],
    *,
    holds: Iterable[Hold],
    removed: Mapping[str, Taken],
    wall: datetime,
    statistics: Mapping[str, frozenset[str]],
    endings: Mapping[str, Endings],
    withdrawn: frozenset[str],
) -> dict[str, Any]:
    """Read every dataset of a plan again, every file and row, and say whether exactly the planned rows are gone.

    Args:
        plan: what was to go.
        datasets: by id.
        places: kind and URL of each store.
        holds: all that stood at some time since the plan was made.
        removed: by dataset, what went by the ledger.
        wall: the wall clock.
        statistics: by dataset, columns that its log may tell of.
        endings: by dataset, those that the plan was made under.
        withdrawn: numbers of those that were taken back since.

    Returns:
        `ok`, and one finding a dataset with its numbers and what is wrong; no personal data.
    """
    held = list(holds)
    findings = []
    for share in plan.shares:
        kind, url = places[share.store]
        told = statistics.get(share.dataset, frozenset())
        opinion = form_opinion(
            datasets[share.dataset],
            kind,
            url,
            plan.now,
            held,
            wall=wall,
            endings=endings[share.dataset],
            withdrawn=withdrawn,
            statistics=told,
        )
        findings.append(_finding(share, opinion, removed.get(share.dataset, Taken()), plan))
    return {"ok": all(not finding["wrong"] for finding in findings), "datasets": findings}


def _finding(share: Share, opinion: Opinion, taken: Taken, plan: Plan) -> dict[str, Any]:
    month = _month(plan.now)
    past_before = sum(cell.rows for cell in share.cells if cell.month != "unknown" and cell.month <= month)
    gone = taken.rows if share.action == "delete" else 0
    # A planned row that has changed may be of another month by now, or its owner has deleted it. To empty a row that
    # was presumed closed may be a change by itself: then it has no month any more.
    least = share.rows - gone - taken.changed
    least_past = past_before - (taken.rows if plan.presume_closed else gone) - taken.changed
    wrong = []
    if left := sum(opinion.due.values()):
        wrong.append(f"{counted(left, 'due row is', 'due rows are')} still there")
    if (missed := least_past - opinion.past(month)) > 0:
        told = counted(missed, "more row of past months is", "more rows of past months are")
        wrong.append(f"{told} gone than planned")
    if (missed := least - opinion.total) > 0:
        wrong.append(f"{counted(missed, 'more row is', 'more rows are')} gone than planned")
    if opinion.orphans:
        wrong.append(f"{counted(opinion.orphans, 'row of a child has', 'rows of children have')} lost their parent")
    if opinion.stale_due:
        wrong.append(
            f"{counted(opinion.stale_due, 'due row lies', 'due rows lie')} in files that the table no longer names"
        )
    if opinion.leaks:
        wrong.append(f"{counted(opinion.leaks, 'line of the log tells', 'lines of the log tell')} values of columns")
    if opinion.tokens:
        wrong.append(f"{counted(opinion.tokens, 'anonymized row still holds', 'anonymized rows still hold')} a token")
    return {
        "dataset": share.dataset,
        "before": share.rows,
        "removed": taken.rows,
        "children": taken.children,
        "kept": taken.kept,
        "changed": taken.changed,
        "after": opinion.total,
        "expected": share.rows - gone,
        "came_since": max(0, opinion.total - share.rows + gone),
        "stale_files": opinion.stale_files,
        "young_files": opinion.young_files,
        "wrong": wrong,
    }


def _month(now: datetime) -> str:
    return (now.astimezone(UTC) + timedelta(hours=_EAST_EIGHT_HOURS)).strftime("%Y-%m")
