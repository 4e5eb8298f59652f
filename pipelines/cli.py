"""The command `ebb`. Each group of commands is imported when it is called, so that `ebb --help` stays fast."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import TextIO

import click

from governance.errors import EbbError, EbbWarning

COMMANDS = {
    "demo": ("pipelines.commands.demo:demo", "Show the main job at work on synthetic events."),
    "run": ("pipelines.commands.run:run", "Stream events into the lake, de-identified."),
    "generate": ("pipelines.commands.generate:generate", "Write synthetic events."),
    "replay": ("pipelines.commands.replay:replay", "Publish real log files as messages."),
    "policy": ("pipelines.commands.policy:policy", "List, show, check, compare and explain policy packs."),
    "keys": ("pipelines.commands.keys:keys", "Make, list, rotate and destroy keys."),
    "dead-letters": ("pipelines.commands.dead_letters:dead_letters", "List, open and replay rejected events."),
    "query": ("pipelines.commands.query:query", "Ask the de-identified tables with SQL."),
    "catalog": ("pipelines.commands.query:catalog", "Say what was done to each column."),
    "sweep": ("pipelines.commands.sweep:sweep", "Plan, approve, apply and verify deletion."),
    "datasets": ("pipelines.commands.datasets:datasets", "Check and list what is stored where, and until when."),
    "hold": ("pipelines.commands.hold:hold", "Keep data from deletion for a legal case."),
    "ended": ("pipelines.commands.ended:ended", "List whose copies are due: cancelled, cleared, stopped."),
    "reveal": ("pipelines.commands.reveal:reveal", "Turn reversible tokens back: a case, two approvals, a record."),
    "ledger": ("pipelines.commands.ledger:ledger", "Show the record of what was done, and check its chain."),
    "database": ("pipelines.commands.database:database", "Upgrade ledger and keyring, and give roles their rights."),
    "vault": ("pipelines.commands.vault:vault", "Settle the records of transactions."),
    "compact": ("pipelines.commands.compact:compact", "Merge small files, and blank what is old in them."),
    "status": ("pipelines.commands.status:status", "Say how the streams are: lag, sums, rejects, sizes."),
    "doctor": ("pipelines.commands.doctor:doctor", "Say what is installed, reachable and configured."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in COMMANDS.items()])


def _show_warnings() -> None:
    """Print warnings of ebb's own as a line for the operator, each time; those of libraries stay as they are."""
    others = warnings.showwarning

    def show(  # noqa: PLR0917 - as the standard library calls it
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, EbbWarning):
            click.echo(f"Warning: {message}.", err=True)
        else:
            others(message, category, filename, lineno, file, line)

    warnings.showwarning = show
    warnings.simplefilter("always", EbbWarning)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ebbtide", prog_name="ebb")
def ebb() -> None:
    """Let personal data recede on time: de-identify events in flight, delete what is past its time."""


def _sentence(problem: click.ClickException) -> str:
    """Return what was wrong with a call, and where it is told how to call."""
    said = " ".join(problem.format_message().split()).rstrip(".")
    context = problem.ctx if isinstance(problem, click.UsageError) else None
    return f"{said}: see `{context.command_path} --help`" if context else said


def main() -> None:
    """Run the command line; a user's mistake ends with a message and an exit code, never a traceback."""
    _show_warnings()
    try:
        ebb.main(prog_name="ebb", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.exceptions.NoArgsIsHelpError as problem:
        problem.show()
        sys.exit(2)
    except click.ClickException as problem:
        click.echo(f"ebb: {_sentence(problem)}", err=True)
        sys.exit(2)
    except EbbError as problem:
        click.echo(f"ebb: {problem}", err=True)
        sys.exit(problem.exit_code)
    except Exception as problem:
        if os.environ.get("EBB_DEBUG"):
            raise
        # The text of a library's error may quote a value of an event: name its kind and place only.
        place = traceback.extract_tb(problem.__traceback__)[-1]
        where = f"{type(problem).__name__} at {Path(place.filename).name}:{place.lineno}"
        click.echo(f"ebb: an error that ebb does not know ({where}); EBB_DEBUG=1 shows it, values and all", err=True)
        sys.exit(1)
