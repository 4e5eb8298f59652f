"""`ebb vault`: the records of transactions, sealed until they are due."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - click passes it

import click

from pipelines.commands.presume import NO_VAULT, OPS_KEY, presume, waiting
from pipelines.options import common, emit_json, tell_next


@click.group()
def vault() -> None:
    """Settle the records of transactions, list those that wait, presume old ones closed."""


vault.add_command(waiting)
vault.add_command(presume)


@vault.command(epilog="Example: ebb vault settle --ops-key /media/ops/ops.key")
@click.option("--lake", help="URI of the lake; by default the folder `lake` in --home.")
@OPS_KEY
@click.option("--now", metavar="INSTANT", help="Settle as on this day: for drills; never later than the clock.")
@common
def settle(
    *, lake: str | None, ops_key: Path | None, now: str | None, home: Path, packs: Path | None, as_json: bool
) -> None:
    """Move orders whose completion is known to their due month.

    Disputed ones are moved back. Completion is the latest of payment settled, delivery confirmed, refund or dispute
    closed; an order that got nowhere counts from its closing. What was received today is left for tomorrow. The job
    needs the private ops key, since each record is put under the key of its due date. Stop it at any time and run it
    again.
    """
    from pipelines.clock import parse_instant
    from pipelines.progress import counting
    from pipelines.settings import load_settings
    from pipelines.settlement import Report, settle_vault, vault_exists

    settings = load_settings(home=home, lake=lake, packs=packs)
    instant = parse_instant(now)
    if not vault_exists(settings):
        if as_json:
            emit_json(asdict(Report()))
        else:
            click.echo(NO_VAULT.format(settings.lake))
        return
    with counting("rows") as progress:
        report = settle_vault(settings, ops_key, instant, progress)
    if as_json:
        emit_json(asdict(report))
        return
    click.echo(f"moved to their due month   {report.moved:>12,}")
    click.echo(f"taken back into dispute    {report.reopened:>12,}")
    click.echo(f"under a fresh key          {report.renewed:>12,}")
    for key_id in report.keys_destroyed:
        click.echo(f"key destroyed              {key_id:>12}")
    for what, rows in report.waiting.items():
        click.echo(f"held, RET_NO_CLOCK         {rows:>12,}   {what}")
    if report.waiting:
        tell_next("ebb vault waiting", "Why they wait")
    else:
        click.echo("no record is without a clock")
