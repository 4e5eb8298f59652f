"""`ebb ended`: list accounts that were cancelled, histories that were cleared, services that stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from governance.errors import RefusedError, UsageError
from pipelines.commands.sweep import BY, open_room, room_options, user
from pipelines.options import emit_json, lines_of, tell_next

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.sweep_room import Room
    from retention.endings import Scope

_NUMBER_BYTES = 6
_PERSON = click.option(
    "--person", multiple=True, metavar="SYSTEM:KIND:ID", help="Who; kind: account, cookie, device. Can be repeated."
)
_FILE = click.option(
    "--subjects-from",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of SYSTEM:KIND:ID, one a line: so they stand in no history of a shell.",
)
_AT = click.option("--at", required=True, metavar="INSTANT", help="When it ended; never later than the clock.")


@click.group()
def ended() -> None:
    """List whose copies are due now: the next sweep plans them. Records with a floor stay until it is over."""


def _of_people(scope: Scope, text: str) -> None:
    """Add the command of a scope of people."""

    @_PERSON
    @_FILE
    @_AT
    @BY
    @room_options
    def command(
        *,
        home: Path,
        packs: Path | None,
        as_json: bool,
        lake: str | None,
        datasets: Path | None,
        person: tuple[str, ...],
        subjects_from: Path | None,
        at: str,
        by: str | None,
    ) -> None:
        from governance.policy import load_catalogue
        from pipelines.ended_subjects import ended_values

        if (subjects_from is None) == (not person):
            raise UsageError("say who: --person or --subjects-from, one of them")
        people = person
        if subjects_from is not None:
            people = tuple(lines_of(subjects_from))
        room = open_room(home, packs, lake, datasets)
        values = ended_values(room.settings.opener(), scope, people, load_catalogue(room.settings.packs).systems)
        if not values:
            raise UsageError(f"nobody's {scope} are found by a cookie or a device: name the account")
        _list(room, scope, values, at=at, by=by, as_json=as_json)

    command.__doc__ = text
    name = f"{scope} --person sepp:account:NAME --at 2026-11-01T09:00:00+08:00"
    ended.command(scope, epilog=f"Example: ebb ended {name}")(command)


_of_people(
    "account",
    """List cancelled accounts: every copy is due (R-CANC-01).

    So are records of classes that end with an account: PROFILE, CONTENT, PERM and COMM go; records of transactions, the
    network log and GOV stay until their floor.
    """,
)
_of_people(
    "orders",
    """List people who cleared their orders: copies are due (R-RET-09).

    Copies of transactions, that is; the records stay.
    """,
)
_of_people(
    "searches",
    """List people who cleared their searches (R-RET-09).

    Rows that hold a search are due.
    """,
)


@ended.command("service", epilog="Example: ebb ended service --system sepp --at 2026-11-01T00:00:00+08:00")
@click.option("--system", required=True, help="Which.")
@_AT
@BY
@room_options
def service(
    *,
    home: Path,
    packs: Path | None,
    as_json: bool,
    lake: str | None,
    datasets: Path | None,
    system: str,
    at: str,
    by: str | None,
) -> None:
    """List a service that stopped: all of the system is due.

    All but records with a floor (R-STOP-01).
    """
    from governance.policy import load_catalogue

    room = open_room(home, packs, lake, datasets)
    known = load_catalogue(room.settings.packs).systems
    if system not in known:
        raise UsageError(f"no pack is of this system; known are {', '.join(sorted(known))}")
    _list(room, "service", {"*": frozenset({system})}, at=at, by=by, as_json=as_json)


@ended.command("list", epilog="Example: ebb ended list")
@room_options
def list_all(home: Path, packs: Path | None, as_json: bool, lake: str | None, datasets: Path | None) -> None:
    """List the endings in counts, never whom they list."""
    from pipelines.tables import print_table
    from retention.sweeps import endings_at

    found = [
        {"number": e.id, "scope": e.scope, "dataset": e.dataset, "until": e.until.isoformat(), "listed": len(e.values)}
        for e in endings_at(open_room(home, packs, lake, datasets, reading=True).ledger)
    ]
    if as_json:
        emit_json({"endings": found})
    elif not found:
        click.echo("Nothing is listed as ended.")
    else:
        print_table(("number", "scope", "dataset", "until", "listed"), [tuple(row.values()) for row in found])


@ended.command("withdraw", epilog="Example: ebb ended withdraw 5f0c9a7e2b14")
@click.argument("number")
@BY
@room_options
def withdraw(  # noqa: PLR0917
    home: Path, packs: Path | None, as_json: bool, lake: str | None, datasets: Path | None, number: str, by: str | None
) -> None:
    """Take a listing back that was a mistake.

    What no sweep has removed yet stays.
    """
    from pipelines.settings import wall_clock
    from retention.sweeps import withdraw_ending

    withdraw_ending(open_room(home, packs, lake, datasets).ledger, number, by=user(by), wall=wall_clock())
    if as_json:
        emit_json({"withdrawn": number})
    else:
        click.echo(f"Withdrawn: {number}.")


def _list(
    room: Room, scope: Scope, values: Mapping[str, frozenset[str]], *, at: str, by: str | None, as_json: bool
) -> None:
    """Write one listing into the ledger, and say in which datasets it makes rows due."""
    import secrets

    from pipelines.clock import parse_instant
    from pipelines.settings import wall_clock
    from retention.endings import Ending
    from retention.sweeps import list_ending

    until, wall = parse_instant(at), wall_clock()
    assert until is not None
    if until > wall:
        raise RefusedError("--at lies in the future: nothing has ended before it ends")
    number = secrets.token_hex(_NUMBER_BYTES)
    listed = [Ending(number, scope, dataset, until, values[dataset]) for dataset in sorted(values)]
    for ending in listed:
        list_ending(room.ledger, ending, by=user(by), wall=wall)
    touched = [name for name, dataset in room.datasets.items() if room.endings_in(dataset, listed).listed]
    nameless = [name for name, d in room.datasets.items() if scope != "service" and not room.finds_people(d)]
    if as_json:
        emit_json({"number": number, "scope": scope, "datasets": touched, "without_subject": nameless})
        return
    click.echo(f"Listed under {number}; due in the next sweep: {', '.join(touched) or 'nothing that is there'}.")
    if nameless:
        click.echo(f"Without a subject, or without its system, so that nobody is found in it: {', '.join(nameless)}.")
    tell_next("ebb sweep plan")
