"""`ebb keys`: make the keyring, and list what it holds without showing a key."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - click passes it

import click

from pipelines.options import common, emit_json
from pipelines.settings import ROOT_KEY_VARIABLE, Settings, ensure_home, load_settings, wall_clock


@click.group()
def keys() -> None:
    """Make and list keys."""


@keys.command("init", epilog="Example: ebb keys init --home /srv/ebb")
@common
def init(home: Path, packs: Path | None, as_json: bool) -> None:
    """Make the keyring, its root key and the ops key, where they are missing.

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
    """List purpose, system, recipient, epoch and state of every key; never a key."""
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
