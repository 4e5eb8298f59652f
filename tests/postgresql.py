"""A real PostgreSQL server for the tests: a folder of its own, a free port, stopped by its process id."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 60
END_LOCK_HOLDERS = (
    "SELECT pg_terminate_backend(pid, 60000) FROM (SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory') p"
)
"""Ends the sessions that hold advisory locks, and waits until they are gone."""


def find_programs() -> Path | None:
    """Return the folder of the server's programs: `$EBB_POSTGRESQL`, on the path, or Debian's newest."""
    named = os.environ.get("EBB_POSTGRESQL")
    if named:
        return Path(named)
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return debian[-1].parent if debian else None


@dataclass
class Server:
    """A server on a folder of its own; can be killed and started again.

    Attributes:
        user: whom it runs as; None is who runs the tests.
        process: its postmaster.
    """

    programs: Path
    folder: Path
    port: int
    user: str | None
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://ebb@127.0.0.1:{self.port}/postgres"

    def initialize(self) -> None:
        """Make the empty database."""
        options = ("-U", "ebb", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        with (self.folder / "log").open("ab") as log:
            command = [self.programs / "initdb", "-D", self.folder / "data", *options]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._common)

    def start(self) -> None:
        """Start it and wait until it answers; children of one that was killed may hold its memory for a moment."""
        settings = (
            "fsync=off",
            "autovacuum=off",  # its snapshots and locks come when they like; ebb does its own
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.folder}",
            f"port={self.port}",
        )
        options = [part for setting in settings for part in ("-c", setting)]
        command = [self.programs / "postgres", "-D", self.folder / "data", *options]
        ready = [self.programs / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-q"]
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                with (self.folder / "log").open("ab") as log:
                    self.process = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._common
                    )
            if subprocess.run(ready, check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError("PostgreSQL did not get ready")

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: in order, or with SIGKILL as a power cut would."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(SECONDS)

    @property
    def _common(self) -> dict[str, Any]:
        return {"cwd": self.folder, **({"user": self.user} if self.user else {})}


@contextmanager
def running_server(programs: Path) -> Iterator[Server]:
    """Start a server; it refuses to run as root, so root runs it as nobody."""
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="ebb-postgresql-"))
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    server = Server(programs, folder, _free_port(), user)
    try:
        server.initialize()
        server.start()
        yield server
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_postgresql(programs: Path) -> Iterator[str]:
    """Start a server and yield its URL for SQLAlchemy."""
    with running_server(programs) as server:
        yield server.url


@contextmanager
def own_database(server: str) -> Iterator[str]:
    """Yield the URL of a new database, as superuser; it is dropped with whoever is still connected."""
    name = f"ebb_{secrets.token_hex(4)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def own_roles(server: str, *kinds: str) -> Iterator[dict[str, str]]:
    """Yield names of new roles that can log in, by kind; no database may hold anything of theirs at the end."""
    roles = {kind: f"ebb_{kind}_{secrets.token_hex(4)}" for kind in kinds}
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for role in roles.values():
            connection.execute(text(f'CREATE ROLE "{role}" LOGIN'))
    try:
        yield roles
    finally:
        with engine.connect() as connection:
            for role in roles.values():
                connection.execute(text(f'DROP ROLE "{role}"'))


def as_role(url: str, role: str) -> str:
    """Return the URL with another login."""
    return make_url(url).set(username=role).render_as_string(hide_password=False)


def run_sql(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements in one transaction; return the rows of the last one."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements:
            done = connection.exec_driver_sql(statement)
        return [tuple(row) for row in done] if done.returns_rows else []


def take_payload(url: str, number: int) -> None:
    """Delete what a line of a ledger says before it is due, as somebody who may take the fence down can."""
    table = " ON ebb_ledger_payloads" if url.startswith("postgresql") else ""
    run_sql(
        url,
        f"DROP TRIGGER IF EXISTS ebb_payloads_wait{table}",
        f"DELETE FROM ebb_ledger_payloads WHERE number = {number}",
    )


def bytes_of(url: str) -> bytes:
    """Return every byte of the files that hold a database: a SQLite file and its log, or a server's data files."""
    if url.startswith("sqlite"):
        file = Path(str(make_url(url).database))
        return b"".join(one.read_bytes() for one in file.parent.iterdir() if one.name.startswith(file.name))
    run_sql(url, "CHECKPOINT")
    [(folder, number)] = run_sql(
        url, "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()"
    )
    return b"".join(one.read_bytes() for one in (Path(folder) / "base" / str(number)).iterdir())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
