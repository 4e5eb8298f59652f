"""`ebb query` and `ebb catalog`: ask the de-identified tables, and learn what they are."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - click passes it
from typing import TYPE_CHECKING, Any

import click

from governance.errors import LakeError, UsageError
from pipelines.options import common, emit_json

if TYPE_CHECKING:
    from collections.abc import Callable

_LAKE = click.option("--lake", help="URI of the lake; by default the folder `lake` in --home.")
_SCREEN = 200


def _personal(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--personal", is_flag=True, help="With the personal tables, as personal_service_log and so on."
    )(command)


@click.command(epilog='Example: ebb query "SELECT * FROM daily_devices ORDER BY event_date" --json')
@click.argument("sql")
@_personal
@click.option("--limit", type=click.IntRange(1), help=f"Most rows to show; {_SCREEN} for people, all with --json.")
@_LAKE
@common
def query(
    *, sql: str, personal: bool, limit: int | None, lake: str | None, home: Path, packs: Path | None, as_json: bool
) -> None:
    """Ask the de-identified tables with one SELECT.

    Tables: service_log, equipment, and the view daily_devices; `ebb catalog` says what is in them. Nothing can be
    changed, and nothing outside the lake can be read.
    """
    from pipelines.analyst import Analyst, lake_tables
    from pipelines.settings import load_settings

    settings = load_settings(home=home, packs=packs, lake=lake)
    with Analyst(lake_tables(settings.lake, personal=personal)) as analyst:
        answer = analyst.ask(sql, limit or (None if as_json else _SCREEN))
    if as_json:
        emit_json(answer.records())
        return
    from pipelines.tables import print_table

    print_table(answer.columns, (["" if cell is None else cell for cell in row] for row in answer.rows))
    if answer.more:
        click.echo(f"… more rows than {len(answer.rows)}: add --limit, or --json for all", err=True)


@click.command(epilog="Example: ebb catalog service_log")
@click.argument("table", required=False)
@_personal
@_LAKE
@common
def catalog(
    *, table: str | None, personal: bool, lake: str | None, home: Path, packs: Path | None, as_json: bool
) -> None:
    """List the tables, or say of each column of TABLE what was done to it and what it can answer."""
    from pipelines.analyst import PERSONAL_PREFIX, lake_tables
    from pipelines.lake_catalog import describe_tables
    from pipelines.settings import load_settings

    settings = load_settings(home=home, packs=packs, lake=lake)
    wanted = personal or (table or "").startswith(PERSONAL_PREFIX)
    tables = lake_tables(settings.lake, personal=wanted)
    notes = describe_tables(tables)
    if table is not None:
        if table not in {note.table for note in notes}:
            known = ", ".join(note.table for note in notes) or "none yet: `ebb run` makes them"
            raise UsageError(f"there is no table {table!r}; there are: {known}")
        _show_columns(table, tables.get(table), settings.packs, as_json=as_json)
        return
    if as_json:
        emit_json({"tables": [asdict(note) for note in notes]})
        return
    if not notes:
        raise LakeError("the lake has no tables yet: `ebb run service-logs --from …` makes them")
    from pipelines.tables import print_table

    rows = [
        (note.table, f"{note.rows:,}" if note.bytes else "", note.first_date or "", note.last_date or "",
         f"{note.bytes / 2**20:,.1f}" if note.bytes else "", note.what)
        for note in notes
    ]  # fmt: skip
    print_table(("table", "rows", "first date", "last date", "MiB", "what"), rows)
    click.echo("`ebb catalog TABLE` explains its columns.", err=True)


def _show_columns(name: str, table: Any, packs: Path | None, *, as_json: bool) -> None:
    from governance.policy import load_catalogue
    from pipelines.lake_catalog import describe_columns

    facts = describe_columns(name, load_catalogue(packs), table)
    if as_json:
        emit_json({"table": name, "columns": [asdict(fact) for fact in facts]})
        return
    width = shutil.get_terminal_size((200, 24)).columns
    for fact in facts:
        rest = [fact.type, f"class {fact.sensitivity}" if fact.sensitivity else "", fact.requirement]
        click.echo(f"{fact.column}: {', '.join(filter(None, rest))}")
        for label, said in (("done", fact.treatment), ("ask", fact.ask), ("systems", ", ".join(fact.systems))):
            if said:
                click.echo(click.wrap_text(f"{label:<8} {said}", width, "  ", " " * 11))
