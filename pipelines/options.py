"""Options that every command shares, and the one way to print an answer."""

from __future__ import annotations

import json as jsonlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from governance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

_PLACES = ("home", "lake", "datasets", "packs")
"""Options that say where something is, in the order in which they are carried on."""


def common(command: F) -> F:
    """Add `--home`, `--packs` and `--json` to a command; they reach it as `home`, `packs` and `as_json`."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document for machines."),
        click.option(
            "--packs",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            envvar="EBB_PACKS",
            help="Folder with policy packs and inventory rows of your own.",
        ),
        click.option(
            "--home",
            type=click.Path(file_okay=False, path_type=Path),
            default=Path(".ebb"),
            envvar="EBB_HOME",
            show_default=True,
            help="Folder of the embedded lake, ledger and keyring.",
        ),
    ):
        command = option(command)
    return command


def tell_next(command: str, words: str = "Next") -> None:
    """Print a command that comes next, with the options of place that were typed with this one: to be copied as it is.

    Args:
        command: such as `ebb sweep approve 3f2a91c04be7`; it takes every option of place that this one takes.
        words: what is said before it.
    """
    context = click.get_current_context()
    typed = [name for name in _PLACES if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    places = [f"--{name} {shlex.quote(str(context.params[name]))}" for name in typed]
    click.echo(f"{words}: {' '.join([command, *places])}")


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file that are not blank, without the blanks around them and without a byte order mark.

    Raises:
        UsageError: it is not UTF-8 text, or lists nothing.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text: save it as such, one entry a line") from None
    if not any(lines):
        raise UsageError(f"{path} lists nothing: write one entry a line")
    return [line for line in lines if line]


def emit_json(document: object) -> None:
    """Print `document` as one JSON document on standard output."""
    click.echo(jsonlib.dumps(document, ensure_ascii=False, indent=2, default=str))
