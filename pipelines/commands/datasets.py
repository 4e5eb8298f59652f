"""`ebb datasets`: check and list what is stored where, and until when."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - click passes it

import click

from governance.errors import EbbError, counted
from pipelines.commands.sweep import open_room, room_options
from pipelines.options import emit_json


@click.group()
def datasets() -> None:
    """Check and list the datasets under retention."""


@datasets.command("list", epilog="Example: ebb datasets list --datasets datasets.yaml")
@room_options
def list_all(home: Path, packs: Path | None, as_json: bool, lake: str | None, datasets: Path | None) -> None:
    """List every dataset: its place, class, role, clock and action."""
    from governance.policy.retention import PERIODS
    from pipelines.tables import print_table

    room = open_room(home, packs, lake, datasets, reading=True)
    rows = [
        {
            "dataset": d.id,
            "store": d.store,
            "table": d.table,
            "class": d.retention,
            "role": d.role,
            "clock": ", ".join(d.clock.names),
            "period": "as each row states" if d.clock.due else PERIODS[d.retention].words,
            "action": d.action,
            "there": d.id in room.datasets,
        }
        for d in room.register.datasets
    ]
    if as_json:
        emit_json({"register": room.register.digest, "datasets": rows})
        return
    shown = [[*list(row.values())[:-1], "" if row["there"] else "not there yet"] for row in rows]
    print_table(("dataset", "store", "table", "class", "role", "clock", "period", "action", ""), shown)


@datasets.command("check", epilog="Example: ebb datasets check --datasets datasets.yaml")
@room_options
def check(home: Path, packs: Path | None, as_json: bool, lake: str | None, datasets: Path | None) -> None:
    """Compare the register with the stores.

    Exit code 1 if there are columns that do not exist, or tables that nobody registered.
    """
    from pipelines.register_check import problems_of

    room = open_room(home, packs, lake, datasets, reading=True)
    found = problems_of(room)
    if as_json:
        emit_json({"ok": not found, "problems": found})
    else:
        for line in found:
            click.echo(line)
        if not found:
            click.echo(f"{counted(len(room.datasets), 'dataset')}, every one as registered.")
    if found:
        raise EbbError(f"{counted(len(found), 'problem')} in the register: correct datasets.yaml or the stores")
