"""Programs in processes of their own: how long each took, how much of the processor, and its peak of memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_MB = 1024


class BenchmarkError(Exception):
    """A program did not do what it was run for."""


@dataclass(frozen=True, slots=True)
class Step:
    """One process: seconds by the clock, seconds of processor time, peak of resident memory in MB, what it printed."""

    wall: float
    cpu: float
    peak: float
    printed: str = ""


def run_measured(command: Sequence[str]) -> Step:
    """Run a program to its end.

    The kernel counts the caller's own memory into the peak of what it starts: call it from a small process.

    Raises:
        BenchmarkError: it ended with another code than 0.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        if process.returncode:
            errors.seek(0)
            raise BenchmarkError(f"{' '.join(command[:4])} ended with {process.returncode}: {errors.read()[-500:]}")
        return Step(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / _MB, out.read())


def ebb_steps(home: Path, now: str, dataset: str, *, verify: bool) -> dict[str, Step]:
    """Sweep a dataset of a home with real commands; return each step by its name."""
    ebb = str(Path(sys.executable).with_name("ebb"))
    at = ["--home", str(home)]
    steps = {
        "plan": run_measured([ebb, "sweep", "plan", "--now", now, "--dataset", dataset, "--by", "a", "--json", *at])
    }
    digest = json.loads(steps["plan"].printed)["digest"]
    steps["approve"] = run_measured([ebb, "sweep", "approve", digest, "--by", "b", *at])
    steps["apply"] = run_measured([ebb, "sweep", "apply", digest, *at])
    if verify:
        steps["verify"] = run_measured([ebb, "sweep", "verify", digest, *at])
    return steps
