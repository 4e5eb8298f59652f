"""`kill -9` in the middle of a sweep, again and again: the end is that of an undisturbed one."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from pipelines import cli
from pipelines.settings import load_settings
from pipelines.sweep_room import Room
from pipelines.sweeping import approve_sweep, certify_sweep, plan_sweep, verify_sweep
from retention.ledger_use import LEDGER
from retention.plan import Limit
from retention.stores.delta import FencedTable, TableSpec, create_table, open_table
from retention.sweeps import find_sweep
from tests.integration.sweeps import vault_with_due_orders
from tests.retention.rooms import NOW, make_room, query

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from pathlib import Path

KILLS = 10
FORKS = multiprocessing.get_context("forkserver")
FN_API_RUNNER = "apache_beam.runners.portability.fn_api_runner"
SCHEMA = pa.schema([("event_key", pa.binary()), ("event_date", pa.string()), ("due_date", pa.string())])


def installation(home: Path, days: int = 60) -> Room:
    """Make a shop of 900 orders, a vault of 40, and a lake table of some days, half of them mixed."""
    make_room(home, orders=900)
    vault_with_due_orders(home, orders=40)
    spec = TableSpec(str(home / "lake" / "analytics" / "service_log"), SCHEMA, "event_date", ("event_date",))
    create_table(spec)
    table = FencedTable(spec)
    for number in range(days):
        day = (date(2025, 1, 1) + timedelta(days=number)).isoformat()
        due = ["2025-07-01" if number % 2 or row % 2 else "2099-01-01" for row in range(50)]
        keys = [f"{number:08d}{row:08d}".encode() for row in range(50)]
        rows = pa.table({"event_key": keys, "event_date": [day] * 50, "due_date": due}, schema=SCHEMA)
        assert table.commit(table.write_files(rows), {})
    return Room(load_settings(home=home))


def end_state(home: Path) -> tuple[object, ...]:
    """Return every row that is left, in order, and the keys of the vault that are destroyed."""
    lake = open_table(str(home / "lake" / "analytics" / "service_log")).dataset().to_table().sort_by("event_key")
    orders = query(home, "SELECT * FROM orders ORDER BY id")
    lines = query(home, "SELECT * FROM order_lines ORDER BY id")
    vault = open_table(str(home / "lake" / "vault" / "transactions")).dataset().to_table().sort_by("event_key")
    keys = sorted(key.key_id for key in load_settings(home=home).opener().due_keys() if key.destroyed)
    return orders, lines, lake.to_pylist(), vault.to_pylist(), keys


def apply_command(home: Path, digest: str) -> BaseProcess:
    """Start `ebb sweep apply` as a process of its own, forked from one that has imported Beam already."""
    FORKS.set_forkserver_preload(["pipelines.commands.sweep", "pipelines.retention_sweep", FN_API_RUNNER])
    process = FORKS.Process(target=_run_ebb, args=(home / "said", ["sweep", "apply", digest, "--home", str(home)]))
    process.start()
    return process


def _run_ebb(log: Path, arguments: list[str]) -> None:
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["ebb", *arguments]
    cli.main()


def kill_in_the_middle(room: Room, digest: str, chance: random.Random) -> bool:
    """Start the command, kill it shortly after it has begun a unit; False if it had ended by itself."""
    before = len(room.ledger.entries("sweep.intent"))
    process = apply_command(room.settings.home, digest)
    while process.is_alive() and len(room.ledger.entries("sweep.intent")) == before:
        time.sleep(0.02)
    time.sleep(chance.uniform(0.0, 0.12))
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


@pytest.mark.slow
def test_ten_kills_leave_the_end_of_an_undisturbed_sweep(tmp_path: Path) -> None:
    """Same rows, the same counts in one certificate, no unit counted twice."""
    room = installation(tmp_path / "killed")
    shutil.copytree(tmp_path / "killed", tmp_path / "calm")
    (tmp_path / "calm" / "datasets.yaml").write_text(
        (tmp_path / "killed" / "datasets.yaml").read_text().replace(f"{tmp_path}/killed", f"{tmp_path}/calm")
    )
    calm = Room(load_settings(home=tmp_path / "calm"))
    digests = {}
    for one in (room, calm):
        plan = plan_sweep(one, now=NOW, by="planner", limit=Limit(share=1.0))
        approve_sweep(one, plan.digest, "approver")
        digests[one] = plan.digest
    chance = random.Random(datetime.now(tz=UTC).isoformat())
    kills = sum(kill_in_the_middle(room, digests[room], chance) for _ in range(KILLS))
    assert kills == KILLS, "the sweep ended before it was killed ten times: make it longer"
    for one in (room, calm):
        process = apply_command(one.settings.home, digests[one])
        process.join(200)
        assert process.exitcode == 0, (one.settings.home / "said").read_text()
        assert verify_sweep(one, digests[one])["ok"]
    assert end_state(tmp_path / "killed") == end_state(tmp_path / "calm")
    told = [
        [
            (e["dataset"], e["removed"], e["children"], e["after"])
            for e in certify_sweep(one, digests[one])["datasets"]
            if e["dataset"] != LEDGER  # which tells of every kill
        ]
        for one in (room, calm)
    ]
    assert told[0] == told[1]
    assert certify_sweep(room, digests[room]) == certify_sweep(room, digests[room])
    assert len(room.ledger.entries("sweep.certificate")) == 1
    sweep = find_sweep(room.ledger, digests[room])
    assert sum(int(o["rows"]) for o in sweep.outcomes.values()) == sweep.plan.due
    assert room.ledger.first_broken() is None
