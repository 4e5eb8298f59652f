"""The command `ebb` as a process of its own, in a process group that can be killed as a whole."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.errors import LakeError
from retention.stores.delta import open_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EBB = Path(sys.executable).with_name("ebb")


@contextlib.contextmanager
def started(*arguments: str, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start `ebb` in a group of its own, its output in `log`; whatever is left of the group at the end is killed."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(EBB), *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill_group(process)
        process.wait(30)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Send SIGKILL to the process and all its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def finished(*arguments: str, timeout: float = 120) -> dict[str, Any]:
    """Run `ebb … --json` to its end and return its document."""
    done = subprocess.run([str(EBB), *arguments, "--json"], capture_output=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr.decode()
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def wait_for(condition: Callable[[], bool], seconds: float, log: Path) -> None:
    """Wait until `condition` holds; on time-out fail with what the process said."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.1)


def keys(home: Path, *tables: str) -> Counter[bytes]:
    """Return how often each event key stands in the tables together; tables that are not there yet hold none."""
    found: Counter[bytes] = Counter()
    for table in tables:
        with contextlib.suppress(LakeError):
            dataset = open_table(str(home / "lake" / table)).dataset()
            found.update(dataset.to_table(columns=["event_key"])["event_key"].to_pylist())
    return found
