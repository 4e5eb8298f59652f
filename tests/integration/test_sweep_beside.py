"""A sweep is not alone: a stream writes the table that it sweeps, somebody compacts it, and it is started twice."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pipelines.settings import load_settings, wall_clock
from pipelines.sweep_room import Room
from pipelines.sweeping import approve_sweep, plan_sweep
from retention.plan import Limit
from retention.stores.delta import open_table
from tests.integration.processes import EBB, finished, keys, started, wait_for
from tests.integration.sweeps import is_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OLD, NEW, FILES = 2_000, 50, 60
TABLE = "analytics/service_log"


def lines(prefix: str, number: int, times: Sequence[datetime]) -> bytes:
    """Return events at these times, in turn."""
    event = {"system": "sepp", "event_type": "page_view", "fields": {"page_url": "/a"}}
    return b"".join(
        json.dumps({**event, "event_id": f"{prefix}-{n}", "event_time": times[n % len(times)].isoformat()}).encode()
        + b"\n"
        for n in range(number)
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_stream_compaction_and_two_sweeps_at_once(tmp_path: Path) -> None:
    """One sweep works, who comes second is refused and may try again; new events are there once, due ones are gone."""
    home, incoming, log = tmp_path / "home", tmp_path / "in", tmp_path / "log"
    incoming.mkdir()
    wall = datetime.now(tz=UTC)
    long_ago = [wall - timedelta(days=220 + day) for day in range(20)]
    (tmp_path / "old.ndjson").write_bytes(lines("old", OLD, long_ago))
    drained = ("run", "service-logs", "--from", f"files:{tmp_path}/old.ndjson", "--drain", "--max-events", "400")
    finished(*drained, "--home", str(home), "--now", (wall - timedelta(days=215)).isoformat())
    assert keys(home, TABLE).total() == OLD
    # A plan is bound to files: old dates are compacted before it, as the schedules have it.
    finished("compact", "--home", str(home))
    room = Room(load_settings(home=home))
    lately = [wall - timedelta(days=day, minutes=5) for day in range(6)]
    (incoming / "000.ndjson").write_bytes(lines("000", NEW, lately))

    with started("run", "service-logs", "--from", f"files:{incoming}/*.ndjson", "--home", str(home), log=log) as stream:
        wait_for(lambda: keys(home, TABLE).total() == OLD + NEW, 60, log)
        plan = plan_sweep(room, now=None, by="planner", limit=Limit(share=1.0))
        assert plan.due == OLD
        approve_sweep(room, plan.digest, "approver")
        commands = [("sweep", "apply", plan.digest), ("sweep", "apply", plan.digest), ("compact",)]
        running = [start(home, *command) for command in commands]
        for number in range(1, FILES):
            (incoming / f"{number:03d}.ndjson").write_bytes(lines(f"{number:03d}", NEW, lately))
            time.sleep(0.1)
        ended = [process.communicate(timeout=120)[1].decode() for process in running]
        codes = [process.returncode for process in running]
        assert set(codes) <= {0, 3}, ended
        assert 0 in codes
        for code, said in zip(codes, ended, strict=True):
            assert code == 0 or "another sweep is running: wait until it has ended" in said
        for command in commands[1:]:
            again = start(home, *command)
            said = again.communicate(timeout=120)[1].decode()
            assert again.returncode == 0, said
        is_whole(room, plan)
        wait_for(lambda: keys(home, TABLE).total() == FILES * NEW, 60, log)
        stream.send_signal(signal.SIGTERM)
        assert stream.wait(60) == 0, log.read_text()

    found = keys(home, TABLE)
    assert (len(found), set(found.values())) == (FILES * NEW, {1})
    dates = open_table(f"{home}/lake/{TABLE}").dataset().to_table(columns=["event_date"])["event_date"].to_pylist()
    assert min(dates) > (wall_clock() - timedelta(days=10)).date().isoformat()


def start(home: Path, *command: str) -> subprocess.Popen[bytes]:
    """Start a command of ebb."""
    return subprocess.Popen([str(EBB), *command, "--home", str(home)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
