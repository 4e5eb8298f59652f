"""The first five minutes: synthetic events through the main job, one event before and after, one analyst's query."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pyarrow.dataset as pads

from governance.errors import EbbError
from governance.policy import load_catalogue
from pipelines.analyst import Analyst, lake_tables
from pipelines.launch import RunOptions, launch, prepare
from pipelines.progress import counting
from pipelines.rehearsal import shown
from pipelines.settings import wall_clock
from pipelines.synthetic import events
from pipelines.tables import print_table
from retention.stores.delta import open_table

SEED = 7
DAYS = 3
QUESTION = """\
SELECT event_date, system, devices, events
FROM daily_devices ORDER BY event_date, system LIMIT 8"""
NEXT = (
    "catalog service_log",
    'query "SELECT page_url, count(*) AS views FROM service_log GROUP BY ALL ORDER BY views DESC LIMIT 5"',
    "dead-letters list",
    "policy explain mic_global_2022 mac_address",
)
MARK = ".made-by-ebb-demo"


def show(home: Path, count: int) -> None:
    """Make events, run the job over them, and report; everything lies in `home`, which is made anew.

    Raises:
        EbbError: `home` holds something that no demo made, or the run failed.
    """
    _make_anew(home)
    path = home / "events.ndjson"
    _generate(path, count)
    click.echo(f"== 1. The main job takes {count:,} synthetic events from {path}")
    chosen = prepare(RunOptions(stream="service_log", source=f"files:{path}", drain=True, home=home))
    launch(chosen)
    before = _telling_event(path)
    click.echo("\n== 2. One event, as it came")
    click.echo(_pretty(before))
    click.echo("   and as analysts see it")
    keyring = chosen.settings.opener()
    key = keyring.event_keys("service_log").by_id([before["system"]], [before["event_id"]])[0]
    click.echo(_pretty(_row(chosen.tables.summed.uri, key)))
    click.echo(f"\n== 3. An analyst asks\n{QUESTION}")
    with Analyst(lake_tables(chosen.settings.lake)) as analyst:
        answer = analyst.ask(QUESTION)
    print_table(answer.columns, answer.rows)
    click.echo("\n== 4. Where things are")
    click.echo(f"tables        {home / 'lake'}  (Delta: DuckDB, pandas and Spark read them)")
    click.echo(f"raw events    {path}  (where your own logs would be)")
    click.echo(f"keys          {home / 'keyring.sqlite'}, {home / 'root.key'}, {home / 'ops.key'}")
    click.echo("\n== 5. What to try next")
    for command in NEXT:
        click.echo(f"{_called()} {command} --home {home}")
    click.echo(f"{_called()} run service-logs --from files:{path} --drain --home {home}   # takes nothing twice")


def _called() -> str:
    """Return `ebb`, or the way in which it was called where no `ebb` is on the path."""
    return "ebb" if shutil.which("ebb") or Path(sys.argv[0]).name != "ebb" else sys.argv[0]


def _make_anew(home: Path) -> None:
    if home.exists():
        if not (home / MARK).exists():
            raise EbbError(f"{home} was not made by a demo and stays as it is: name another folder with --home")
        shutil.rmtree(home)
    home.mkdir(mode=0o700, parents=True)
    (home / MARK).touch()


def _generate(path: Path, count: int) -> None:
    span = timedelta(days=DAYS)
    start = wall_clock().replace(minute=0, second=0, microsecond=0) - span
    made = events("service_log", count, SEED, start, load_catalogue(), span=span)
    with path.open("wb") as file, counting("generating events", count) as progress:
        for line in made:
            file.write(line if line.endswith(b"\n") else line + b"\n")
            progress(1)


def _telling_event(path: Path) -> dict[str, Any]:
    """Return the first event that shows most: a member's, with a search and an address, and no signal to obey."""
    with path.open("rb") as lines:
        for line in lines:
            if b'"account"' in line and b'"search_query"' in line and b'"page_url"' in line and b"gpc" not in line:
                event: dict[str, Any] = json.loads(line)
                return event
    raise EbbError("too few events to show one: use --events 1000 or more")


def _row(uri: str, key: bytes) -> dict[str, Any]:
    rows = open_table(uri).dataset().to_table(filter=pads.field("event_key") == key).to_pylist()
    if not rows:
        raise EbbError("the event that was to be shown was dropped; run the demo again")
    return {name: shown(value) for name, value in rows[0].items() if value is not None and name != "event_key"}


def _pretty(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, default=str)
