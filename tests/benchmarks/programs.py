"""The programs that the benchmark runs: the floor, `ebb run`, and what the lake says of a run afterwards."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retention.stores.delta import open_table
from tests.benchmarks.processes import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NOW = "2026-11-01T00:00:00+08:00"
_FLOOR_SAYS = re.compile(r"floor (\d+) events ([0-9.]+) seconds")
_MB = 1024


@dataclass
class Run:
    """One run of the product.

    Attributes:
        read: events.
        rate: events a second from the first read to the last commit.
        began: when its process was started, in seconds since the epoch.
        first_read: when the first bundle was begun, by what its commit says.
        first_row: when the first commit that holds rows was made.
        last: when the last commit was made.
        resident: MB each second, where that was asked for.
    """

    read: int
    rate: float
    began: float
    first_read: float
    first_row: float
    last: float
    resident: list[float] = field(default_factory=list)


def pinned(cores: Sequence[int], command: Sequence[str]) -> list[str]:
    """Return a command that runs on some cores only."""
    return ["taskset", "-c", ",".join(map(str, cores)), *command]


def floor(program: Path, events: Path, cores: Sequence[int], scratch: Path) -> float:
    """Run the floor into a new lake; return its events a second, by its own clock."""
    lake = scratch / "floor"
    shutil.rmtree(lake, ignore_errors=True)
    done = subprocess.run(
        pinned(cores, [sys.executable, str(program), str(events), str(lake)]),
        capture_output=True,
        text=True,
        check=False,
    )
    said = _FLOOR_SAYS.search(done.stdout)
    if done.returncode or said is None:
        raise BenchmarkError(f"the floor failed: {done.stderr[-500:]}")
    shutil.rmtree(lake, ignore_errors=True)
    return int(said[1]) / float(said[2])


def command_of(source: str, home: Path, *options: str) -> list[str]:
    """Return the command line of the product."""
    ebb = str(Path(sys.executable).with_name("ebb"))
    granted = ["--authorization", "operator", "--authorized-systems", "sepp"]
    return [
        ebb, "run", "service-logs", "--home", str(home), "--from", source, *granted,
        "--now", NOW, "--drain", "--json", *options,
    ]  # fmt: skip


@contextmanager
def started(command: Sequence[str], scratch: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a program, its error output in a file; end it if the block fails."""
    with (scratch / "stderr").open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=scratch)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def product(
    source: str, cores: Sequence[int], scratch: Path, *options: str, events: int, watch_memory: bool = False
) -> Run:
    """Run `ebb run service-logs` on some cores into a new home, and read what its commits say.

    Raises:
        BenchmarkError: it failed, or did not read `events` events and store each of them.
    """
    home = scratch / "home"
    shutil.rmtree(home, ignore_errors=True)
    began, resident = time.time(), []
    with started(pinned(cores, command_of(source, home, *options)), scratch) as process:
        while watch_memory and process.poll() is None:
            resident.append(resident_mb(process.pid))
            time.sleep(1.0)
        output, _ = process.communicate()
    report = answer(output, process.returncode, scratch)
    if report["read"] != events or report["rows"] + report["personal"] != events:
        raise BenchmarkError(f"of {events} events {report['read']} were read, {report['personal']} stored")
    first_read, first_row, last = times(home)
    shutil.rmtree(home, ignore_errors=True)
    return Run(report["read"], report["rate"], began, first_read, first_row, last, [one for one in resident if one])


def answer(output: str, code: int, scratch: Path) -> dict[str, Any]:
    """Return the JSON report that the product printed."""
    if code:
        raise BenchmarkError(f"ebb run ended with {code}: {(scratch / 'stderr').read_text()[-500:]}")
    report: dict[str, Any] = json.loads(output)
    return report


def times(home: Path) -> tuple[float, float, float]:
    """Return when a lake's first bundle was begun, its first rows were committed, and its last commit was made."""
    said = [commit for path in ("analytics", "personal") for commit in _commits(home / "lake" / path / "service_log")]
    begun = [float(commit["ebb.started"]) for commit in said if "ebb.started" in commit]
    with_rows = [commit["timestamp"] / 1000 for commit in said if int(commit.get("ebb.rows", 0))]
    return min(begun), min(with_rows), max(commit["timestamp"] / 1000 for commit in said)


def _commits(table: Path) -> list[dict[str, Any]]:
    return open_table(str(table)).commits()


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MB; 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / _MB
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0.0


def cores_here() -> list[int]:
    """Return the processor cores that this process may use."""
    return sorted(os.sched_getaffinity(0))
