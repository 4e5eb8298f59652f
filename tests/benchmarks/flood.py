"""Measure how fast nothing but bad records goes through the whole job, dead letters committed.

    python -m tests.benchmarks.flood [--records N] [--kinds NAME,…]

One process on one core, from files, embedded engine. Two figures a kind: records a second from first read to last
commit, which falls when other programs want the core, and records a second of processor time beyond that of an almost
empty run, which falls less.
"""

# ruff: noqa: T201 - a benchmark prints

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from governance.policy import loading
from pipelines.settings import wall_clock

if TYPE_CHECKING:
    from collections.abc import Callable

_PACK = Path(loading.__file__).with_name("packs") / "sepp.yaml"
_TODAY = wall_clock().date().isoformat()


def event(number: int, **fields: Any) -> dict[str, Any]:
    """Return a plain event of about 300 bytes."""
    return {
        "event_id": f"e-{number}",
        "system": "sepp",
        "event_type": "page_view",
        "event_time": f"{_TODAY}T00:00:00Z",
        "subject": {"account": f"u-{number % 5000}"},
        "fields": {"page_url": f"https://www.example.com/p/{number}?q=1", "ip_address": "203.0.113.77"} | fields,
        "meta": {"source": "own"},
    }


KINDS: Final[dict[str, Callable[[int], str]]] = {
    "malformed": lambda n: json.dumps(event(n))[:-7],
    "quarantined": lambda n: json.dumps(event(n, id_no="110101") | {"system": "strict"}),
    "wrong_type": lambda n: json.dumps(event(n, http_status="abc")),
    "secret": lambda n: json.dumps(event(n, password="x")),
    "no_zone": lambda n: json.dumps(event(n) | {"event_time": f"{_TODAY}T00:00:00"}),
    "future": lambda n: json.dumps(event(n) | {"event_time": "2099-01-01T00:00:00Z"}),
}


def strict_packs(folder: Path) -> Path:
    """Return a folder with a pack of a system of its own that quarantines unknown fields."""
    packs = folder / "packs"
    packs.mkdir()
    text = _PACK.read_text(encoding="utf-8")
    for old, new in (("id: sepp", "id: strict"), ("system: sepp", "system: strict"), (": drop\n", ": quarantine\n")):
        text = text.replace(old, new, 1)
    (packs / "strict.yaml").write_text(text, encoding="utf-8")
    return packs


def run(lines: Path, packs: Path) -> tuple[dict[str, Any], float]:
    """Drain a file on one core; return the report and the processor seconds used."""
    core = min(os.sched_getaffinity(0))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ebb")), "run", "service-logs", "--from", f"files:{lines}", "--drain",
         "--home", str(lines.with_suffix(".home")), "--packs", str(packs), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    report: dict[str, Any] = json.loads(done.stdout)
    return report, seconds


def main() -> None:
    """Print one line a kind."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.flood")
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--kinds", default=",".join(KINDS))
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        packs = strict_packs(folder)
        (folder / "one.ndjson").write_text("{\n")
        _, idle = run(folder / "one.ndjson", packs)
        for kind in told.kinds.split(","):
            path = folder / f"{kind}.ndjson"
            with path.open("w") as file:
                file.writelines(KINDS[kind](number) + "\n" for number in range(told.records))
            report, seconds = run(path, packs)
            rejected = sum(report["dead_letters"].values())
            assert rejected == report["read"] == told.records, report
            print(
                f"{kind:<12} {rejected:>8,} rejected  {report['rate']:>8,}/s by the clock  "
                f"{told.records / (seconds - idle):>8,.0f}/s of processor time"
            )
            path.unlink()


if __name__ == "__main__":
    main()
