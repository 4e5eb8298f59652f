"""The kill matrix: whatever dies, and when, every record ends in one place once.

Scenarios run side by side, each with a subscription and a lake of its own; most of their time is waiting for leases.
The figures of a run are printed (`make test-kill`) and stand in docs/guarantees.md.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from retention.stores.delta import open_table
from tests.integration.processes import finished, keys, kill_group, started, wait_for
from tests.integration.test_stream import NOW, ROWS, feed, lines
from tests.kill.crashing import EXIT, SEAMS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.emulator import Emulator

pytestmark = [pytest.mark.slow, pytest.mark.emulator, pytest.mark.timeout(900)]

LETTERS = "dead_letters"
OPT_OUT = (
    b'{"event_id":"o-%d","system":"sepp","event_type":"beacon_hit",'
    b'"event_time":"2026-10-01T08:00:00Z","meta":{"dnt":1}}'
)
QUIET = "25"
"""Seconds of silence that end a drain: longer than any lease that a dead process may have held."""


def mixed(number: int, start: int) -> list[bytes]:
    """Return `number` records, one in fifty malformed and one in fifty to be dropped by its signal."""
    good = lines(number, start)
    for place in range(0, number, 50):
        good[place] = b'{"event_id":"bad-%d","system":"sepp"' % (start + place)
        good[place + 1] = OPT_OUT % (start + place)
    return good


@dataclass
class Scenario:
    """One scenario's lake and subscription, and what was fed to it."""

    name: str
    emulator: Emulator
    folder: Path
    fed: int = 0
    topic: str = ""
    subscription: str = ""
    rounds: int = 0
    figures: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the folder, topic and subscription."""
        self.folder.mkdir()
        self.topic, self.subscription = self.emulator.new_topic("kill", ack_deadline=10)

    @property
    def home(self) -> Path:
        """The scenario's home."""
        return self.folder / "home"

    @property
    def log(self) -> Path:
        """What its processes said."""
        return self.folder / "log"

    def run(self, *more: str) -> tuple[str, ...]:
        """Return the arguments of a run on the scenario's subscription."""
        source = f"pubsub:{self.emulator.project}/{self.subscription}"
        common = ("--now", NOW, "--home", str(self.home), "--max-events", "500", "--max-seconds", "0.3")
        return ("run", "service-logs", "--from", source, *common, *more)

    def feed(self, number: int) -> None:
        """Publish records."""
        feed(self.emulator, self.topic, mixed(number, self.fed))
        self.fed += number

    def stored(self) -> int:
        """Return how many rows there are."""
        return keys(self.home, *ROWS).total()

    def settle(self) -> None:
        """Drain what is left and check that every distinct record is in one place once."""
        finished(*self.run("--drain", "--quiet", QUIET), timeout=400)
        self.count()

    def count(self) -> None:
        """Compare the tables with what was fed: lines in = rows + dead letters + dropped by code."""
        rows, letters = keys(self.home, *ROWS), keys(self.home, LETTERS)
        opted_out = bad = len(range(0, self.fed, 50))
        assert set(rows.values()) == {1}, self.name
        assert set(letters.values()) <= {1}, self.name
        self.figures = {"fed": self.fed, "rows": len(rows), "dead letters": len(letters), "dropped": opted_out}
        assert len(letters) == bad, (self.name, self.figures)
        assert len(rows) == self.fed - bad - opted_out, (self.name, self.figures)
        for table in (*ROWS, LETTERS):
            open_table(str(self.home / "lake" / table)).dataset().to_table()  # every file that the log names is there


def killed_at_random(scenario: Scenario, processes: int, *engine: str, rounds: int = 5) -> None:
    """Feed steadily, kill all processes at a random moment, again and again."""
    randomly = random.Random(scenario.name)
    ended = threading.Event()

    def feeding() -> None:
        while not ended.wait(0.2):
            scenario.feed(500)

    feeder = threading.Thread(target=feeding)
    feeder.start()
    try:
        for _ in range(rounds):
            before = scenario.stored()
            running = [started(*scenario.run(*engine), log=scenario.log) for _ in range(processes)]
            group = [one.__enter__() for one in running]
            wait_for(lambda least=before: scenario.stored() > least, 90, scenario.log)
            time.sleep(randomly.uniform(0.0, 2.0))
            for process in group:
                kill_group(process)
            for one in running:
                one.__exit__(None, None, None)
            scenario.rounds += 1
    finally:
        ended.set()
        feeder.join()
    scenario.settle()


def crashed_at(scenario: Scenario, seam: str) -> None:
    """Die at the seam three times, deeper into the run each time, then drain."""
    for nth in (1, 2, 4):
        scenario.feed(3000)
        done = subprocess.run(
            [sys.executable, "-m", "tests.kill.crashing", seam, str(nth), *scenario.run()],
            capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == EXIT, done.stderr.decode()
        scenario.rounds += 1
    scenario.settle()


def stopped_past_its_lease(scenario: Scenario) -> None:
    """A process stopped for longer than its lease wakes up after another one has taken its messages."""
    scenario.feed(6000)
    with started(*scenario.run("--max-events", "3000", "--max-seconds", "20"), log=scenario.log) as sleeper:
        wait_for((scenario.home / "lake" / "dead_letters").exists, 60, scenario.log)
        time.sleep(1.0)
        sleeper.send_signal(signal.SIGSTOP)
        scenario.feed(3000)
        finished(*scenario.run("--drain", "--quiet", QUIET), timeout=300)
        sleeper.send_signal(signal.SIGCONT)
        time.sleep(5)
        sleeper.send_signal(signal.SIGTERM)
        assert sleeper.wait(60) == 0, scenario.log.read_text()
    scenario.rounds = 1
    scenario.settle()


def files_crashed_at(scenario: Scenario, seam: str) -> None:
    """The same for files: die at the seam, run again until the files are taken."""
    events = scenario.folder / "events.ndjson"
    events.write_bytes(b"\n".join(mixed(8000, 0)) + b"\n")
    scenario.fed = 8000
    arguments = ("run", "service-logs", "--from", f"files:{events}", "--drain", "--now", NOW)
    for nth in (1, 2, 4):
        command = [sys.executable, "-m", "tests.kill.crashing", seam, str(nth), *arguments]
        home = ("--home", str(scenario.home), "--max-events", "500")
        done = subprocess.run([*command, *home], capture_output=True, timeout=120, check=False)
        assert done.returncode == EXIT, done.stderr.decode()
        scenario.rounds += 1
    finished(*arguments, "--home", str(scenario.home), "--max-events", "500")
    scenario.count()


def crashed(scenario: Scenario, seam: str, nth: int, *arguments: str) -> None:
    """Run a command that dies at the seam."""
    command = [sys.executable, "-m", "tests.kill.crashing", seam, str(nth), *arguments, "--home", str(scenario.home)]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == EXIT, done.stderr.decode()
    scenario.rounds += 1


def rows_are(scenario: Scenario, number: int) -> None:
    """Check that the tables hold so many events, each once."""
    found = keys(scenario.home, *ROWS)
    assert (len(found), set(found.values())) == (number, {1}), scenario.name
    scenario.figures = {"fed": number, "rows": len(found), "dead letters": 0, "dropped": 0}


def replay_crashed(scenario: Scenario) -> None:
    """Letters of events that came too early are replayed when their time has come, and the replay dies on its way."""
    events = scenario.folder / "events.ndjson"
    events.write_bytes(b"\n".join(lines(4000)) + b"\n")
    home = ("--home", str(scenario.home))
    early = finished(
        "run", "service-logs", "--from", f"files:{events}", "--drain", "--now", "2026-09-01T00:00:00Z", *home
    )
    assert early["dead_letters"] == {"TIME_IN_FUTURE": 4000}
    ops_key = str(scenario.home / "ops.key")
    replay = ("dead-letters", "replay", "--stream", "service-logs", "--ops-key", ops_key, "--now", NOW)
    for seam in ("after the write, before the commit", "after a commit"):
        crashed(scenario, seam, 1, *replay)
    finished(*replay, *home)
    rows_are(scenario, 4000)


def compaction_crashed(scenario: Scenario) -> None:
    """Small files of closed dates are merged, and the work dies before and after a commit."""
    events = scenario.folder / "events.ndjson"
    events.write_bytes(b"\n".join(lines(4000)) + b"\n")
    home = ("--home", str(scenario.home))
    finished("run", "service-logs", "--from", f"files:{events}", "--drain", "--now", NOW, "--max-events", "200", *home)
    earlier = ("--now", "2026-10-20T00:00:00Z")  # before the event keys, by which rows are counted here, are blanked
    for seam, nth in (("after the write, before the commit", 1), ("after a commit", 1), ("after a commit", 2)):
        crashed(scenario, seam, nth, "compact", *earlier)
    finished("compact", *earlier, *home)
    rows_are(scenario, 4000)


def test_nothing_is_lost_or_doubled_whatever_dies(
    emulator: Emulator, prism: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Random kills on both engines, forced exits at every seam, a late writer: each record is in one place."""
    monkeypatch.setenv("EBB_PRISM", str(prism))
    made: list[Scenario] = []

    def scenario(name: str) -> Scenario:
        made.append(Scenario(name, emulator, tmp_path / str(len(made))))
        return made[-1]

    work: list[tuple[Callable[..., None], tuple[object, ...]]] = [
        (killed_at_random, (scenario("kill -9, two embedded processes"), 2)),
        (killed_at_random, (scenario("kill -9, Prism"), 1, "--runner", "prism")),
        (stopped_past_its_lease, (scenario("stopped past its lease"),)),
    ]
    for seam in SEAMS:
        crash = files_crashed_at if "files" in seam else crashed_at
        work.append((crash, (scenario(seam), seam)))
    work.append((files_crashed_at, (scenario("files, after a commit"), "after a commit")))
    work.append((files_crashed_at, (scenario("files, after the write"), "after the write, before the commit")))
    work.append((replay_crashed, (scenario("in the middle of a replay of dead letters"),)))
    work.append((compaction_crashed, (scenario("in the middle of compaction"),)))
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(function, *arguments) for function, arguments in work]:
            future.result()
    with capsys.disabled():
        print("\n| what died | deaths | records | rows | dead letters | dropped by code | twice |")  # noqa: T201
        print("|---|--:|--:|--:|--:|--:|--:|")  # noqa: T201
        for one in made:
            numbers = " | ".join(f"{value:,}" for value in one.figures.values())
            print(f"| {one.name} | {one.rounds} | {numbers} | 0 |")  # noqa: T201
