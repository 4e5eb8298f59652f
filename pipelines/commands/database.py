"""`ebb database`: bring ledger and keyring to this version's tables, and give roles of PostgreSQL their rights."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - click passes it
from typing import TYPE_CHECKING

import click

from governance.rights import KINDS
from pipelines.options import common, emit_json
from pipelines.settings import load_settings

if TYPE_CHECKING:
    from governance.rights import Kind

WHERE = ("ledger", "keyring")


@click.group()
def database() -> None:
    """Upgrade ledger and keyring, and give roles their rights; run by whoever owns the tables."""


@database.command("upgrade", epilog="Example: EBB_LEDGER_URL=postgresql+psycopg://owner@db/ebb ebb database upgrade")
@common
def upgrade(home: Path, packs: Path | None, as_json: bool) -> None:
    """Make the tables of ledger and keyring, or bring them up to date.

    Any command does so where its role may; run this one where roles may not. It needs no root key.
    """
    from governance.keys import store as keyring
    from governance.ledger import store as ledger

    settings = load_settings(home=home, packs=packs)
    found: dict[str, dict[str, str | None]] = {}
    before = ledger.bring_up(ledger.engine_of(settings.ledger_url))
    found["ledger"] = {"before": before, "now": ledger.SCHEMA.revisions[-1]}
    file = keyring.file_of(settings.keyring_url)
    if file is None or file.exists():
        before = keyring.bring_up(keyring.connect(settings.keyring_url))
        found["keyring"] = {"before": before, "now": keyring.SCHEMA.revisions[-1]}
    if as_json:
        emit_json(found)
        return
    for name, told in found.items():
        same = told["before"] == told["now"]
        click.echo(f"{name}: revision {told['now']}, {'as before' if same else 'was ' + (told['before'] or 'empty')}")
    if "keyring" not in found:
        click.echo("keyring: none yet; `ebb keys init` makes it")


@database.command("grant", epilog="Example: ebb database grant --role ebb_streams --as stream")
@click.option("--role", required=True, help="A role of the database that can log in, or a group of such.")
@click.option("--as", "kind", required=True, type=click.Choice(KINDS), help="What the role is for.")
@click.option("--on", "where", multiple=True, type=click.Choice(WHERE), default=WHERE, help="Only one of the two.")
@common
def grant(home: Path, packs: Path | None, as_json: bool, role: str, kind: Kind, where: tuple[str, ...]) -> None:  # noqa: PLR0917 - click passes them by name
    """Give a role of PostgreSQL the rights it needs, and no others.

    Others that it had on these tables are taken away. A role for streams makes keys; it reads no private half, destroys
    nothing but expired windows, and has no right on the ledger. One for ops sweeps, holds, settles, and destroys keys
    and payloads that are due. An auditor reads the ledger. None of them can change or remove a line of it, or what a
    line of the last three years says.
    """
    from governance.keys import store as keyring
    from governance.ledger import store as ledger

    settings = load_settings(home=home, packs=packs)
    urls = {"ledger": settings.ledger_url, "keyring": settings.keyring_url}
    given: dict[str, dict[str, list[str]]] = {}
    for name in WHERE:
        if name in where:
            store = ledger if name == "ledger" else keyring
            store.grant(urls[name], role, kind)
            given[name] = {table: list(rights) for table, rights in store.RIGHTS.of(kind).items() if rights}
    if as_json:
        emit_json({"role": role, "as": kind, "given": given})
        return
    for name, tables in given.items():
        click.echo(f"{name}: {role} may nothing" if not tables else f"{name}: {role} may")
        for table, rights in tables.items():
            click.echo(f"  {', '.join(rights):<24} {table}")
