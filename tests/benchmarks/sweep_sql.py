"""Who waits, and how long, while a due month leaves a PostgreSQL table: ebb's batches against one DELETE statement.

    python -m tests.benchmarks.sweep_sql [--rows N] [--lines N] [--rounds N]

Time-to-availability is the longest time that a statement of another session waited for a lock while the deletion ran,
as the server itself measures it. Sessions of their own keep updating rows that go, updating rows that stay, inserting
and reading, a statement every few milliseconds each. The longest answer, from sending to receiving, stands beside it,
and holds what a busy machine adds. The table has an index on the clock's column, which helps the one statement. Prints
one JSON object a round.
"""

# ruff: noqa: T201 - a benchmark prints

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg

from tests.benchmarks.processes import ebb_steps, run_measured
from tests.postgresql import find_programs, running_postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW: Final = "2024-01-31T00:00:00+08:00"
BEFORE: Final = "2021-01-31T00:00:00+08:00"
"""Completed before this is due at `NOW`: one month of 36."""
PAUSE: Final = 0.003
_WAITED: Final = re.compile(r"acquired \w+ on .* after ([0-9.]+) ms")
REGISTER: Final = """\
stores:
  - {id: shop, kind: sql, url_from: SHOP_URL}
datasets:
  - id: shop.orders
    store: shop
    table: orders
    system: sepp
    role: record
    class: TXN
    zone: Asia/Shanghai
    clock: {columns: [completed_at]}
    subject: customer
"""
CHILDREN: Final = "    children: [{table: order_lines, column: order_id}]\n"
_TABLES: Final = """\
DROP TABLE IF EXISTS order_lines, orders;
CREATE TABLE orders (id bigint PRIMARY KEY, customer text, completed_at timestamptz, amount numeric(12, 2), note text);
INSERT INTO orders SELECT n, 'customer ' || n % 50000, timestamptz '2020-12-31 00:00+08' + (n - 1)
    * interval '1096 days' / {rows}, n % 10000 / 7.0, repeat('note ', 12) FROM generate_series(1, {rows}) n;
CREATE INDEX orders_completed ON orders (completed_at);
CREATE TABLE order_lines (id bigint PRIMARY KEY, order_id bigint, goods text);
INSERT INTO order_lines SELECT n, (n - 1) / {lines} + 1, 'goods ' || n % 900
    FROM generate_series(1, {rows} * {lines}) n WHERE {lines} > 0;
CREATE INDEX lines_order ON order_lines (order_id);
ALTER TABLE order_lines ADD FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE;
"""
_STATEMENT: Final = """\
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    connection.execute("DELETE FROM orders WHERE completed_at < '" + sys.argv[2] + "'")
"""


class Prober(threading.Thread):
    """A session that keeps sending one kind of statement, and remembers the longest waits in seconds.

    Attributes:
        lock: for a lock, by the server's clock; waits under a millisecond are not told.
        answer: for an answer.
        sent: statements.
    """

    def __init__(self, url: str, statement: str, first: int, last: int) -> None:
        super().__init__(daemon=True)
        self._url, self._statement, self._range = url, statement, (first, last)
        self._over = threading.Event()
        self._waited = 0.0
        self.lock = self.answer = 0.0
        self.sent = 0

    def run(self) -> None:
        """Send until told to stop."""
        chance = random.Random(self._statement)
        with psycopg.connect(self._url, autocommit=True) as connection:
            # The server tells whoever waited longer than deadlock_timeout how long that was.
            for setting in ("deadlock_timeout = '1ms'", "log_lock_waits = on", "client_min_messages = log"):
                connection.execute(f"SET {setting}".encode())
            connection.add_notice_handler(self._told)
            while not self._over.wait(PAUSE):
                number = chance.randint(*self._range)
                began = time.perf_counter()
                connection.execute(self._statement.encode(), {"id": number, "fresh": -time.time_ns()})
                self.answer = max(self.answer, time.perf_counter() - began)
                self.lock, self._waited = max(self.lock, self._waited), 0.0
                self.sent += 1

    def _told(self, notice: psycopg.errors.Diagnostic) -> None:
        if found := _WAITED.search(notice.message_primary or ""):
            self._waited += float(found[1]) / 1000

    def stop(self) -> None:
        """Stop and wait for the last answer."""
        self._over.set()
        self.join()


@contextmanager
def probing(url: str, rows: int, due: int) -> Iterator[dict[str, Prober]]:
    """Run the other sessions while the block runs; their longest waits stand in them afterwards."""
    update = "UPDATE orders SET note = 'probed' WHERE id = %(id)s"
    insert = "INSERT INTO orders VALUES (%(fresh)s, 'fresh', now(), 1, '')"
    probers = {
        "due row": Prober(url, update, 1, due),
        "other row": Prober(url, update, due + 1, rows),
        "insert": Prober(url, insert, 1, 1),
        "read": Prober(url, "SELECT note FROM orders WHERE id = %(id)s", 1, rows),
    }
    with ExitStack() as stack:
        for prober in probers.values():
            prober.start()
            stack.callback(prober.stop)
        yield probers


def fill(url: str, rows: int, lines: int) -> int:
    """Make the tables anew; return how many orders are due."""
    with psycopg.connect(url, autocommit=True) as connection:
        statement = _TABLES.format(rows=rows, lines=lines).replace(f"/ {lines} + 1", f"/ {max(1, lines)} + 1")
        connection.execute(statement.encode())
        for after in ("VACUUM ANALYZE", "CHECKPOINT"):
            connection.execute(after.encode())
        return _number(connection, f"SELECT count(*) FROM orders WHERE completed_at < '{BEFORE}'")


def measure(url: str, way: str, rows: int, lines: int, scratch: Path) -> dict[str, Any]:
    """Delete the due month in one way while others work; return what was seen.

    Args:
        url: of psycopg.
        way: `ebb` or `statement`.
        rows: of the table.
        lines: rows of the child table below each.
        scratch: for ebb's home.
    """
    due = fill(url, rows, lines)
    with psycopg.connect(url, autocommit=True) as connection:
        wal = _number(connection, "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
        with probing(url, rows, due) as probers:
            steps = _sweep(url, lines, scratch) if way == "ebb" else [run_measured(_one_statement(url))]
        wal = _number(connection, "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn") - wal
        left = _number(connection, f"SELECT count(*) FROM orders WHERE completed_at < '{BEFORE}'")
        there = _number(connection, "SELECT count(*) FROM orders WHERE id > 0")
    if left or there != rows - due:
        raise RuntimeError(f"{way}: {left} due rows are left, {rows - due - there} others are gone")
    return {
        "way": way,
        "due": due,
        "seconds": sum(step.wall for step in steps),
        "cpu": sum(step.cpu for step in steps),
        "wal_mb": wal / 1e6,
        "locks": {name: prober.lock for name, prober in probers.items()},
        "answers": {name: prober.answer for name, prober in probers.items()},
        "sent": {name: prober.sent for name, prober in probers.items()},
    }


def _sweep(url: str, lines: int, scratch: Path) -> list[Any]:
    home = Path(tempfile.mkdtemp(dir=scratch))
    (home / "datasets.yaml").write_text(REGISTER + (CHILDREN if lines else ""), encoding="utf-8")
    os.environ["SHOP_URL"] = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return list(ebb_steps(home, NOW, "shop.orders", verify=False).values())


def _one_statement(url: str) -> list[str]:
    return [sys.executable, "-c", _STATEMENT, url, BEFORE]


def _number(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def main() -> int:
    """Measure both ways in turn and print a line of JSON each."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sweep_sql")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--lines", type=int, default=0, help="rows of a child table below each order")
    parser.add_argument("--rounds", type=int, default=1)
    told = parser.parse_args()
    programs = find_programs()
    if programs is None:
        print(json.dumps({"missing": "PostgreSQL"}))
        return 0
    with running_postgresql(programs) as url, tempfile.TemporaryDirectory(prefix="ebb-bench-sql-") as scratch:
        plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
        for _ in range(told.rounds):
            for way in ("statement", "ebb"):
                print(json.dumps(measure(plain, way, told.rows, told.lines, Path(scratch))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
