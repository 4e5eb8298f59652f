"""`ebb dead-letters`: count rejected events by what was wrong with them; with the ops key, open and replay them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from governance.errors import UsageError, counted
from pipelines.options import common, emit_json
from pipelines.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.letters_replay import Replayed
    from retention.dead_letters import Selection

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_KEY = re.compile(r"[0-9a-f]{1,32}", re.ASCII)
_STREAMS = ("service-logs", "equipment", "transactions")
F = TypeVar("F", bound="Callable[..., Any]")
_BY = ("received_date", "stream", "stage", "code", "path")


@click.group("dead-letters")
def dead_letters() -> None:
    """List rejected events; open or replay them with the ops key."""


def _selecting(command: F) -> F:
    """Add the options that choose letters, and those that open them."""
    for option in (
        click.option("--code", "codes", multiple=True, metavar="CODE", help="Reason code; may be given again."),
        click.option("--stream", "streams", multiple=True, type=click.Choice(_STREAMS), help="May be given again."),
        click.option(
            "--day", "days", multiple=True, metavar="DATE", help="+08:00 date of receipt, 2026-11-23; may be repeated."
        ),
        click.option("--key", default="", metavar="HEX", help="What the event key begins with."),
        click.option(
            "--ops-key",
            "ops_key_file",
            required=True,
            type=click.Path(path_type=Path),
            help="File of the private ops key, as `ebb keys init` wrote it.",
        ),
        click.option("--lake", help="URI of the lake; by default HOME/lake."),
    ):
        command = option(command)
    return command


@dead_letters.command("list", epilog="Example: ebb dead-letters list --home /srv/ebb")
@click.option("--lake", help="URI of the lake; by default HOME/lake.")
@common
def list_letters(home: Path, packs: Path | None, as_json: bool, lake: str | None) -> None:
    """Count dead letters by day, stream, stage, code and path.

    With the date on which they are due to go.
    """
    settings = load_settings(home=home, packs=packs, lake=lake)
    groups = _groups(f"{settings.lake}/dead_letters")
    if as_json:
        emit_json({"dead_letters": groups, "total": sum(group["count"] for group in groups)})
        return
    if not groups:
        click.echo(f"No dead letters in {settings.lake}.")
        return
    from pipelines.tables import print_table

    headers = ("day", *_BY[1:], "count", "sealed", "due")
    print_table(headers, [tuple(group.values()) for group in groups])


def _groups(uri: str) -> list[dict[str, Any]]:
    """Return one row a group; only the columns that are shown, and the lengths of none, are read."""
    from retention.stores.delta import open_table

    if "://" not in uri and not (Path(uri) / "_delta_log").is_dir():
        return []
    dataset = open_table(uri).dataset()
    table = dataset.to_table(columns=[*_BY, "due_date", "day"])
    counted = table.group_by([*_BY, "due_date"]).aggregate([([], "count_all"), ("day", "count")])
    rows = sorted(counted.to_pylist(), key=lambda row: tuple(row[name] or "" for name in (*_BY, "due_date")))
    return [
        {
            "day": row["received_date"],
            **{name: row[name] or "" for name in _BY[1:]},
            "count": row["count_all"],
            "sealed": row["day_count"],
            "due": row["due_date"],
        }
        for row in rows
    ]


@dead_letters.command(
    "show", epilog="Example: ebb dead-letters show --ops-key ops.key --day 2026-11-23 --code SCHEMA_TYPE --limit 3"
)
@_selecting
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1), help="Letters at most.")
@common
def show_letters(
    *, home: Path, packs: Path | None, as_json: bool, lake: str | None, ops_key_file: Path, limit: int, **chosen: Any
) -> None:
    """Open letters and print them, for the eyes of operations.

    Record and all; nothing is written.
    """
    selection = _selection(**chosen)
    from pipelines.opened_letters import show

    letters = show(load_settings(home=home, packs=packs, lake=lake), ops_key_file, selection, limit)
    if as_json:
        emit_json({"dead_letters": letters})
        return
    for letter in letters:
        for name, value in letter.items():
            if value is not None:  # what a stranger sent must not steer the terminal
                click.echo(f"{name:<14} {ascii_safe(str(value))}")
        click.echo()
    click.echo(f"{len(letters)} shown." if letters else "No dead letter is like that, or it is due.")


@dead_letters.command(
    "replay", epilog="Example: ebb dead-letters replay --ops-key ops.key --code POLICY_NONE --packs my-packs"
)
@_selecting
@click.option("--dry-run", is_flag=True, help="Count what would become of the letters; write nothing.")
@click.option("--format", "record_format", help="Read the letters as this format, instead of each one's own.")
@click.option("--system", help="System of letters that came with none.")
@click.option("--now", metavar="INSTANT", help="Judge policy by this instant: for drills and backfills.")
@click.option(
    "--authorization",
    type=click.Choice(["none", "operator"]),
    default="none",
    show_default=True,
    help="operator: you declare that the accounts of --authorized-systems authorized the personal path.",
)
@click.option("--authorized-systems", metavar="NAMES", help="Systems, with commas between them.")
@common
def replay_letters(
    *,
    ops_key_file: Path,
    dry_run: bool,
    record_format: str | None,
    days: tuple[str, ...],
    streams: tuple[str, ...],
    codes: tuple[str, ...],
    key: str,
    **options: Any,
) -> None:
    """Take letters through the pipeline again.

    Do it after what was wrong with a pack or a mapping was put right. Each bears the event key that it had, so that
    replaying twice stores once. A letter that is rejected again stays the one letter that it was. Opened payloads stay
    in this process.
    """
    from pipelines.logs import set_up_logs

    set_up_logs()
    selection = _selection(days, streams, codes, key)
    from pipelines.launch import RunOptions
    from pipelines.letters_replay import replay

    done = replay(RunOptions(stream="", source="", **options), selection, ops_key_file, record_format, dry_run=dry_run)
    if options["as_json"]:
        emit_json({"dry_run": dry_run, "streams": {stream: _counts(one) for stream, one in done.items()}})
        return
    for stream, one in done.items():
        became = f"{one.rows:,} {'would become' if dry_run else 'became'} rows"
        click.echo(f"{stream}: {counted(one.total.read, 'letter')}, of which {became}")
        for number, words in _rest(one):
            if number:
                click.echo(f"  {number:>10,}  {words}")
    if not done:
        click.echo("No dead letter is like that.")


def _selection(days: tuple[str, ...], streams: tuple[str, ...], codes: tuple[str, ...], key: str) -> Selection:
    from pipelines.commands.run import STREAMS
    from retention.dead_letters import Selection

    if any(not _DAY.fullmatch(day) for day in days):
        raise UsageError("--day takes a date such as 2026-11-23")
    if key and not _KEY.fullmatch(key):
        raise UsageError("--key takes the first of 32 hexadecimal digits, as `show` prints them")
    names = frozenset(STREAMS[stream] for stream in streams)
    return Selection(frozenset(days), names, frozenset(codes), key)


def _counts(one: Replayed) -> dict[str, Any]:
    return {
        "letters": one.total.read,
        "became_rows": one.rows,
        **one.total.parts(),
        "destroyed": one.destroyed,
        "due": one.due,
    }


def _rest(one: Replayed) -> list[tuple[int, str]]:
    """Return what became of the letters that became no row."""
    total = one.total
    said = {"REJECTED_AGAIN": "rejected again; each stays the letter that it was", "DUPLICATE": "are rows already"}
    rest = [(number, f"rejected again: {code}") for code, number in sorted(total.dead_letters.items())]
    rest += [(number, said.get(code, f"dropped: {code}")) for code, number in sorted(total.dropped.items())]
    rest.append((one.destroyed, "not replayed: the payload was destroyed when it was rejected"))
    rest.append((one.due, "not replayed: due to go"))
    return rest


def ascii_safe(text: str) -> str:
    """Return text with control characters written as escapes."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
