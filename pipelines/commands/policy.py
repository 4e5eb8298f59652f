"""`ebb policy`: list, show, check, compare and explain policy packs."""

from __future__ import annotations

import difflib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from governance.errors import UsageError
from pipelines.options import common, emit_json

if TYPE_CHECKING:
    from governance.policy.diff import Resolved
    from governance.policy.model import Pack


@click.group(epilog="Example: ebb policy explain mic_global_2022 mac_address")
def policy() -> None:
    """List, show, check, compare and explain policy packs.

    A PACK is the id of a pack or the path of its file.
    """


@policy.command("list", epilog="Example: ebb policy list --packs my_packs")
@common
def list_packs(*, as_json: bool, packs: Path | None, home: Path) -> None:  # noqa: ARG001 - every command takes --home
    """List the packs with their systems and validity."""
    from governance.policy import load_catalogue

    rows = [_summary(pack) for pack in load_catalogue(_packs(packs)).packs]
    if as_json:
        emit_json(rows)
        return
    from pipelines.tables import print_table

    print_table(
        ("pack", "system", "valid from", "valid to", "names", "citation"),
        [
            (row["id"], row["system"], row["valid_from"] or "open start", row["valid_to"] or "in force",
             f"{row['names']:>5}", row["citation"])
            for row in rows
        ],
    )  # fmt: skip


@policy.command(epilog="Example: ebb policy show sepp")
@click.argument("pack")
@common
def show(*, pack: str, as_json: bool, packs: Path | None, home: Path) -> None:  # noqa: ARG001
    """Show a pack: what its policy names, and what it promises."""
    found = _find(pack, packs).pack
    document = found.model_dump(mode="json")
    document["names"] = sorted(found.names)
    document["purposes"] = sorted(found.purposes)
    if as_json:
        emit_json(document)
        return
    for key, value in document.items():
        _print(key, value)


@policy.command(epilog="Example: ebb policy check my_packs/sixth.yaml")
@click.argument("pack")
@common
def check(*, pack: str, as_json: bool, packs: Path | None, home: Path) -> None:  # noqa: ARG001
    """Name every problem of a PACK, an inventory.yaml, or a folder.

    A folder may hold both. Exit code 1 if there is a problem.
    """
    from governance.policy.loading import check_file

    if Path(pack).exists():
        problems = check_file(Path(pack), _packs(packs))
    else:
        _find(pack, packs)  # a pack that is loaded is valid, and one that is not has been refused
        problems = ()
    if as_json:
        emit_json({"valid": not problems, "problems": [asdict(problem) for problem in problems]})
    else:
        for problem in problems:
            click.echo(problem)
        click.echo(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}" if problems else "valid")
    if problems:
        sys.exit(1)


@policy.command(epilog="Example: ebb policy diff mic_global_2021 mic_global_2022")
@click.argument("old")
@click.argument("new")
@common
def diff(*, old: str, new: str, as_json: bool, packs: Path | None, home: Path) -> None:  # noqa: ARG001
    """Compare two packs: changes by class, and the notice they need.

    The classes are MAJ-1 to MAJ-6.
    """
    from governance.policy.diff import MAJOR, codes, compare, notice_needed

    before, after = _find(old, packs), _find(new, packs)
    changes = compare(before, after)
    notice = notice_needed(changes, after.pack)
    if as_json:
        emit_json(
            {
                "old": before.pack.citation,
                "new": after.pack.citation,
                "codes": codes(changes),
                "changes": [asdict(change) for change in changes],
                "notice": notice,
            }
        )
        return
    group = ""
    for change in changes:
        if group != (group := change.code or "no class"):
            click.echo(f"{group}: {MAJOR.get(group, 'not a major change')}")
        click.echo(f"  {change.change:<8} {change.path}" + (f": {change.detail}" if change.detail else ""))
    click.echo(notice)


@policy.command(epilog="Example: ebb policy explain mic_global_2022 mac_address")
@click.argument("pack")
@click.argument("field")
@common
def explain(*, pack: str, field: str, as_json: bool, packs: Path | None, home: Path) -> None:  # noqa: ARG001
    """Say what happens to a field under a pack, for how long, and why."""
    from governance.policy.explain import explain as explain_row

    found = _find(pack, packs)
    row = found.rows.get(field)
    if row is None:
        near = difflib.get_close_matches(field, found.rows, n=3)
        meant = f"did you mean {' or '.join(near)}? " if near else ""
        raise UsageError(
            f"no row of the inventory has this name; {meant}`ebb policy show PACK` lists those a pack names"
        )
    told = explain_row(found.pack, row)
    if as_json:
        emit_json(told)
        return
    click.echo(f"{told['field']} ({told['kind']} of {told['group']}) under {told['pack']}")
    click.echo(f"  class       {told['class']}: {told['class_means']}")
    click.echo(f"  named       {'yes' if told['named'] else 'no: the policy does not name it'}")
    for audience, sees in told["analyst_sees"].items():
        click.echo(f"  {audience:<11} {told['treatment'][audience]['do']}: an analyst sees {sees}")
    click.echo(f"  export      {told['export']}: {told['export_means']}")
    click.echo(f"  kept        {told['retention']}: {told['kept']}, from {told['clock']}")
    click.echo(f"  why         {told['why']}")
    click.echo(f"  requirement {told['requirement']}")


def _packs(packs: Path | None) -> Path | None:
    from pipelines.settings import load_settings

    return load_settings(packs=packs).packs


def _find(name: str, packs: Path | None) -> Resolved:
    from governance.policy import load_catalogue
    from governance.policy.diff import Resolved
    from governance.policy.loading import read_pack

    catalogue = load_catalogue(_packs(packs))
    if found := catalogue.pack(name):
        return Resolved(found, catalogue.inventory)
    if Path(name).is_file():
        return Resolved(*read_pack(Path(name)))
    known = ", ".join(pack.id for pack in catalogue.packs)
    raise UsageError(f"there is no such pack and no such file; packs are {known}")


def _summary(pack: Pack) -> dict[str, Any]:
    from datetime import timedelta, timezone

    china = timezone(timedelta(hours=8))
    return {
        "id": pack.id,
        "system": pack.system,
        "title": pack.title,
        "valid_from": pack.valid_from and pack.valid_from.astimezone(china).isoformat(),
        "valid_to": pack.valid_to and pack.valid_to.astimezone(china).isoformat(),
        "names": len(pack.names),
        "digest": pack.digest,
        "citation": pack.citation,
    }


def _print(key: str, value: object, indent: str = "") -> None:
    if isinstance(value, dict):
        click.echo(f"{indent}{key}:")
        for name, one in value.items():
            _print(name, one, indent + "  ")
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        click.echo(f"{indent}{key}:")
        for one in value:
            head, *rest = one.items()
            click.echo(f"{indent}  - {head[1]}: " + "; ".join(f"{name} {_flat(part)}" for name, part in rest))
    elif value not in (None, [], ()):
        click.echo(click.wrap_text(f"{key}: {_flat(value)}", 110, indent, indent + "  "))


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_flat(part)}" for name, part in value.items() if part)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
