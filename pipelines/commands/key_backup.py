"""`ebb keys backup` and `ebb keys restore`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from governance.errors import UsageError, counted
from pipelines.options import common, emit_json, tell_next
from pipelines.settings import load_settings, wall_clock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from governance.keys.scopes import Scope

_SHOWN = 4


@click.command("backup", epilog="Example: ebb keys backup /var/backups/ebb --keep 34d")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--keep", metavar="DAYS", help="Then remove backups of this age from the folder TARGET; at most 35d (R-DEL-08)."
)
@common
def backup(home: Path, packs: Path | None, as_json: bool, target: Path, keep: str | None) -> None:
    """Copy the keyring into a new file TARGET, or into a folder.

    In a folder it is named by the instant. Streams may run meanwhile. The copy opens nothing without the root key, and
    nothing sealed without the ops key: keep those elsewhere. Window keys, which live two days, are not in it.
    """
    from pipelines.key_backup import back_up

    done = back_up(load_settings(home=home, packs=packs), target, _days(keep))
    if as_json:
        emit_json({"backup": str(done.path), "keys": done.keys, "removed": [str(path) for path in done.removed]})
        return
    click.echo(f"Wrote {done.path}: {counted(done.keys, 'key')}, wrapped. Destroy it within 35 days.")
    for path in done.removed:
        click.echo(f"removed {path}")


@click.command("restore", epilog="Example: ebb keys restore /var/backups/ebb/keyring-20261127T051500Z.json")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--over", is_flag=True, help="Replace the keys that are there; stop streams first.")
@click.option("--without-ledger", is_flag=True, help="The ledger is lost: keys destroyed since come back to life.")
@common
def restore(home: Path, packs: Path | None, as_json: bool, file: Path, over: bool, without_ledger: bool) -> None:  # noqa: PLR0917 - click passes them by name
    """Put the backup FILE in the place of a keyring that is lost.

    What was destroyed since is buried again. Refused when it is older than 35 days. The ledger says which keys were
    destroyed, and is told of the restore.
    """
    from pipelines.key_backup import restore_backup

    settings = load_settings(home=home, packs=packs)
    found, done = restore_backup(settings, file, over=over, without_ledger=without_ledger)
    if as_json:
        lists = {"buried": done.buried, "lost": done.lost}
        told = {name: [scope._asdict() for scope in sorted(scopes)] for name, scopes in lists.items()}
        emit_json({"made": found.made, "keys": len(done.keys), **told, "ledger_read": not without_ledger})
        return
    hours = (wall_clock() - found.made).total_seconds() / 3600
    click.echo(f"Restored {counted(len(done.keys), 'key')}, as they were {hours:,.1f} hours ago.")
    _tell("Destroyed since, and buried again:", done.buried)
    _tell("Made since, and lost; docs/keys.md says what to do about them:", done.lost)
    if without_ledger:
        click.echo("The ledger was not read: keys that were destroyed since the backup are back, and it says so now.")
    tell_next("ebb keys backup TARGET")


def _tell(words: str, scopes: Iterable[Scope]) -> None:
    """Name keys, those that differ in their epoch alone on one line."""
    epochs: dict[str, list[str]] = {}
    for scope in sorted(scopes):
        epochs.setdefault(" ".join(part for part in scope[:-1] if part), []).append(scope.epoch)
    if epochs:
        click.echo(words)
    for what, names in epochs.items():
        told = ", ".join(names) if len(names) <= _SHOWN else f"{names[0]} … {names[-1]}, {len(names)} of them"
        click.echo(f"  {what} {told}".rstrip())


def _days(text: str | None) -> timedelta | None:
    if text is None:
        return None
    number = text.removesuffix("d")
    if not number.isdigit() or not text.endswith("d"):
        raise UsageError("--keep takes days, such as 35d")
    return timedelta(days=int(number))
