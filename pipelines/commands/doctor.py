"""`ebb doctor`: what is installed, reachable and configured, and what to do next."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - click passes it

import click

from governance.errors import EbbError
from pipelines.options import common, emit_json

_MARKS = {"ok": "✓", "missing": "–", "problem": "✗"}
_COLOURS = {"ok": "green", "missing": "yellow", "problem": "red"}


@click.command(epilog="Example: ebb doctor --home /srv/ebb --json")
@click.option("--lake", help="URI of the lake; by default the folder `lake` in --home.")
@common
def doctor(*, lake: str | None, home: Path, packs: Path | None, as_json: bool) -> None:
    """Look at this machine and say what to do next; change nothing.

    What is missing is needed by some uses only. A problem is something that was set up and does not work: then the
    exit code is 1.
    """
    from pipelines.checkup import examine
    from pipelines.settings import load_settings

    checks = examine(load_settings(home=home, packs=packs, lake=lake))
    broken = [check.name for check in checks if check.state == "problem"]
    if as_json:
        emit_json({"healthy": not broken, "checks": [asdict(check) for check in checks]})
    else:
        widest = max(len(check.name) for check in checks)
        for check in checks:
            mark = click.style(_MARKS[check.state], fg=_COLOURS[check.state])
            click.echo(f"{mark} {check.name:<{widest}}  {check.state:<7}  {check.found}")
            if check.advice:
                click.echo(f"  {'':<{widest}}           → {check.advice}")
    if broken:
        raise EbbError(f"to be mended: {', '.join(broken)}")
