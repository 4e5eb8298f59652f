"""`ebb vault waiting` and `ebb vault presume`: records without a clock, and orders that are taken for closed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from governance.errors import counted
from pipelines.commands.sweep import BY, LAKE, user
from pipelines.options import common, emit_json, tell_next

if TYPE_CHECKING:
    from pipelines.settings import Settings
    from retention.vault.presumption import Presumed, Presumption

OPS_KEY = click.option(
    "--ops-key",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="EBB_OPS_KEY_FILE",
    help="File of the private ops key; by default `ops.key` in --home.",
)
NO_VAULT = "There is no vault in {} yet: `ebb run transactions` makes it."
_NOW = click.option("--now", metavar="INSTANT", help="Judge the twelve months by this instant: a drill.")


@click.command(epilog="Example: ebb vault waiting --json")
@_NOW
@LAKE
@common
def waiting(*, lake: str | None, now: str | None, home: Path, packs: Path | None, as_json: bool) -> None:
    """List the records whose completion is not known, and why.

    They are held (RET_NO_CLOCK); counts only. What is `presumable` was not heard of for twelve months: `ebb vault
    presume plan` proposes to take it for closed.
    """
    from pipelines.clock import parse_instant
    from pipelines.presuming import waiting_now
    from pipelines.settlement import vault_exists
    from pipelines.tables import print_table

    settings, instant = _settings(home, packs, lake), parse_instant(now)
    if not vault_exists(settings):
        if as_json:
            emit_json({"waiting": [], "presumable_orders": 0, "presumed_rows": 0})
        else:
            click.echo(NO_VAULT.format(settings.lake))
        return
    found = waiting_now(settings, instant)
    rows = [{**cell._asdict(), "rows": number} for cell, number in found.cells.items()]
    presumed = sum(quiet.rows for quiet in found.presumed.values())
    if as_json:
        emit_json({"waiting": rows, "presumable_orders": len(found.quiet), "presumed_rows": presumed})
        return
    if rows:
        headers = ("arrived", "system", "event type", "why", "rows")
        print_table(headers, [(*list(row.values())[:-1], f"{row['rows']:,}") for row in rows])
    else:
        click.echo("No record is without a clock.")
    if found.quiet:
        tell_next("ebb vault presume plan", f"{counted(len(found.quiet), 'order')} could be presumed closed")
    if presumed:
        click.echo(f"{counted(presumed, 'record lies', 'records lie')} in the vault presumed closed.")


@click.group()
def presume() -> None:
    """Take old orders for closed at their last event.

    Nothing was heard of them for twelve months.
    """


@presume.command("plan", epilog="Example: ebb vault presume plan --by lin")
@_NOW
@BY
@LAKE
@common
def plan(*, lake: str | None, now: str | None, by: str | None, home: Path, packs: Path | None, as_json: bool) -> None:
    """Propose which orders to presume closed; nothing is moved.

    In counts; the answer's digest is what gets approved. An order with a completion or in dispute is never among them,
    and neither is a record without an order's number.
    """
    from pipelines.clock import parse_instant
    from pipelines.presuming import plan_presumption

    made = plan_presumption(_settings(home, packs, lake), parse_instant(now), user(by))
    if as_json:
        emit_json(_document(made))
        return
    _show(made)
    if not made.marks:
        click.echo("Nothing can be presumed closed.")
        return
    click.echo(f"Expires {made.expires.isoformat(timespec='minutes')}.")
    click.echo(f"Digest {made.digest}")
    tell_next(f"ebb vault presume approve {made.digest[:16]}")


@presume.command("show", epilog="Example: ebb vault presume show 3f2a91c04be7")
@click.argument("digest")
@LAKE
@common
def show(*, digest: str, lake: str | None, home: Path, packs: Path | None, as_json: bool) -> None:
    """Show a presumption and what became of it."""
    from pipelines.ledger_dataset import ledger_to_read
    from retention.vault.presumption import find_presumption

    found = find_presumption(ledger_to_read(_settings(home, packs, lake)), digest)
    if as_json:
        emit_json(_state(found))
        return
    _show(found.plan)
    click.echo(f"State: {found.state}; approved by {', '.join(found.approvals) or 'nobody'}.")


@presume.command("approve", epilog="Example: ebb vault presume approve 3f2a91c04be7 --by wang")
@click.argument("digest")
@BY
@LAKE
@common
def approve(*, digest: str, by: str | None, lake: str | None, home: Path, packs: Path | None, as_json: bool) -> None:
    """Approve exactly the presumption with this digest."""
    from pipelines.presuming import approve_presumption

    found = approve_presumption(_settings(home, packs, lake), digest, user(by))
    if as_json:
        emit_json(_state(found))
    else:
        click.echo(f"Approved by {found.approvals[-1]}: {counted(found.plan.rows, 'record')}.")
        tell_next(f"ebb vault presume apply {found.digest[:16]}")


@presume.command("apply", epilog="Example: ebb vault presume apply 3f2a91c04be7 --ops-key /media/ops/ops.key")
@click.argument("digest")
@OPS_KEY
@LAKE
@common
def apply(
    *, digest: str, ops_key: Path | None, lake: str | None, home: Path, packs: Path | None, as_json: bool
) -> None:
    """Move the orders of an approved presumption to their due month.

    It follows from their last event. An order of which something was heard since the plan is left out. Run it again
    after an interruption.
    """
    from pipelines.presuming import apply_presumption
    from pipelines.progress import counting

    with counting("rows") as progress:
        found = apply_presumption(_settings(home, packs, lake), digest, ops_key, progress)
    done = found.applied or {}
    if as_json:
        emit_json(_state(found))
        return
    click.echo(f"presumed closed            {done['rows']:>12,}   records of {done['orders']:,} orders")
    click.echo(f"left out, heard of since   {done['left_out']:>12,}   orders")


def _settings(home: Path, packs: Path | None, lake: str | None) -> Settings:
    from pipelines.settings import load_settings

    return load_settings(home=home, lake=lake, packs=packs)


def _document(made: Presumption) -> dict[str, Any]:
    document = made.model_dump(mode="json", exclude={"marks"})
    return {"digest": made.digest, "orders": len(made.marks), "rows": made.rows, **document}


def _state(found: Presumed) -> dict[str, Any]:
    told = {"state": found.state, "approved_by": list(found.approvals), "applied": found.applied}
    return {**_document(found.plan), **told}


def _show(made: Presumption) -> None:
    from pipelines.tables import print_table

    click.echo(f"Judged by {made.now.isoformat(timespec='seconds')}" + (" (given)" if made.drill else ""))
    if made.cells:
        rows = [(cell.month, cell.system, f"{cell.orders:,}", f"{cell.rows:,}") for cell in made.cells]
        print_table(("last event", "system", "orders", "records"), rows)
    for why, number in made.waiting.items():
        click.echo(f"held, RET_NO_CLOCK         {number:>12,}   {why}")
