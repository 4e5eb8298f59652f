"""Minutes of steady traffic: does memory stay flat, do descriptors, does the lag?

    python -m tests.benchmarks.soak embedded|prism --minutes 10 --rate 2000 --out docs/img

Feeds the Pub/Sub emulator at a steady rate, runs `ebb run service-logs` on the engine, samples resident memory and open
files of the whole process tree every two seconds, and draws them as SVG.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import tools
from pipelines.sinks.sums import Sum
from retention.stores.delta import open_table
from tests.emulator import running_emulator
from tests.integration.processes import started, wait_for
from tests.integration.test_stream import NOW, feed, lines

if TYPE_CHECKING:
    from tests.emulator import Emulator

EVERY = 2.0
WIDTH, HEIGHT, LEFT, BOTTOM = 720, 240, 60, 30


@dataclass(frozen=True)
class Sample:
    """One look at the process tree: seconds since the start, MiB resident, open files."""

    seconds: float
    resident: float
    files: int


def tree(root: int) -> list[int]:
    """Return the process and all below it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = [root]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


def sample(root: int, start: float) -> Sample:
    """Look at the tree once."""
    resident, files = 0, 0
    for process in tree(root):
        try:
            status = Path(f"/proc/{process}/status").read_text()
            resident += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
            files += sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())
        except (FileNotFoundError, ProcessLookupError, StopIteration):
            continue
    return Sample(time.monotonic() - start, resident / 1024, files)


def feeding(emulator: Emulator, topic: str, rate: int, ended: threading.Event, fed: list[int]) -> None:
    """Publish `rate` events a second until `ended`."""
    began = time.monotonic()
    while not ended.is_set():
        due = int((time.monotonic() - began) * rate)
        if due - fed[0] >= 500:
            feed(emulator, topic, lines(due - fed[0], fed[0]))
            fed[0] = due
        ended.wait(0.1)


def soak(engine: str, minutes: float, rate: int) -> tuple[list[Sample], int, Sum]:
    """Run the engine under steady traffic; return samples, events fed, and the sum of all commits."""
    java, jar = tools.find_java(), tools.find_emulator_jar()
    assert java is not None, "Java is missing"
    assert jar is not None, "the Pub/Sub emulator is missing"
    with tempfile.TemporaryDirectory() as scratch, running_emulator(java, jar, Path(scratch) / "emulator") as emulator:
        os.environ["PUBSUB_EMULATOR_HOST"] = emulator.host
        topic, subscription = emulator.new_topic("soak")
        home, log = Path(scratch) / "home", Path(scratch) / "log"
        source = f"pubsub:{emulator.project}/{subscription}"
        arguments = ("run", "service-logs", "--from", source, "--now", NOW, "--home", str(home), "--max-seconds", "1")
        ended, fed, samples = threading.Event(), [0], []
        feeder = threading.Thread(target=feeding, args=(emulator, topic, rate, ended, fed))
        with started(*arguments, "--runner", engine, log=log) as process:
            wait_for((home / "lake" / "analytics" / "service_log" / "_delta_log").exists, 60, log)
            feeder.start()
            start = time.monotonic()
            while time.monotonic() - start < minutes * 60:
                assert process.poll() is None, log.read_text()
                samples.append(sample(process.pid, start))
                time.sleep(EVERY)
            ended.set()
            feeder.join()
            time.sleep(10)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, log.read_text()
        commits = open_table(str(home / "lake" / "analytics" / "service_log")).commits()
        total = Sum(read=len(commits), rows=sum(int(commit.get("ebb.rows", 0)) for commit in commits))
        return samples, fed[0], total


def drawn(samples: list[Sample], title: str) -> str:
    """Return resident memory and open files over time as an SVG."""
    last = samples[-1].seconds
    top = max(one.resident for one in samples) * 1.2
    most = max(one.files for one in samples) * 1.2

    def line(values: list[float], limit: float, colour: str) -> str:
        points = " ".join(
            f"{LEFT + one.seconds / last * (WIDTH - LEFT - 20):.1f},"
            f"{HEIGHT - BOTTOM - value / limit * (HEIGHT - 60):.1f}"
            for one, value in zip(samples, values, strict=True)
        )
        return f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>'

    words = (
        f'<text x="{LEFT}" y="18">{title}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 8}">0</text>'
        f'<text x="{WIDTH - 90}" y="{HEIGHT - 8}">{last / 60:.0f} minutes</text>'
        f'<text x="4" y="44" fill="#1f5fa8">{top:.0f} MiB</text>'
        f'<text x="4" y="60" fill="#a8541f">{most:.0f} files</text>'
    )
    axes = f'<path d="M{LEFT} 30 V{HEIGHT - BOTTOM} H{WIDTH - 20}" fill="none" stroke="#999"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="#fff"/>{words}{axes}'
        f"{line([one.resident for one in samples], top, '#1f5fa8')}"
        f"{line([float(one.files) for one in samples], most, '#a8541f')}</svg>\n"
    )


def main() -> None:
    """Run a soak and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=["embedded", "prism"])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("docs/img"))
    chosen = parser.parse_args()
    samples, fed, total = soak(chosen.engine, chosen.minutes, chosen.rate)
    settled = [one for one in samples if one.seconds >= samples[-1].seconds / 5]
    half = len(settled) // 2
    early = sum(one.resident for one in settled[:half]) / half
    late = sum(one.resident for one in settled[half:]) / (len(settled) - half)
    chosen.out.mkdir(parents=True, exist_ok=True)
    title = f"{chosen.engine}: {chosen.rate:,} events a second, {total.read:,} commits"
    (chosen.out / f"soak-{chosen.engine}.svg").write_text(drawn(samples, title))
    print(  # noqa: T201
        f"{chosen.engine}: fed {fed:,}, rows {total.rows:,}, commits {total.read:,}; resident MiB max "
        f"{max(one.resident for one in samples):.0f}, early {early:.0f}, late {late:.0f}; "
        f"files max {max(one.files for one in samples)}, last {samples[-1].files}"
    )


if __name__ == "__main__":
    main()
