"""`ebb status`: how the streams are, for people, machines and alarms."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - click passes it
from typing import TYPE_CHECKING

import click

from governance.errors import EbbError
from pipelines.options import common, emit_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipelines.status import StreamStatus, TableSize

_STREAMS = {"service-logs": "service_log", "equipment": "equipment", "transactions": "transactions"}


@click.command(epilog="Example: ebb status --home /srv/ebb --max-lag 900 --max-rejected 0.05")
@click.option("--lake", help="URI of the lake; by default the folder `lake` in --home.")
@click.option("--from", "source", metavar="ENDPOINT", help="files:GLOB: count the bytes that are not taken yet.")
@click.option("--stream", type=click.Choice(list(_STREAMS)), default="service-logs", help="Whose files --from names.")
@click.option("--max-lag", type=click.FloatRange(0), metavar="SECONDS", help="Exit 1 if a stream is further behind.")
@click.option(
    "--max-rejected", type=click.FloatRange(0, 1), metavar="SHARE", help="Exit 1 if more of the last day was rejected."
)
@common
def status(
    *,
    lake: str | None,
    source: str | None,
    stream: str,
    max_lag: float | None,
    max_rejected: float | None,
    home: Path,
    packs: Path | None,
    as_json: bool,
) -> None:
    """Say of each stream when it last committed, how far behind it is, and what became of its records.

    Everything is read from the lake. Lag is the age of the newest records by the time they were published, for files
    by the hour of the newest event; on a stream without traffic it grows.
    """
    from pipelines.endpoints import parse_endpoint
    from pipelines.settings import load_settings, wall_clock
    from pipelines.status import alerts, backlog, stream_statuses, table_sizes

    settings = load_settings(home=home, lake=lake, packs=packs)
    endpoint = parse_endpoint(source) if source else None
    statuses, sizes = stream_statuses(settings.lake, wall_clock()), table_sizes(settings.lake)
    waiting = backlog(endpoint, _STREAMS[stream], settings) if endpoint else None
    raised = alerts(statuses, max_lag, max_rejected)
    if not statuses and (max_lag is not None or max_rejected is not None):
        raised.append(f"there is no stream in {settings.lake} yet: `ebb run` makes its tables")
    if as_json:
        emit_json(
            {
                "streams": [one.parts() for one in statuses],
                "tables": [asdict(one) for one in sizes],
                "backlog": waiting,
                "alerts": raised,
            }
        )
    elif not sizes:
        click.echo(f"There are no tables in {settings.lake} yet: `ebb run service-logs --from …` makes them.")
    else:
        _show(statuses, sizes, waiting)
    if raised:
        raise EbbError("; ".join(raised))


def _show(statuses: Sequence[StreamStatus], sizes: Sequence[TableSize], waiting: Mapping[str, object] | None) -> None:
    from pipelines.tables import print_table

    for one in statuses:
        behind = "" if one.lag is None else f", {one.lag:,.0f} s behind by {(one.lag_by or '').replace('_', ' ')}"
        last = f"last commit {one.last_commit:%Y-%m-%d %H:%M:%S} UTC" if one.last_commit else "nothing committed yet"
        click.echo(f"{one.stream}: {last}{behind}; {one.dead_letters:,} dead letters in the lake")
        print_table(("", *one.sums), _lines(one.sums))
        click.echo()
    print_table(
        ("table", "files", "rows", "MiB", "version"),
        [(s.table, f"{s.files:,}", f"{s.rows:,}", f"{s.bytes / 2**20:,.1f}", s.version) for s in sizes],
    )
    if waiting:
        known = waiting["note"] or f"{waiting['bytes']:,} bytes are not taken yet"
        click.echo(f"backlog of {waiting['source']}: {known}")


def _lines(sums: Mapping[str, Mapping[str, object]]) -> list[tuple[str, ...]]:
    """Return one row a count: its name, then the count in each window; codes only where they occurred."""
    counts = {window: dict(_counts(total)) for window, total in sums.items()}
    names = dict.fromkeys(name for one in counts.values() for name in one)
    return [(name, *(f"{counts[window].get(name, 0):,}" for window in sums)) for name in names]


def _counts(total: Mapping[str, object]) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for name, value in total.items():
        if isinstance(value, int):
            found.append((name, value))
        elif isinstance(value, dict) and name != "fields_dropped":
            found += [(f"{name.replace('_', ' ')}: {code}", number) for code, number in sorted(value.items()) if number]
    return found
