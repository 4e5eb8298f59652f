"""`ebb compact`: merge small files, blank what is old, clear away what crashes left."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - click passes it

import click

from pipelines.options import common, emit_json


@click.command(epilog="Example: ebb compact --home /srv/ebb")
@click.option("--lake", help="URI of the lake; by default the folder `lake` in --home.")
@click.option("--now", metavar="INSTANT", help="Judge dates by this instant: for drills; never later than the clock.")
@click.option(
    "--longest-hours",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Longest write or query: files younger than this are not removed.",
)
@common
def compact(
    *, lake: str | None, now: str | None, longest_hours: int, home: Path, packs: Path | None, as_json: bool
) -> None:
    """Merge and sort the files of closed dates (before yesterday, +08:00), beside running streams.

    Event keys, window tokens and columns of permissions older than 35 days are blanked, and their rows put into a
    random order. Files that a crash left, files that were merged an hour ago or more, and old commits are removed.
    Run it once a day; stop it at any time and run it again.
    """
    from datetime import timedelta

    from pipelines.clock import parse_instant
    from pipelines.compacting import compact_lake
    from pipelines.progress import counting
    from pipelines.settings import load_settings

    settings = load_settings(home=home, lake=lake, packs=packs)
    with counting("rows") as progress:
        results = compact_lake(settings, parse_instant(now), timedelta(hours=longest_hours), progress)
    if as_json:
        emit_json({"tables": [result.parts() for result in results]})
        return
    if not results:
        click.echo(f"There is no table in {settings.lake} yet: `ebb run` makes them.")
        return
    from pipelines.tables import print_table

    headers = ("table", "files", "into", "rows", "blanked", "orphans", "removed", "old commits")
    print_table(headers, [tuple(result.parts().values()) for result in results])
