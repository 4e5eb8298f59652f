"""`ebb keys`: make the keyring, list what it holds without showing a key, rotate keys, destroy them, back them up."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - click passes it
from typing import TYPE_CHECKING, TypeVar

import click

from governance.errors import UsageError, counted
from pipelines.commands.key_backup import backup, restore
from pipelines.options import common, emit_json
from pipelines.settings import ROOT_KEY_VARIABLE, Settings, ensure_home, load_settings, wall_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from governance.keys.scopes import Scope

F = TypeVar("F", bound="Callable[..., None]")


@click.group()
def keys() -> None:
    """Make, list, rotate, destroy, back up and restore keys."""


keys.add_command(backup)
keys.add_command(restore)


@keys.command("init", epilog="Example: ebb keys init --home /srv/ebb")
@common
def init(home: Path, packs: Path | None, as_json: bool) -> None:
    """Make keyring, root key and ops key, where they are missing.

    Run it again at any time: it changes nothing that is there.
    """
    settings = load_settings(home=home, packs=packs)
    made = ensure_home(settings)
    if as_json:
        emit_json({"made": made, **_places(settings)})
        return
    for sentence in made or ["Nothing to make: the keyring is there and its root key opens it."]:
        click.echo(sentence)
    for name, where in _places(settings).items():
        click.echo(f"{name.replace('_', ' '):<10} {where}")


@keys.command("list", epilog="Example: ebb keys list --json")
@common
def list_keys(home: Path, packs: Path | None, as_json: bool) -> None:
    """List scope, epoch and state of every key; never a key."""
    found = load_settings(home=home, packs=packs).opener().keys(wall_clock())
    if as_json:
        emit_json({"keys": [key._asdict() for key in found]})
        return
    if not found:
        click.echo("No keys yet: each is made when an event first needs it.")
        return
    from pipelines.tables import print_table

    headers = ("use", "purpose", "system", "recipient", "epoch", "made", "expires", "state")
    print_table(headers, [(*key[:5], _minute(key.made), _minute(key.expires), key.state) for key in found])


def _choosing(command: F) -> F:
    """Add the options that choose among the keys of a half-year."""
    for option in (
        click.option("--recipient", help="Only keys for this recipient."),
        click.option("--purpose", help="Only keys of this purpose."),
        click.option("--system", help="Only keys of this system."),
    ):
        command = option(command)
    return command


@keys.command("rotate", epilog="Example: ebb keys rotate --system sepp")
@click.option("--epoch", metavar="HALF-YEAR", help="2026H2; by default the one that it is now.")
@_choosing
@common
def rotate(
    *,
    home: Path,
    packs: Path | None,
    as_json: bool,
    epoch: str | None,
    system: str | None,
    purpose: str | None,
    recipient: str | None,
) -> None:
    """Make a new key beside each key of a half-year.

    Streams that run turn to it within seconds. Tokens of the new key carry a letter in their epoch (2026H2b). Those of
    the old key stay, and are found for deletion as before; they do not link to the new ones.
    """
    from governance.keys.rotation import Chosen
    from pipelines.key_work import half_year_now, rotate_keys

    settings = load_settings(home=home, packs=packs)
    made = rotate_keys(settings, epoch or half_year_now(), Chosen(system, purpose, recipient))
    _tell("made", made, as_json=as_json)


@keys.command("destroy", epilog="Example: ebb keys destroy 2026H1 --system sepp")
@click.argument("epoch", required=False)
@click.option("--yes", is_flag=True, help="Do not ask for the epoch's name.")
@click.option("--expired", is_flag=True, help="Destroy window keys past their two days, where no stream does.")
@_choosing
@common
def destroy(
    *,
    home: Path,
    packs: Path | None,
    as_json: bool,
    epoch: str | None,
    yes: bool,
    expired: bool,
    system: str | None,
    purpose: str | None,
    recipient: str | None,
) -> None:
    """Destroy an EPOCH's keys: no token is made or turned back again.

    An epoch is 2026H2, or 2026H2b. Refused while rows under it are not due or are held; no flag overrides that.
    """
    settings = load_settings(home=home, packs=packs)
    if expired == (epoch is not None):
        raise UsageError("name the epoch to destroy, or give --expired")
    if epoch is None:
        gone = settings.opener().destroy_expired(wall_clock())
        emit_json({"expired": gone}) if as_json else click.echo(f"{counted(gone, 'expired key')} destroyed.")
        return
    from governance.keys.rotation import Chosen
    from pipelines.key_work import destroy_keys, destructible

    chosen = Chosen(system, purpose, recipient)
    scopes = destructible(settings, epoch, chosen)
    if not yes:
        for scope in scopes:
            click.echo(f"{scope.use} key of {scope.system} for {scope.purpose}, {scope.recipient}", err=True)
        typed = click.prompt("They cannot be brought back. Type the epoch's name to destroy them", err=True)
        if typed.strip() != epoch:
            raise UsageError("that is not the epoch's name: nothing was destroyed")
    done = destroy_keys(settings, epoch, chosen, lambda sentence: click.echo(sentence, err=True))
    _tell("destroyed", done, as_json=as_json)


def _tell(done: str, scopes: Sequence[Scope], *, as_json: bool) -> None:
    if as_json:
        emit_json({done: [scope._asdict() for scope in scopes]})
        return
    for scope in scopes:
        click.echo(f"{done}: {scope.epoch}, {scope.use} key of {scope.system} for {scope.purpose}, {scope.recipient}")


def _minute(stamp: str | None) -> str:
    return stamp[:16] + "Z" if stamp else ""


def _places(settings: Settings) -> dict[str, str]:
    import os

    from governance.keys import keyring_place

    root = f"environment {ROOT_KEY_VARIABLE}" if ROOT_KEY_VARIABLE in os.environ else str(settings.root_key_file)
    moved = "" if settings.ops_key_file.exists() else " (moved away, as it should be)"
    return {
        "keyring": keyring_place(settings.keyring_url),
        "root_key": root,
        "ops_key": f"{settings.ops_key_file}{moved}",
    }
