"""Databases killed and disks full in the middle of a sweep, which is killed itself in test_sweep_killed.

It stops with one sentence; what is there is whole; and the same command, run again when the cause is gone, comes to
the end of an undisturbed sweep: the same rows, one certificate, nothing counted twice.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from governance.errors import LedgerError, StoreError
from governance.ledger import Ledger
from pipelines.retention_sweep import sweep_units
from pipelines.settings import load_settings, wall_clock
from pipelines.sweep_room import Room
from retention.stores.delta import open_table
from retention.sweeps import find_sweep
from tests.conftest import missing
from tests.integration.sweeps import CUSTOMER, is_whole, planned
from tests.integration.test_sweep_killed import installation
from tests.postgresql import END_LOCK_HOLDERS, find_programs, running_server
from tests.retention.rooms import REGISTER, make_room, query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from retention.plan import Plan, Unit
    from tests.integration.sweeps import Said
    from tests.postgresql import Server

ORDERS = 10_000
CHILDREN = "    children: [{{table: order_lines, column: order_id}}]\n"
EMPTIED = "    action: anonymize\n    anonymize: {{treatments: {{customer: {{do: suppress}}}}, keep: [id, state]}}\n"


def after_the_first_outcome(room: Room, plan: Plan, action: Callable[[], None]) -> threading.Thread:
    """Start a thread that acts a random moment after the ledger has the first outcome of a sweep."""

    def wait() -> None:
        for _ in range(3_000):
            if find_sweep(room.ledger, plan.digest).outcomes:
                break
            time.sleep(0.01)
        time.sleep(random.uniform(0.0, 0.1))
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a PostgreSQL server of this test's own, which can be killed."""
    programs = find_programs()
    if programs is None:
        missing("PostgreSQL's programs (apt-get install postgresql, or EBB_POSTGRESQL)")
    with running_server(programs) as one:
        yield one


def ask(server: Server, statement: str) -> list[tuple[Any, ...]]:
    """Ask the server."""
    with psycopg.connect(server.url.replace("+psycopg", "")) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def shop_on(server: Server, home: Path, tail: str = "", place: str = "") -> Room:
    """Make orders over five years with a line each, and a home whose register names them."""
    ask(
        server,
        f"""CREATE TABLE orders(id INTEGER PRIMARY KEY, customer TEXT, state TEXT, completed_at TIMESTAMP,
                                refunded_at TIMESTAMP) {place};
        CREATE TABLE order_lines(id INTEGER PRIMARY KEY, order_id INTEGER REFERENCES orders(id), goods TEXT);
        CREATE INDEX ON order_lines(order_id);
        INSERT INTO orders SELECT n, '{CUSTOMER}' || n % 97, 'closed',
               TIMESTAMP '2021-07-01' + n * INTERVAL '1 day' * 1800 / {ORDERS}, NULL
               FROM generate_series(1, {ORDERS}) n;
        INSERT INTO order_lines SELECT n, n, 'thing' FROM generate_series(1, {ORDERS}) n""",
    )
    home.mkdir()
    register = REGISTER.replace("sqlite:///{path}", server.url)
    if tail:
        register = register.replace(CHILDREN, "") + tail
    (home / "datasets.yaml").write_text(register.format())
    return Room(load_settings(home=home))


STAYS = "completed_at::date + INTERVAL '3 years' + INTERVAL '1 day' > '2026-06-01'"


@pytest.mark.slow
def test_a_database_killed_in_the_middle(server: Server, tmp_path: Path, ebb: Callable[..., Said]) -> None:
    """SIGKILL of PostgreSQL stops the sweep; what is there is whole orders; run again, it is finished."""
    room = shop_on(server, tmp_path / "home")
    stays = ask(server, f"SELECT id FROM orders WHERE {STAYS} ORDER BY id")
    plan = planned(room)
    assert plan.due == ORDERS - len(stays)
    killing = after_the_first_outcome(room, plan, lambda: server.end(signal.SIGKILL))
    stopped = ebb(room, "sweep", "apply", plan.digest)
    killing.join()
    assert stopped.is_one_sentence(1, "run the command again when it is back")
    assert ebb(room, "sweep", "apply", plan.digest).is_one_sentence(1, "run the command again when it is back")
    assert ebb(room, "sweep", "plan").is_one_sentence(1, "run the command again when it is back")
    with pytest.raises(StoreError, match="when it is back"), room.store("shop")._writing():
        pass
    assert room.ledger.first_broken() is None
    server.start()
    assert set(stays) <= set(ask(server, "SELECT id FROM orders"))
    assert ask(server, "SELECT id FROM orders EXCEPT SELECT order_id FROM order_lines") == []
    left = ask(server, "SELECT count(*) FROM orders")[0][0] - len(stays)
    assert 0 < left < plan.due, "it was not killed in the middle"
    assert ebb(room, "sweep", "apply", plan.digest).code == 0
    assert ask(server, "SELECT id FROM orders ORDER BY id") == stays
    assert ask(server, "SELECT order_id FROM order_lines ORDER BY order_id") == stays
    is_whole(room, plan)


@pytest.mark.slow
def test_the_ledgers_database_killed_in_the_middle(
    server: Server, tmp_path: Path, ebb: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its record a sweep stops; the record is whole when it is back, and the sweep goes on."""
    monkeypatch.setenv("EBB_LEDGER_URL", server.url)
    room = make_room(tmp_path, orders=900)
    assert room.settings.ledger_url == server.url
    plan = planned(room)
    stays = query(
        tmp_path, "SELECT id FROM orders WHERE NOT coalesce(date(completed_at, '+3 years') < '2026-06-01', 0)"
    )
    killing = after_the_first_outcome(room, plan, lambda: server.end(signal.SIGKILL))
    stopped = ebb(room, "sweep", "apply", plan.digest)
    killing.join()
    assert stopped.is_one_sentence(1, "the ledger ", "127.0.0.1", "run the command again")
    assert ebb(room, "sweep", "apply", plan.digest).is_one_sentence(1, "the ledger", "run the command again")
    assert set(stays) <= set(query(tmp_path, "SELECT id FROM orders"))
    with pytest.raises(LedgerError, match="what was recorded stays"):
        room.ledger.append("sweep.intent", plan.digest, {}, wall_clock())
    server.start()
    assert room.ledger.first_broken() is None
    assert len(find_sweep(room.ledger, plan.digest).outcomes) < len(plan.units)
    assert ebb(room, "sweep", "apply", plan.digest).code == 0
    assert query(tmp_path, "SELECT id FROM orders") == stays
    is_whole(room, plan)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["restarted", "session ended"])
def test_the_ledgers_server_forgot_the_lock(
    server: Server, tmp_path: Path, ebb: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Started again between two units, it lets another sweep begin: the first stops before its next intent."""
    monkeypatch.setenv("EBB_LEDGER_URL", server.url)
    room = make_room(tmp_path, orders=240)
    plan = planned(room)
    first, *rest = plan.units
    assert rest
    there = len(query(tmp_path, "SELECT id FROM orders"))

    def forgetting(units: Sequence[Unit], *arguments: Any) -> None:
        sweep_units([unit for unit in units if unit == first], *arguments)
        if how == "restarted":
            server.end()
            server.start()
        else:
            ask(
                server,
                END_LOCK_HOLDERS,
            )
        with Ledger.open(server.url).sweeping():
            sweep_units([unit for unit in units if unit != first], *arguments)

    monkeypatch.setattr("pipelines.retention_sweep.sweep_units", forgetting)
    stopped = ebb(room, "sweep", "apply", plan.digest)
    assert stopped.is_one_sentence(1, "the lock of sweeps", "this one stops", "run the command again")
    done = find_sweep(room.ledger, plan.digest)
    assert (done.state, set(done.outcomes), done.begun) == ("applying", {key(first)}, {key(first)})
    assert len(query(tmp_path, "SELECT id FROM orders")) == there - first.rows
    monkeypatch.undo()
    monkeypatch.setenv("EBB_LEDGER_URL", server.url)
    assert ebb(room, "sweep", "apply", plan.digest).code == 0
    assert len(query(tmp_path, "SELECT id FROM orders")) == there - plan.due
    is_whole(room, plan)


def key(unit: Unit) -> tuple[str, str]:
    """Return what names a unit in the ledger."""
    return unit.dataset, unit.part


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Return the folder of a file system of 16 MiB, which every user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="ebb-disk-"))
    folder.chmod(0o755)
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=16m,mode=1777", "ebb-tests", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("needs the right to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def fill(disk: Path, leave: int) -> Path:
    """Fill a disk but for some bytes; return the file that takes the room."""
    filler, there = disk / "filler", os.statvfs(disk)
    with filler.open("wb") as file, contextlib.suppress(OSError):
        file.write(bytes(there.f_bavail * there.f_frsize - leave))
    return filler


@pytest.mark.slow
def test_a_full_disk_under_the_lake(
    small_disk: Path, tmp_path: Path, ebb: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be rewritten stays whole; with room again the sweep goes on."""
    installation(tmp_path / "home", days=24)
    shutil.move(tmp_path / "home" / "lake", small_disk / "lake")
    monkeypatch.setenv("EBB_LAKE", str(small_disk / "lake"))
    room = Room(load_settings(home=tmp_path / "home"))
    plan = planned(room, only=("analytics.service_log",))
    table = open_table(str(small_disk / "lake" / "analytics" / "service_log"))
    stays = [key for key, due in rows_of(table) if due == "2099-01-01"]
    filler = fill(small_disk, 96 * 1024)
    stopped = ebb(room, "sweep", "apply", plan.digest)
    assert stopped.is_one_sentence(1, "the disk is full: make room")
    assert 0 < len(find_sweep(room.ledger, plan.digest).outcomes) < len(plan.units)
    table.refresh()
    assert set(stays) < {key for key, _ in rows_of(table)}
    assert room.ledger.first_broken() is None
    filler.unlink()
    assert ebb(room, "sweep", "apply", plan.digest).code == 0
    table.refresh()
    assert [key for key, _ in rows_of(table)] == stays
    is_whole(room, plan)


def rows_of(table: Any) -> list[tuple[bytes, str]]:
    """Return key and due date of every row, in order."""
    rows = table.dataset().to_table(columns=["event_key", "due_date"]).sort_by("event_key").to_pylist()
    return [(row["event_key"], row["due_date"]) for row in rows]


@pytest.mark.slow
def test_a_full_disk_under_sqlite(small_disk: Path, tmp_path: Path, ebb: Callable[..., Said]) -> None:
    """The write-ahead log grows while a reader holds it, until SQLITE_FULL; the batch in hand is rolled back."""
    make_room(tmp_path / "home", orders=900)
    shop = small_disk / "shop.sqlite"
    shutil.move(tmp_path / "home" / "shop.sqlite", shop)
    (tmp_path / "home" / "shop.sqlite").symlink_to(shop)
    (tmp_path / "home" / "datasets.yaml").write_text(REGISTER.format(path=shop))
    room = Room(load_settings(home=tmp_path / "home"))
    query(tmp_path / "home", "PRAGMA journal_mode=WAL")
    stays = query(
        tmp_path / "home", "SELECT id FROM orders WHERE coalesce(date(completed_at, '+3 years'), '9') >= '2026-06-01'"
    )
    plan = planned(room)
    with contextlib.closing(sqlite3.connect(shop)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM orders").fetchone() == (900,)
        filler = fill(small_disk, 256 * 1024)
        stopped = ebb(room, "sweep", "apply", plan.digest)
    assert stopped.is_one_sentence(1, "the disk is full (SQLITE_FULL): make room")
    left = len(query(tmp_path / "home", "SELECT id FROM orders")) - len(stays)
    assert 0 < left < plan.due
    assert room.ledger.first_broken() is None
    filler.unlink()
    assert ebb(room, "sweep", "apply", plan.digest).code == 0
    assert query(tmp_path / "home", "SELECT id FROM orders") == stays
    is_whole(room, plan)


@pytest.mark.slow
def test_a_full_disk_under_the_ledger(
    small_disk: Path, tmp_path: Path, ebb: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be recorded is not done; the chain is whole, and with room again the sweep goes on."""
    monkeypatch.setenv("EBB_LEDGER_URL", f"sqlite:///{small_disk}/ledger.sqlite")
    room = make_room(tmp_path, orders=900)
    plan = planned(room)
    there = len(query(tmp_path, "SELECT id FROM orders"))
    filler = fill(small_disk, 80 * 1024)
    assert ebb(room, "sweep", "apply", plan.digest).is_one_sentence(1, "the ledger", "(SQLITE_FULL)", "its disk")
    filler.unlink()
    assert room.ledger.first_broken() is None
    done = find_sweep(room.ledger, plan.digest)
    assert 0 < len(done.outcomes) < len(plan.units)
    gone = there - len(query(tmp_path, "SELECT id FROM orders"))
    begun = sum(unit.rows for unit in plan.units if (unit.dataset, unit.part) in done.begun)
    assert done.removed("shop.orders") <= gone <= begun
    assert ebb(room, "sweep", "apply", plan.digest).code == 0
    is_whole(room, plan)


@pytest.mark.slow
def test_a_full_disk_under_postgresql(
    server: Server, small_disk: Path, tmp_path: Path, ebb: Callable[..., Said]
) -> None:
    """Rows that are anonymized take new room; without it their batch is rolled back, and nothing is half empty."""
    if server.user is not None:
        shutil.chown(small_disk, server.user)
    ask_alone(server, f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    room = shop_on(server, tmp_path / "home", EMPTIED, "TABLESPACE small")
    plan = planned(room)
    filler = fill(small_disk, 48 * 1024)
    stopped = ebb(room, "sweep", "apply", plan.digest)
    assert stopped.is_one_sentence(1, "the disk is full (53100): make room")
    done = ask(server, "SELECT count(*) FROM orders WHERE customer IS NULL")[0][0]
    assert 0 <= done < plan.due
    assert ask(server, f"SELECT count(*) FROM orders WHERE {STAYS} AND customer IS NULL") == [(0,)]
    assert room.ledger.first_broken() is None
    filler.unlink()
    assert ebb(room, "sweep", "apply", plan.digest).code == 0
    assert ask(server, f"SELECT count(*) FROM orders WHERE NOT {STAYS} AND customer IS NOT NULL") == [(0,)]
    assert ask(server, "SELECT count(*) FROM orders") == [(ORDERS,)]
    is_whole(room, plan)


def ask_alone(server: Server, statement: str) -> None:
    """Run a statement that no transaction may hold."""
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(statement.encode())
