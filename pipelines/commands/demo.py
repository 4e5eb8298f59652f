"""`ebb demo`: the first five minutes."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(epilog="Example: ebb demo --events 50000")
@click.option("--events", default=20_000, show_default=True, type=click.IntRange(1000), help="Number of events.")
@click.option(
    "--home",
    "folder",  # not `home`: settings would take its default for nobody's wish
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".ebb/demo"),
    show_default=True,
    help="Folder for everything that the demo makes; made anew each time.",
)
def demo(*, events: int, folder: Path) -> None:
    """Run the main job over synthetic events and show what it did."""
    from pipelines.logs import set_up_logs

    set_up_logs()
    from pipelines.demo import show

    show(folder, events)
