"""Where the time goes: the steps of a service-log run one by one, without an engine around them.

    python -m tests.benchmarks.steps EVENTS.ndjson [BUNDLE]

Prints microseconds an event of each step's processor time and elapsed time; the first bundle, which learns, apart.
"""

# ruff: noqa: T201 - a benchmark prints

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from governance.policy import load_catalogue
from pipelines.clock import parse_instant
from pipelines.settings import ensure_home, load_settings, wall_clock
from pipelines.sinks.lake import LakeTables, LakeWriter
from pipelines.sources.files import FilesSource
from transforms.deid.classify import classify
from transforms.deid.decode import Decoder
from transforms.deid.engine import Engine, stream_schema
from transforms.deid.gate import Authorization, gate
from transforms.deid.letters import PURPOSE

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM = "service_log"
NOW = "2026-11-01T00:00:00+08:00"


class Steps:
    """Adds up what each step took."""

    def __init__(self) -> None:
        self.elapsed: dict[str, float] = defaultdict(float)
        self.busy: dict[str, float] = defaultdict(float)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count the block as a part of step `name`."""
        elapsed, busy = time.perf_counter(), time.process_time()
        yield
        self.elapsed[name] += time.perf_counter() - elapsed
        self.busy[name] += time.process_time() - busy


def measure(path: Path, bundle: int, home: Path) -> tuple[Steps, int]:
    """Take a file through all steps into a new lake; return what they took, and for how many events."""
    settings = load_settings(home=home)
    ensure_home(settings)
    catalogue = load_catalogue()
    keyring = settings.opener()
    events = keyring.event_keys(STREAM)
    now = parse_instant(NOW)
    assert now is not None
    granted = Authorization("operator", frozenset({"sepp"}))
    tables = LakeTables(settings.lake, STREAM, stream_schema(catalogue, STREAM))
    writer = LakeWriter(tables, {"ebb.run": "steps"}, events.file_id, wall_clock)
    decode = Decoder(catalogue, STREAM, keys=events, now=now)
    engine = Engine(catalogue, STREAM, keyring)
    source = FilesSource(str(path), tables.summed.uri, STREAM, settings.opener, "native", None, bundle)
    reader, steps, number = source.open(), Steps(), 0
    while True:
        with steps.step("read"):
            raw = reader.pull(0.0)
        if raw is None:
            return steps, number
        with steps.step("decode"):
            batch = decode(raw, keyring.sealer(PURPOSE, wall_clock()), now)
        with steps.step("classify"):
            batch = classify(batch, catalogue, STREAM, now)
        with steps.step("gate"):
            batch = gate(batch, granted, catalogue)
        with steps.step("de-identify"):
            batch = engine.deidentify(batch, wall_clock())
        with steps.step("commit"):
            writer.write(batch)
        number += batch.read if number else 0
        if not number:  # the first bundle learns names, makes keys and opens files: it is not counted
            steps, number = Steps(), 1


def main() -> None:
    """Measure the file named on the command line."""
    path, bundle = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    with tempfile.TemporaryDirectory(prefix="ebb-steps-") as home:
        steps, number = measure(path, bundle, Path(home))
    print(f"{'step':<14}{'busy':>8}{'elapsed':>10}   µs an event, bundles of {bundle:,}")
    for name, busy in steps.busy.items():
        print(f"{name:<14}{busy / number * 1e6:>8.2f}{steps.elapsed[name] / number * 1e6:>10.2f}")
    busy, elapsed = sum(steps.busy.values()), sum(steps.elapsed.values())
    print(f"{'all':<14}{busy / number * 1e6:>8.2f}{elapsed / number * 1e6:>10.2f}")


if __name__ == "__main__":
    main()
