"""What a person sees of plans and sweeps, and the documents machines get instead."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from pipelines.due_calendar import KINDS, calendars_of, to_text
from pipelines.options import tell_next
from pipelines.progress import counting
from pipelines.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.ledger import Ledger
    from retention.plan import Plan
    from retention.sweeps import Sweep


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return a plan for machines."""
    months = [
        {"month": line.label, **dict(zip(KINDS, line.counts, strict=True))} for line in calendars_of(plan)[0].lines
    ]
    return {
        "digest": plan.digest,
        "due": plan.due,
        "excess": plan.excess(),
        "calendar": months,
        **plan.model_dump(mode="json"),
    }


def sweep_document(sweep: Sweep) -> dict[str, Any]:
    """Return where a sweep stands."""
    return {
        "digest": sweep.digest,
        "state": sweep.state,
        "due": sweep.plan.due,
        "approved_by": list(sweep.approvals),
        "stages": dict(sweep.stages),
        "datasets": [
            {
                "dataset": share.dataset,
                "done": "deleted" if share.action == "delete" else "anonymized",
                "rows": sweep.removed(share.dataset),
                "children": sweep.removed_children(share.dataset),
                "kept": sweep.kept(share.dataset),
                "changed": sweep.changed(share.dataset),
            }
            for share in sweep.plan.shares
        ],
    }


def show_plan(plan: Plan, *, forecast: bool = False, each: bool = False, advise: bool = True) -> None:
    """Print a plan: a line a dataset, then the months in which rows are due; with `each` those of every dataset.

    `advise` says what to do next with a plan that is new.
    """
    words = "Forecast for" if forecast else "Plan, judged by"
    click.echo(f"{words} {plan.now.isoformat(timespec='seconds')}" + (" (given)" if plan.drill else ""))
    rows = []
    for share in plan.shares:
        held = share.count("case")
        unknown = share.count("RET_NO_CLOCK") + share.count("open")
        kept = share.count("keep") + share.count("done")
        counts = (share.rows, share.due, share.children, kept, held, unknown)
        rows.append((share.dataset, share.retention, share.role, share.action, *(f"{number:,}" for number in counts)))
    headers = ("dataset", "class", "role", "action", "rows", "due", "below", "keep", "held", "unknown")
    print_table(headers, rows)
    for share in (one for one in plan.shares if one.presumed):
        click.echo(f"PRESUMED closed at their last change (R-RET-07): {share.dataset}, {share.presumed:,} rows")
    for calendar in calendars_of(plan, each=each):
        for line in to_text(calendar):
            click.echo(line)
    if forecast:
        click.echo("A forecast is not recorded and cannot be applied.")
        return
    for line in plan.excess():
        click.echo(f"OVER THE LIMIT {line}")
    if not plan.due:
        click.echo("Nothing is due.")
        return
    click.echo(f"About {plan.seconds:.0f} s of work. Expires {plan.expires.isoformat(timespec='minutes')}.")
    click.echo(f"Digest {plan.digest}")
    if plan.excess():
        click.echo("Next: if that is right, plan anew with --limit-share or --limit-rows")
    elif advise:
        tell_next(f"ebb sweep approve {plan.digest[:16]}")


@contextlib.contextmanager
def watching(ledger: Ledger, sweep: Sweep) -> Iterator[None]:
    """Show how many rows have gone while a sweep works, where a person watches."""
    if not Console(stderr=True).is_terminal:
        yield
        return
    ended = threading.Event()
    with counting("rows", total=sweep.plan.due) as advance:
        thread = threading.Thread(target=_follow, args=(ledger, sweep.digest, ended, advance), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _follow(ledger: Ledger, digest: str, ended: threading.Event, advance: Any) -> None:
    shown = 0
    while not ended.wait(0.5):
        outcomes = {
            (e.content["dataset"], e.content["part"]): e.content for e in ledger.entries("sweep.outcome", digest)
        }
        rows = sum(int(outcome["rows"]) for outcome in outcomes.values())
        advance(rows - shown)
        shown = rows
