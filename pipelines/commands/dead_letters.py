"""`ebb dead-letters`: count rejected events by what was wrong with them; payloads stay sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipelines.options import common, emit_json
from pipelines.settings import load_settings

_BY = ("received_date", "stream", "stage", "code", "path")


@click.group("dead-letters")
def dead_letters() -> None:
    """List rejected events."""


@dead_letters.command("list", epilog="Example: ebb dead-letters list --home /srv/ebb")
@click.option("--lake", help="URI of the lake; by default HOME/lake.")
@common
def list_letters(home: Path, packs: Path | None, as_json: bool, lake: str | None) -> None:
    """Count dead letters by day, stream, stage, code and path, with the date they are due to go."""
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
