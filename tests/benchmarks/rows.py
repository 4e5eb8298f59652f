"""The rows of the table: what is run, and which figures are printed."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipelines.tools import find_prism
from tests.benchmarks.messages import emulator, filled
from tests.benchmarks.processes import BenchmarkError
from tests.benchmarks.programs import answer, command_of, floor, pinned, product, started, times
from tests.benchmarks.text.bench import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.benchmarks.programs import Run

BEAM = "apache-beam==2.77.0"
TEXTS = 2_000
"""Events that the per-element job takes; it is slow."""
QUIET = "--quiet=3"


@dataclass(frozen=True, slots=True)
class Stand:
    """What a row works with.

    Attributes:
        floor: the hand-written script.
        events: files of events by their number.
        rounds: how often.
        cores: processor cores; the first is for those that are compared.
        scratch: an empty folder.
        report: prints a row: what, goal, seen, beside.
        spread: writes figures as median, least and greatest.
    """

    floor: Path
    events: Mapping[int, Path]
    rounds: int
    cores: Sequence[int]
    scratch: Path
    report: Callable[..., None]
    spread: Callable[..., str]

    @property
    def smallest(self) -> tuple[int, Path]:
        """The shortest file and its number of events."""
        return min(self.events.items())

    @property
    def largest(self) -> tuple[int, Path]:
        """The longest one."""
        return max(self.events.items())


def files(stand: Stand) -> None:
    """Files, embedded, drained: ratio to the floor, start-up."""
    for number, path in stand.events.items():
        floors, runs = _in_turn(stand, path, lambda p=path, n=number: _files_run(stand, p, n))  # type: ignore[misc]
        _ratio(stand, f"files, embedded, {number:,} events", 0.75, floors, runs)
        _start(stand, f"start to first committed row, embedded, {number:,} events", "< 5 s", runs)


def _files_run(stand: Stand, path: Path, number: int) -> Run:
    return product(f"files:{path}", stand.cores[:1], stand.scratch, events=number)


def pubsub(stand: Stand) -> None:
    """The emulator, fifty events a message: embedded and Prism, ratio to the floor."""
    number, path = stand.smallest
    with emulator(stand.scratch) as host:
        if host is None:
            stand.report("Pub/Sub emulator", "≥ 0.6", "not run: Java or the emulator is missing")
            return
        for runner in ("embedded", "prism"):
            if runner == "prism" and find_prism() is None:
                stand.report("Pub/Sub emulator, Prism", "≥ 0.6", "not run: `make prism` builds it")
                continue

            def one(runner: str = runner) -> Run:
                source = filled(path)
                return product(source, stand.cores[:1], stand.scratch, f"--runner={runner}", QUIET, events=number)

            floors, runs = _in_turn(stand, path, one)
            _ratio(stand, f"Pub/Sub emulator, {runner}, {number:,} events, 50 a message", 0.6, floors, runs)
            _start(stand, f"start to first committed row, Pub/Sub, {runner}", "", runs)


def memory(stand: Stand) -> None:
    """The longest backlog, from files and from the emulator: greatest resident memory, and its growth."""
    number, path = stand.largest
    run = product(f"files:{path}", stand.cores[:1], stand.scratch, events=number, watch_memory=True)
    _resident(stand, f"memory, files, {number:,} events", run)
    with emulator(stand.scratch) as host:
        if host is None:
            return
        source = filled(path)
        run = product(source, stand.cores[:1], stand.scratch, QUIET, events=number, watch_memory=True)
        _resident(stand, f"memory, Pub/Sub embedded, {number:,} events", run)


def cores(stand: Stand) -> None:
    """Two processes on two cores, each with half of the files, into one lake; against one process with all of them."""
    if len(stand.cores) < 2:
        stand.report("two cores against one", "≥ 1.7", "not run: there is one core")
        return
    number, path = stand.largest
    halves = _halves(path, stand.scratch)
    ratios, ones, twos = [], [], []
    for _ in range(stand.rounds):
        whole = f"files:{stand.scratch}/half-*.ndjson"
        ones.append(product(whole, stand.cores[:1], stand.scratch, events=number).rate)
        twos.append(_both(stand, halves, number))
        ratios.append(twos[-1] / ones[-1])
    beside = f"{statistics.median(ones):,.0f}/s, then {statistics.median(twos):,.0f}/s; one lake, two processes"
    stand.report(f"two cores against one, {number:,} events", "≥ 1.7", stand.spread(ratios), beside)


def _halves(path: Path, scratch: Path) -> list[Path]:
    halves = [scratch / f"half-{number}.ndjson" for number in range(2)]
    with path.open("rb") as lines, halves[0].open("wb") as first, halves[1].open("wb") as second:
        middle = path.stat().st_size // 2
        for line in lines:
            first.write(line)
            if first.tell() > middle:
                break
        shutil.copyfileobj(lines, second)
    return halves


def _both(stand: Stand, halves: Sequence[Path], number: int) -> float:
    """Run one process a core and a half; return events a second from the first read to the last commit of both."""
    home = stand.scratch / "home"
    shutil.rmtree(home, ignore_errors=True)
    commands = [
        pinned([core], command_of(f"files:{half}", home)) for core, half in zip(stand.cores, halves, strict=False)
    ]
    with started(commands[0], stand.scratch) as one, started(commands[1], stand.scratch) as other:
        read = [answer(process.communicate()[0], process.returncode, stand.scratch)["read"] for process in (one, other)]
    if sum(read) != number:
        raise BenchmarkError(f"of {number} events {sum(read)} were read")
    first, _, last = times(home)
    shutil.rmtree(home, ignore_errors=True)
    return number / (last - first)


def presidio(stand: Stand) -> None:
    """Events with free text: the whole product against a per-element Beam job with Presidio's analyzer."""
    _, path = stand.smallest
    python = _with_beam()
    with_text = stand.scratch / "texts.ndjson"
    with path.open("rb") as lines, with_text.open("wb") as out:
        number = 0
        for line in lines:
            if b'"search_query":' in line:
                out.write(line)
                number += 1
    few = stand.scratch / "few.ndjson"
    with with_text.open("rb") as lines:
        few.write_bytes(b"".join(islice(lines, TEXTS)))
    for options in ([], ["--patterns"]):
        ratios, theirs, ours = [], [], []
        for _ in range(min(stand.rounds, 3)):
            engine, rate = _per_element(stand, python, few, options)
            theirs.append(rate)
            ours.append(product(f"files:{with_text}", stand.cores[:1], stand.scratch, events=number).rate)
            ratios.append(ours[-1] / theirs[-1])
        beside = f"{statistics.median(ours):,.0f}/s; Presidio, {engine}: {statistics.median(theirs):,.0f}/s"
        what = f"per-element Beam job with Presidio, {engine}"
        stand.report(what, "≥ 20", stand.spread(ratios, ",.0f"), f"texts, {beside}")


def _with_beam() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ebb" / "presidio"
    python = environment(cache)
    has = subprocess.run([str(python), "-c", "import apache_beam"], capture_output=True, check=False)
    if has.returncode:
        print(f"adding {BEAM} to {cache}", file=sys.stderr)  # noqa: T201
        subprocess.run([str(python), "-m", "pip", "--quiet", "install", BEAM], check=True)
    return python


def _per_element(stand: Stand, python: Path, events: Path, options: Sequence[str]) -> tuple[str, float]:
    program = Path(__file__).with_name("per_element.py")
    done = subprocess.run(
        pinned(stand.cores[:1], [str(python), str(program), str(events), str(stand.scratch / "texts"), *options]),
        env={**os.environ, "PYTHONPATH": str(program.parent / "text")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"Presidio's job failed: {done.stderr[-300:]}")
    said = json.loads(done.stdout)
    return said["engine"], said["texts"] / said["seconds"]


def _in_turn(stand: Stand, events: Path, run: Callable[[], Run]) -> tuple[list[float], list[Run]]:
    """Run the floor and the product in turn."""
    floors, runs = [], []
    for _ in range(stand.rounds):
        floors.append(floor(stand.floor, events, stand.cores[:1], stand.scratch))
        runs.append(run())
    return floors, runs


def _ratio(stand: Stand, what: str, goal: float, floors: Sequence[float], runs: Sequence[Run]) -> None:
    ratios = [run.rate / base for run, base in zip(runs, floors, strict=True)]
    ours, base = statistics.median(run.rate for run in runs), statistics.median(floors)
    stand.report(what, f"≥ {goal}", stand.spread(ratios), f"{ours:,.0f}/s; floor {base:,.0f}/s")


def _start(stand: Stand, what: str, goal: str, runs: Sequence[Run]) -> None:
    first = [run.first_row - run.began for run in runs]
    reads = stand.spread([run.first_read - run.began for run in runs], ".1f")
    stand.report(what, goal, f"{stand.spread(first, '.1f')} s", f"until the first read {reads} s")


def _resident(stand: Stand, what: str, run: Run) -> None:
    """Report the greatest value and the growth over the second half of the run, in MB for 100,000 events."""
    late = run.resident[len(run.resident) // 2 :]
    slope = float(np.polyfit(np.arange(len(late)), late, 1)[0]) if len(late) > 2 else 0.0
    growth = slope / run.rate * 100_000
    seen = f"{max(run.resident):,.0f} MB, {growth:+.1f} MB for 100,000 events in the second half"
    stand.report(what, "< 600 MB, flat", seen, f"{len(run.resident)} samples, {late[0]:,.0f} → {late[-1]:,.0f} MB")
