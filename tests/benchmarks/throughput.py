"""Measure `ebb run service-logs` beside a hand-written script: `make bench`.

    python -m tests.benchmarks.throughput [--rounds N] [--sizes N,N] [--rows NAME,…] [--bench FOLDER]

The floor is a script of a hundred lines that does the heart of the same work without Beam, policies or fsync
(`floor.py` in $EBB_BENCH). Both run in turn, on one core; a ratio is of the two runs of one round. Throughput is
counted from the first read to the last commit; start-up has a row of its own.
"""

# ruff: noqa: T201 - a benchmark prints

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks import rows
from tests.benchmarks.processes import BenchmarkError
from tests.benchmarks.programs import cores_here
from tests.benchmarks.table import report, spread

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS: Final[dict[str, Callable[[rows.Stand], None]]] = {
    "files": rows.files,
    "pubsub": rows.pubsub,
    "memory": rows.memory,
    "cores": rows.cores,
    "presidio": rows.presidio,
}
CACHE: Final = Path(tempfile.gettempdir()) / "ebb-bench"


def events_of(folder: Path, number: int) -> Path:
    """Return a file of `number` events of make_events.py, made once and kept outside the tree."""
    path = CACHE / f"events-{number}.ndjson"
    if not path.exists():
        print(f"making {number:,} events in {path}", file=sys.stderr)
        CACHE.mkdir(exist_ok=True)
        passing = path.with_suffix(f".{os.getpid()}")
        subprocess.run([sys.executable, str(folder / "make_events.py"), str(number), str(passing)], check=True)
        passing.rename(path)
    return path


def main() -> int:
    """Measure the rows that were asked for and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    beside = Path(__file__).resolve().parents[3] / "shared" / "bench"
    parser.add_argument("--bench", type=Path, default=Path(os.environ.get("EBB_BENCH") or beside))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", default="200000,1000000", help="events in a file, with commas")
    parser.add_argument("--rows", default=",".join(ROWS), help=f"some of {','.join(ROWS)}")
    chosen = parser.parse_args()
    names = chosen.rows.split(",")
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"no row {', '.join(unknown)}: there are {', '.join(ROWS)}")
    if not (chosen.bench / "floor.py").is_file():
        print(f"The floor is not there: {chosen.bench} holds no floor.py. Set EBB_BENCH to the folder that does.")
        return 0
    if shutil.which("taskset") is None:
        print("make bench pins programs to cores with taskset, which is missing here (Linux, util-linux)")
        return 0
    usable = cores_here()
    # The core of those that are compared is kept free of whatever serves them.
    os.sched_setaffinity(0, set(usable[1:]) or set(usable))
    sizes = [int(size) for size in chosen.sizes.split(",")]
    load = os.getloadavg()[0]
    print(f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC, {len(usable)} cores, {platform.machine()}, load {load:.1f}\n")
    print("| what | goal | seen: median (least – greatest) | beside |\n|---|---|---|---|", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ebb-bench-") as scratch:
        stand = rows.Stand(
            floor=chosen.bench / "floor.py",
            events={size: events_of(chosen.bench, size) for size in sizes},
            rounds=chosen.rounds,
            cores=usable,
            scratch=Path(scratch),
            report=report,
            spread=spread,
        )
        for name in names:
            try:
                ROWS[name](stand)
            except BenchmarkError as problem:
                report(name, "", f"failed: {problem}")
    print(f"\nload at the end {os.getloadavg()[0]:.1f}, {time.monotonic() - started:,.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
