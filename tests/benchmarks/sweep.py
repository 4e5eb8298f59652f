"""Measure a sweep of one due month out of a vault, and beside it what a person would write: `make bench-sweep`.

    python -m tests.benchmarks.sweep [--rounds N] [--sizes N,N] [--rows NAME,…]

A sweep is `ebb sweep plan` and `ebb sweep apply`, real commands in fresh processes; approval is a person's, and
`verify`, which opens every file, has rows of its own. The month that is swept has the same rows and files in every
vault; the others spread over the 35 months after it, in one file a due date, or in as many as nights of settling
leave. Vaults are built once and kept in the cache; a run works on hard links of them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.processes import BenchmarkError, Step, ebb_steps, run_measured
from tests.benchmarks.sweep_beside import PLAIN, writer
from tests.benchmarks.table import report, spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DATASET: Final = "vault.transactions"
NOW: Final = "2024-01-31T00:00:00+08:00"
"""The last day of the month that is swept, on which all of it is due and nothing of the next."""
MONTHS: Final = 36
MOST: Final = 1.2
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ebb" / "bench-sweep"
BUILT_BY: Final = ("tests/benchmarks/sweep_vault.py", "retention/vault/layout.py", "retention/stores/parquet.py")
_ROOT: Final = Path(__file__).parents[2]
_PLAIN: Final = """\
import sys
from deltalake import DeltaTable
table = DeltaTable(sys.argv[1])
table.delete(sys.argv[2])
table.vacuum(0, dry_run=False, enforce_retention_duration=False)
"""


@dataclass(frozen=True, slots=True)
class Vault:
    """A vault to sweep: its rows, files a due date, and the home in the cache that holds it."""

    rows: int
    files: int
    home: Path

    @property
    def name(self) -> str:
        """What a row of the table calls it."""
        return f"{self.rows:,} rows, {self.files} file{'s' * (self.files > 1)} a due date"


def vaults_of(sizes: Sequence[int]) -> list[Vault]:
    """Return the vaults to compare, the smallest first; built where the cache lacks them."""
    stamp = hashlib.sha256(b"".join((_ROOT / name).read_bytes() for name in BUILT_BY)).hexdigest()[:12]
    CACHE.mkdir(parents=True, exist_ok=True)
    for entry in CACHE.iterdir():
        if not entry.name.startswith(stamp):
            shutil.rmtree(entry)
    small, large = min(sizes), max(sizes)
    due = small // MONTHS
    shapes = [(size, 1) for size in sorted(sizes)] + [(large, large // small)] * (large > small)
    return [Vault(rows, files, _built(f"{stamp}-{rows}-{due}-{files}", rows, due, files)) for rows, files in shapes]


def _built(name: str, rows: int, due: int, files: int) -> Path:
    home = CACHE / name
    if not home.exists():
        print(f"building {rows:,} rows, {files} a due date, in {home}", file=sys.stderr)  # noqa: T201
        passing = CACHE / f"{name}.{os.getpid()}"
        hand = ["--hand"] * (files == 1)
        counts = ["--rows", str(rows), "--due", str(due), "--files", str(files)]
        builder = [sys.executable, "-m", "tests.benchmarks.sweep_vault", str(passing), *counts, *hand]
        try:
            subprocess.run(builder, check=True, stdout=subprocess.DEVNULL)
            passing.rename(home)
        finally:
            shutil.rmtree(passing, ignore_errors=True)
    return home


def copied(folder: Path, scratch: Path) -> Path:
    """Return a copy of a folder that shares its data files, which nobody writes to once they are there."""

    def copy(source: str, target: str) -> None:
        if source.endswith(".parquet") and "_delta_log" not in source:
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    target = Path(tempfile.mkdtemp(dir=scratch)) / "home"
    shutil.copytree(folder, target, copy_function=copy)
    return target


def sweeps(vaults: Sequence[Vault], rounds: int, scratch: Path) -> dict[Vault, list[Step]]:
    """Sweep each vault in turn and print what was seen; return the sweeps, plan and apply together."""
    steps: dict[Vault, dict[str, list[Step]]] = defaultdict(lambda: defaultdict(list))
    for _ in range(rounds):
        for vault in vaults:
            home = copied(vault.home, scratch)
            seen = ebb_steps(home, NOW, DATASET, verify=True)
            shutil.rmtree(home.parent)
            seen["sweep"] = _together(seen["plan"], seen["apply"])
            for name, step in seen.items():
                steps[vault][name].append(step)
    for name in ("plan", "apply", "sweep", "verify"):
        for vault in vaults:
            _print_times(f"{name}, {vault.name}", steps[vault][name])
    small = steps[vaults[0]]
    for name, goal in (("sweep", f"≤ {MOST}"), ("verify", "")):
        for vault in vaults[1:]:
            what = f"{name}, {vault.name}, to {vaults[0].rows:,} rows"
            _print_ratio(what, goal, steps[vault][name], small[name])
    for vault in vaults[1:]:
        peaks = [one.peak / other.peak for one, other in zip(steps[vault]["sweep"], small["sweep"], strict=True)]
        report(f"peak memory, {vault.name}, to {vaults[0].rows:,} rows", "flat", spread(peaks))
    return {vault: found["sweep"] for vault, found in steps.items()}


def plain_delta(vaults: Sequence[Vault], done: dict[Vault, list[Step]], scratch: Path) -> None:
    """Delete the same rows with `DeltaTable.delete` and `vacuum`: in ebb's layout, and in one written by hand."""
    date = f"due_date <= '{NOW[:10]}'"
    ways = [
        ("ebb's layout, by due date", "lake/vault/transactions", date),
        ("ebb's layout, by its partition", "lake/vault/transactions", f"due_month = '{NOW[:7]}'"),
        ("by month of the event, by due date", "by-hand", date),
    ]
    for way, table, predicate in ways:
        for vault in vaults:
            if not (vault.home / table).exists():
                continue
            steps, left = [], {}
            for _ in done[vault]:
                copy = copied(vault.home / table, scratch)
                steps.append(run_measured([sys.executable, "-c", _PLAIN, str(copy), predicate]))
                left = _left_behind(copy / "_delta_log", predicate.rpartition(" ")[2])
                shutil.rmtree(copy.parent)
            _print_times(f"plain delete and vacuum, {way}, {vault.name}", steps, _told(left))
            if predicate == date:
                _print_ratio(f"plain, {way}, to ebb's sweep, {vault.name}", "> 1", steps, done[vault])


def beside_a_writer(vaults: Sequence[Vault], rounds: int, scratch: Path) -> None:
    """The same deletion while somebody appends up to twenty times a second: who waits, and who gets through."""
    predicates = {"by due date": f"due_date <= '{NOW[:10]}'", "by its partition": f"due_month = '{NOW[:7]}'"}
    for vault in vaults:
        waits: dict[str, list[float]] = defaultdict(list)
        tries: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for _ in range(rounds):
            home = copied(vault.home, scratch)
            with writer(home / "lake") as said:
                ebb_steps(home, NOW, DATASET, verify=False)
            waits["ebb's sweep"].append(said["longest"])
            shutil.rmtree(home.parent)
            for way, predicate in predicates.items():
                home = copied(vault.home, scratch)
                table = home / "lake" / "vault" / "transactions"
                with writer(home / "lake") as said:
                    plain = run_measured([sys.executable, "-c", PLAIN, str(table), predicate])
                waits[f"plain delete {way}"].append(said["longest"])
                tries[way].append(json.loads(plain.printed))
                shutil.rmtree(home.parent)
        for way, longest in waits.items():
            report(
                f"longest append beside {way}, {vault.name}", "", f"{spread([w * 1000 for w in longest], ',.0f')} ms"
            )
        for way, seen in tries.items():
            through = sum(one["done"] for one in seen)
            beside = f"{spread([one['seconds'] for one in seen])} s, attempts {max(one['attempts'] for one in seen)}"
            what = f"plain delete {way} gets through beside the writer, {vault.name}"
            report(what, "ebb: always", f"{through} of {rounds}", beside)


def _left_behind(log: Path, literal: str) -> dict[str, Any]:
    """Return what a log tells of rows: how often it repeats the predicate's value, and the columns it has values of."""
    columns: set[str] = set()
    literals = 0
    for path in sorted(log.glob("*.json")):
        for line in path.read_text(encoding="utf-8").splitlines():
            action = json.loads(line)
            stats = json.loads(action.get("add", {}).get("stats") or "{}")
            columns |= {*stats.get("minValues", {}), *stats.get("maxValues", {})}
            literals += literal.strip("'") in json.dumps(action.get("commitInfo", {}))
    return {"literals": literals, "columns": len(columns)}


def _told(left: dict[str, Any]) -> str:
    return f"; in its log {left['literals']} literal, values of {left['columns']} columns; no key destroyed"


def sql(size: int, rounds: int) -> None:
    """PostgreSQL: how long others wait for a lock while ebb sweeps a month, and while one statement deletes it."""
    for lines, what in ((0, "orders"), (2, "orders with 2 lines each")):
        seen: dict[str, list[dict[str, Any]]] = defaultdict(list)
        arguments = ["--rows", str(size), "--lines", str(lines), "--rounds", str(rounds)]
        measured = run_measured([sys.executable, "-m", "tests.benchmarks.sweep_sql", *arguments])
        for line in measured.printed.splitlines():
            found = json.loads(line)
            if "missing" in found:
                report("PostgreSQL", "", "not run: PostgreSQL is missing; set EBB_POSTGRESQL to its programs")
                return
            seen[found["way"]].append(found)
        for way, name in (("statement", "one DELETE"), ("ebb", "ebb sweep")):
            _print_locks(f"longest wait for a lock, {name}, {size:,} {what}", seen[way])
        ratios = [
            one["locks"]["due row"] / (other["locks"]["due row"] or 0.001)
            for one, other in zip(seen["statement"], seen["ebb"], strict=True)
        ]
        report(f"one DELETE to ebb's sweep, {size:,} {what}", "> 1", spread(ratios, ".1f"))


def _print_locks(what: str, seen: Sequence[dict[str, Any]]) -> None:
    def milliseconds(kind: str, session: str) -> str:
        return spread([one[kind][session] * 1000 for one in seen], ".0f")

    others = max(one["locks"][name] for one in seen for name in ("other row", "insert", "read"))
    report(
        what,
        "",
        f"{milliseconds('locks', 'due row')} ms",
        f"rows that stay {others * 1000:.0f} ms; {spread([one['seconds'] for one in seen], '.1f')} s in all, "
        f"{spread([one['wal_mb'] for one in seen], '.0f')} MB of WAL with the other sessions'; "
        f"longest answer of a reader {milliseconds('answers', 'read')} ms",
    )


def _together(*steps: Step) -> Step:
    return Step(sum(one.wall for one in steps), sum(one.cpu for one in steps), max(one.peak for one in steps))


def _print_times(what: str, steps: Sequence[Step], more: str = "") -> None:
    processor = spread([one.cpu for one in steps])
    peak = spread([one.peak for one in steps], ",.0f")
    report(what, "", f"{spread([one.wall for one in steps])} s", f"processor {processor} s; peak {peak} MB{more}")


def _print_ratio(what: str, goal: str, steps: Iterable[Step], others: Sequence[Step]) -> None:
    pairs = list(zip(steps, others, strict=True))
    processor = spread([one.cpu / other.cpu for one, other in pairs])
    report(what, goal, spread([one.wall / other.wall for one, other in pairs]), f"processor {processor}")


def main() -> int:
    """Measure the rows that were asked for and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", default="1000000,10000000", help="rows of a vault, with commas")
    parser.add_argument("--rows", default="sweep,delta,beside,sql", help="some of sweep,delta,beside,sql")
    chosen = parser.parse_args()
    names = set(chosen.rows.split(","))
    sizes = [int(size) for size in chosen.sizes.split(",")]
    began = time.monotonic()
    vaults = vaults_of(sizes) if names & {"sweep", "delta", "beside"} else []
    load = os.getloadavg()[0]
    print(  # noqa: T201
        f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, {platform.machine()}, load {load:.1f}\n\n"
        "| what | goal | seen: median (least – greatest) | beside |\n|---|---|---|---|",
        flush=True,
    )
    try:
        with tempfile.TemporaryDirectory(prefix="work-", dir=CACHE if vaults else None) as scratch:
            if names & {"sweep", "delta"}:
                done = sweeps(vaults, chosen.rounds, Path(scratch))
                if "delta" in names:
                    plain_delta(vaults, done, Path(scratch))
            if "beside" in names:
                beside_a_writer(vaults, chosen.rounds, Path(scratch))
            if "sql" in names:
                sql(min(sizes), chosen.rounds)
    except BenchmarkError as problem:
        print(f"failed: {problem}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"\nload at the end {os.getloadavg()[0]:.1f}, {time.monotonic() - began:,.0f} s")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
