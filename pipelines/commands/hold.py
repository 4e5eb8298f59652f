"""`ebb hold`: keep data from deletion for a legal case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from governance.errors import UsageError, counted
from pipelines.commands.sweep import BY, open_room, room_options, user
from pipelines.options import emit_json, lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from retention.holds import Hold


@click.group()
def hold() -> None:
    """Keep data from deletion for a legal case, and let it go again."""


@hold.command(
    "place", epilog="Example: ebb hold place 2026-17 --dataset shop.orders --subjects-from people.txt --reason 'claim'"
)
@click.argument("case")
@click.option("--dataset", "dataset", default="*", show_default=True, help="Id of a dataset; * for all.")
@click.option("--whole", is_flag=True, help="Hold every row of the dataset.")
@click.option(
    "--subjects-from",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of values of the subject column, one a line.",
)
@click.option(
    "--records-from",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of keys, one a line; parts of a key joined by a slash.",
)
@click.option(
    "--person", multiple=True, metavar="SYSTEM:KIND:ID", help="Somebody, wherever he is; kind: account, cookie, device."
)
@click.option("--reason", required=True, help="Why; without names.")
@BY
@room_options
def place(  # noqa: PLR0917 - click passes them by name
    home: Path,
    packs: Path | None,
    as_json: bool,
    lake: str | None,
    datasets: Path | None,
    case: str,
    dataset: str,
    whole: bool,
    subjects_from: Path | None,
    records_from: Path | None,
    person: tuple[str, ...],
    reason: str,
    by: str | None,
) -> None:
    """Place a hold: what it lists stays, even past its day.

    Sweeps that are already planned keep to it. Subjects and records are read from a file, so that they stand in no
    history of a shell. How many rows match now is said by dataset, with a warning when there are none: rows that come
    later are held all the same.
    """
    import re

    from pipelines.hold_subjects import doubts, rows_held, subject_values
    from pipelines.settings import wall_clock
    from retention.holds import Hold
    from retention.sweeps import place_hold

    if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", case) is None:
        raise UsageError("a case's number is up to 64 letters, digits, dots, dashes and underscores")
    if sum((whole, subjects_from is not None, records_from is not None, bool(person))) != 1:
        raise UsageError("say what is held: --whole, --subjects-from, --records-from or --person, one of them")
    room = open_room(home, packs, lake, datasets)
    if dataset != "*":
        room.dataset(dataset)
    if records_from is not None and dataset == "*":
        raise UsageError("keys belong to one dataset: give --dataset")
    if person:
        placed = [Hold(case, name, "subject", values) for name, values in subject_values(room, person).items()]
    elif whole:
        placed = [Hold(case, dataset, "dataset")]
    else:
        source = subjects_from or records_from
        assert source is not None
        values = frozenset(lines_of(source))
        placed = [Hold(case, dataset, "subject" if subjects_from else "record", values)]
    for one in placed:
        place_hold(room.ledger, one, by=user(by), reason=reason, wall=wall_clock())
    # Counted when it stands: a long look at a large table must not put the hold off.
    rows = {} if whole else rows_held(room, placed)
    _tell(case, placed, rows, [] if whole else doubts(room, placed, rows), as_json=as_json)


def _tell(
    case: str, placed: Sequence[Hold], rows: Mapping[str, int | None], warnings: Sequence[str], *, as_json: bool
) -> None:
    number = sum(len(one.values) for one in placed)
    if as_json:
        emit_json({"case": case, "holds": len(placed), "values": number, "rows": rows, "warnings": warnings})
    else:
        names = ", ".join(sorted(one.dataset for one in placed))
        click.echo(f"Held under case {case}: {names} ({number or 'all'} listed).")
        for name, found in rows.items():
            if found is not None:
                click.echo(f"{name}: {found:,} rows match now")
    for warning in warnings:
        click.echo(f"Warning: {warning}.", err=True)


@hold.command("list", epilog="Example: ebb hold list")
@room_options
def list_all(home: Path, packs: Path | None, as_json: bool, lake: str | None, datasets: Path | None) -> None:
    """List the holds in force: cases and counts, never whom they list."""
    from pipelines.tables import print_table
    from retention.sweeps import holds_at

    found = [
        {"case": h.case, "dataset": h.dataset, "scope": h.scope, "listed": len(h.values)}
        for h in holds_at(open_room(home, packs, lake, datasets, reading=True).ledger)
    ]
    if as_json:
        emit_json({"holds": found})
    elif not found:
        click.echo("Nothing is held.")
    else:
        print_table(("case", "dataset", "scope", "listed"), [tuple(row.values()) for row in found])


@hold.command("release", epilog="Example: ebb hold release 2026-17")
@click.argument("case")
@BY
@room_options
def release(  # noqa: PLR0917
    home: Path, packs: Path | None, as_json: bool, lake: str | None, datasets: Path | None, case: str, by: str | None
) -> None:
    """Release a case; what it deferred is due in the next sweep."""
    from pipelines.settings import wall_clock
    from retention.sweeps import release_holds

    number = release_holds(open_room(home, packs, lake, datasets).ledger, case, by=user(by), wall=wall_clock())
    if as_json:
        emit_json({"case": case, "released": number})
    else:
        click.echo(f"Released {counted(number, 'hold')} of case {case}; the next sweep takes what they deferred.")
