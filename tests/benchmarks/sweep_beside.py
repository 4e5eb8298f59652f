"""What a deletion is to whoever else writes the table: a writer that goes on appending to the vault meanwhile.

    python -m tests.benchmarks.sweep_beside LAKE STOP

Appends a few records of the running month again and again, as a stream of transactions does, until the file STOP is
there; then prints how many appends there were, and how long the longest took from its files to its place in the table.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from retention.stores.delta import FencedTable
from retention.vault.layout import SCHEMA, vault_spec, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

PAUSE: Final = 0.05
"""Seconds between two appends."""
ROWS: Final = 20
ATTEMPTS: Final = 5
"""How often somebody would start a deletion again that another writer made void."""
PLAIN: Final = f"""\
import json, sys, time
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
began, done, attempts = time.perf_counter(), False, 0
while not done and attempts < {ATTEMPTS}:
    attempts += 1
    try:
        table = DeltaTable(sys.argv[1])
        table.delete(sys.argv[2])
        done = True
    except DeltaError:
        pass
if done:
    table.vacuum(0, dry_run=False, enforce_retention_duration=False)
print(json.dumps({{"done": done, "attempts": attempts, "seconds": time.perf_counter() - began}}))
"""


def append_until(lake: str, stop: Path) -> dict[str, Any]:
    """Append until `stop` is there; return the number of appends and the longest one's seconds."""
    table = FencedTable(vault_spec(lake))
    longest, number = 0.0, 0
    while not stop.exists():
        rows = _records()
        began = time.perf_counter()
        files = write_rows(table, rows)
        while not table.commit(files, {"ebb.rows": str(ROWS)}):
            table.refresh()
        longest, number = max(longest, time.perf_counter() - began), number + 1
        time.sleep(PAUSE)
    return {"appends": number, "longest": longest}


def _records() -> pa.Table:
    keys = [uuid.uuid4().bytes for _ in range(ROWS)]
    texts = {"system": "sepp", "event_type": "order_created", "due_month": "open-2024-02", "key_id": "open-2024-02"}
    texts |= {"clock_date": "2024-02-01", "received_date": "2024-02-01", "policy": "sepp@0", "algorithm": "none"}
    columns = [
        pa.array(keys, field.type)
        if field.name in {"event_key", "order_token"}
        else pa.array([texts.get(field.name)] * ROWS, field.type)
        for field in SCHEMA
    ]
    return pa.table(columns, schema=SCHEMA)


@contextmanager
def writer(lake: Path) -> Iterator[dict[str, Any]]:
    """Run the writer beside the block; what it says is in the dictionary afterwards."""
    said: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        stop = Path(folder) / "stop"
        command = [sys.executable, "-m", "tests.benchmarks.sweep_beside", str(lake), str(stop)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            log = lake / "vault" / "transactions" / "_delta_log"
            before = len(list(log.iterdir()))
            while process.poll() is None and len(list(log.iterdir())) < before + 3:
                time.sleep(PAUSE)
            try:
                yield said
            finally:
                stop.touch()
                printed, _ = process.communicate()
        said.update(json.loads(printed))


if __name__ == "__main__":
    print(json.dumps(append_until(sys.argv[1], Path(sys.argv[2]))))  # noqa: T201
