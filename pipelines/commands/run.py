"""`ebb run`: stream events into the lake."""

from __future__ import annotations

from typing import Any

import click

from governance.errors import UsageError
from pipelines.options import common

STREAMS = {"service-logs": "service_log", "equipment": "equipment", "transactions": "transactions"}


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog="Example: ebb run service-logs --from 'files:logs/*.ndjson' --drain",
)
@click.argument("stream", type=click.Choice(list(STREAMS)))
@click.option("--from", "source", required=True, metavar="ENDPOINT", help="pubsub:PROJECT/SUBSCRIPTION or files:GLOB.")
@click.option(
    "--format", "record_format", default="native", show_default=True, help="Format of records that name none."
)
@click.option("--system", help="System of records whose format carries none.")
@click.option("--lake", help="URI of the lake; by default the folder `lake` in --home.")
@click.option("--now", metavar="INSTANT", help="Judge policy by this instant: for drills and backfills.")
@click.option("--drain", is_flag=True, help="End when the source is empty.")
@click.option("--quiet", default=5.0, show_default=True, metavar="SECONDS", help="How long empty is, for Pub/Sub.")
@click.option("--max-events", default=20_000, show_default=True, type=click.IntRange(1), help="Events in one bundle.")
@click.option("--max-seconds", default=2.0, show_default=True, help="Longest wait for a bundle to fill.")
@click.option(
    "--authorization",
    type=click.Choice(["none", "operator"]),
    default="none",
    show_default=True,
    help="operator: you declare that the accounts of --authorized-systems authorized the personal path.",
)
@click.option("--authorized-systems", metavar="NAMES", help="Systems, with commas between them.")
@click.option("--runner", default="embedded", show_default=True, help="embedded, prism, or a runner that Beam knows.")
@click.option("--dry-run", is_flag=True, help="Show ten events before and after; write nothing.")
@click.argument("beam_options", nargs=-1, type=click.UNPROCESSED)
@common
def run(**options: Any) -> None:
    """Stream events into the lake, de-identified, each exactly once.

    On a new --home the first run makes the keyring and the tables, and says so. SIGINT and SIGTERM finish the bundle
    in hand. Unknown options go to Beam.
    """
    from pipelines.logs import set_up_logs

    set_up_logs()
    from pipelines.launch import RunOptions, dry_run, launch, prepare

    unknown = [option for option in options["beam_options"] if not option.startswith("--")]
    if unknown:
        raise UsageError("one stream at a time; Beam's own options are written --name=value")
    rehearsing = options.pop("dry_run")
    chosen = prepare(RunOptions(stream=STREAMS[options.pop("stream")], **options))
    if rehearsing:
        dry_run(chosen)
    else:
        launch(chosen)
