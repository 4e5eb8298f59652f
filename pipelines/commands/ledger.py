"""`ebb ledger`: show the record of what was done, and check its chain."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - click passes it

import click

from governance.errors import LedgerError, counted
from pipelines.commands.sweep import open_room, room_options
from pipelines.options import emit_json


@click.group()
def ledger() -> None:
    """Show the record of what was planned, approved, held and done, and check its chain."""


@ledger.command("verify", epilog="Example: ebb ledger verify")
@room_options
def verify(home: Path, packs: Path | None, as_json: bool, lake: str | None, datasets: Path | None) -> None:
    """Check every link of the chain.

    Exit code 1 names the first entry that was changed, removed or inserted.
    """
    found = open_room(home, packs, lake, datasets, reading=True).ledger
    broken, (number, link) = found.first_broken(), found.head()
    if as_json:
        wrong = None if broken is None else {"entry": broken.number, "what": broken.what}
        emit_json({"ok": broken is None, "entries": number, "link": link, "broken": wrong})
    if broken is not None:
        raise LedgerError(
            f"entry {broken.number} of the ledger is {broken.what}: restore it from a backup, and find out who"
        )
    if not as_json:
        click.echo(f"{counted(number, 'entry', 'entries')}, chain whole. Last link {link[:16]}.")


@ledger.command("show", epilog="Example: ebb ledger show --kind sweep.plan")
@click.option("--kind", default="", help="Only kinds that begin so: sweep., hold., sweep.plan …")
@room_options
def show(  # noqa: PLR0917 - click passes them by name
    home: Path, packs: Path | None, as_json: bool, lake: str | None, datasets: Path | None, kind: str
) -> None:
    """List the entries: number, time, kind, and what they are about.

    Whom a hold lists is never shown.
    """
    from pipelines.tables import print_table

    entries = open_room(home, packs, lake, datasets, reading=True).ledger.entries(kind)
    if as_json:
        shown = [
            {
                "entry": entry.number,
                "recorded": entry.recorded,
                "kind": entry.kind,
                "reference": entry.reference,
                "content": {name: value for name, value in entry.content.items() if name != "values"},
                "deleted": entry.payload is None,
            }
            for entry in entries
        ]
        emit_json({"entries": shown})
        return
    print_table(
        ("entry", "recorded", "kind", "about"),
        [(e.number, e.recorded[:19] + "Z", e.kind, e.reference[:16]) for e in entries],
    )
