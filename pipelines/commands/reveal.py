"""`ebb reveal`: turn reversible tokens back, with a case, two approvals and a record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from governance.errors import counted
from pipelines.commands.sweep import BY, user
from pipelines.options import common, emit_json, tell_next

if TYPE_CHECKING:
    from datetime import datetime

    from governance.reversals import Reversal

_TOKENS = click.option(
    "--tokens-from",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="File of tokens, one a line: so they stand in no history of a shell.",
)


@click.group()
def reveal() -> None:
    """Turn reversible tokens (the treatment `encrypt`) back: a case, two approvals, and a record of it."""


@reveal.command(
    "request",
    epilog="Example: ebb reveal request --case 2026-17 --system sepp --field callback_number "
    "--tokens-from tokens.txt --reason 'call back' --by lin",
)
@click.option("--case", required=True, help="Number of the case under which this is done.")
@click.option("--system", required=True, help="Whose tokens they are.")
@click.option("--field", required=True, help="The inventory's name of the field.")
@click.option("--purpose", default="statistics", show_default=True, help="For which the tokens were made.")
@click.option("--recipient", default="analytics", show_default=True, help="For whom they were made.")
@click.option("--reason", required=True, help="Why; without names.")
@_TOKENS
@BY
@common
def request(
    *,
    case: str,
    system: str,
    field: str,
    purpose: str,
    recipient: str,
    reason: str,
    tokens_from: Path,
    by: str | None,
    home: Path,
    packs: Path | None,
    as_json: bool,
) -> None:
    """Ask to have tokens opened; nothing is opened. The request expires after 24 hours."""
    from pipelines.revealing import request_reversal
    from pipelines.settings import load_settings, wall_clock

    asked = request_reversal(
        load_settings(home=home, packs=packs),
        tokens_from,
        case=case,
        system=system,
        field=field,
        purpose=purpose,
        recipient=recipient,
        reason=reason,
        by=user(by),
    )
    if as_json:
        emit_json(_document(asked, wall_clock()))
        return
    click.echo(f"Request {asked.number}: {_what(asked)}.")
    click.echo(f"Expires {asked.request.expires.isoformat(timespec='minutes')}.")
    tell_next(f"ebb reveal approve {asked.number}", "Next, by two others")


@reveal.command("approve", epilog="Example: ebb reveal approve 5d41402abc4b --by wang")
@click.argument("number", metavar="REQUEST")
@BY
@common
def approve(*, number: str, by: str | None, home: Path, packs: Path | None, as_json: bool) -> None:
    """Approve exactly this request.

    Two people do, and neither of them asked for it.
    """
    from governance.reversals import APPROVALS
    from pipelines.revealing import approve_reversal
    from pipelines.settings import load_settings, wall_clock

    found = approve_reversal(load_settings(home=home, packs=packs), number, user(by))
    if as_json:
        emit_json(_document(found, wall_clock()))
        return
    click.echo(f"Approved by {found.approvals[-1]}, {len(found.approvals)} of {APPROVALS}: {_what(found)}.")
    if len(found.approvals) < APPROVALS:
        tell_next(f"ebb reveal approve {found.number}", "Next, by one more")
    else:
        tell_next(f"ebb reveal open {found.number} --tokens-from FILE")


@reveal.command("open", epilog="Example: ebb reveal open 5d41402abc4b --tokens-from tokens.txt")
@click.argument("number", metavar="REQUEST")
@_TOKENS
@BY
@common
def open_tokens(
    *, number: str, tokens_from: Path, by: str | None, home: Path, packs: Path | None, as_json: bool
) -> None:
    """Open the tokens of an approved request, once.

    What they stand for is printed here, and nowhere else. The ledger says so before the first one is opened.
    """
    from pipelines.revealing import open_reversal
    from pipelines.settings import load_settings
    from pipelines.tables import print_table

    found, texts = open_reversal(load_settings(home=home, packs=packs), number, tokens_from, user(by))
    shut = sum(text is None for text in texts.values())
    if as_json:
        pairs = [{"token": token, "text": text} for token, text in texts.items()]
        told = {"request": found.number, "case": found.request.case, "opened": len(texts) - shut, "not_opened": shut}
        emit_json({**told, "pairs": pairs})
        return
    print_table(("token", "text"), [(token, _visible(text)) for token, text in texts.items()])
    click.echo(f"Opened {len(texts) - shut} of {len(texts)} under case {found.request.case}.")
    if shut:
        click.echo(f"{shut} cannot be opened: the key is destroyed, or of another system, field, purpose or recipient.")


@reveal.command("list", epilog="Example: ebb reveal list")
@common
def list_all(*, home: Path, packs: Path | None, as_json: bool) -> None:
    """List requests and where they stand, in counts."""
    from pipelines.revealing import reversals
    from pipelines.settings import load_settings, wall_clock
    from pipelines.tables import print_table

    wall = wall_clock()
    rows = [_document(found, wall) for found in reversals(load_settings(home=home, packs=packs))]
    if as_json:
        emit_json({"requests": rows})
    elif not rows:
        click.echo("Nobody asked to have a token opened.")
    else:
        columns = ("request", "case", "system", "field", "tokens", "by", "approved_by", "state")
        for row in rows:
            row["approved_by"] = ", ".join(row["approved_by"])
        headers = [column.replace("_", " ") for column in columns]
        print_table(headers, [tuple(row[column] for column in columns) for row in rows])


def _document(found: Reversal, wall: datetime) -> dict[str, Any]:
    told = {"request": found.number, "state": found.state(wall), "approved_by": list(found.approvals)}
    return {**told, **found.request.model_dump(mode="json", exclude={"format"})}


def _what(found: Reversal) -> str:
    asked = found.request
    tokens = counted(asked.tokens, "token")
    return f"{tokens} of {asked.system}'s {asked.field} under case {asked.case}, asked for by {asked.by}"


def _visible(text: str | None) -> str:
    """Return a text whose control characters are spelled out: a stranger wrote it, and a terminal would obey it."""
    if text is None:
        return "(not opened)"
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
