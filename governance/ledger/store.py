"""Where the ledger lies: a SQLite file of mode 0600, or a PostgreSQL database.

Tables are made, and brought to their newest form, by `migrations`. Triggers refuse to change or delete a line of the
chain; only payloads can be deleted, after three years and if no hold stands in them. Database errors are reworded,
since their own text quotes parameters.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool, StaticPool

from governance.errors import LedgerError, RefusedError, UsageError
from governance.rights import LACKS_RIGHTS, Rights
from governance.schema import LOCK_SPACE, Schema, empty_log
from governance.transport import refuse_shown_password, require_encryption, why_unreached

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from governance.rights import Kind

_BUSY_SECONDS = 30
_FIRST_TICKET, _LAST_TICKET = 1_000, 2**31
_FENCES = ("RaiseException", "SQLITE_CONSTRAINT_TRIGGER")

METADATA = MetaData()

CHAIN = Table(
    "ebb_ledger",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("recorded", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", Text, nullable=False, index=True),
    Column("commitment", LargeBinary, nullable=False),
    Column("link", LargeBinary, nullable=False),
)

PAYLOADS = Table(
    "ebb_ledger_payloads",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("payload", Text, nullable=False),
    Column("recorded", Text, nullable=False),
)

HEAD = Table(
    "ebb_ledger_head",
    METADATA,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("link", LargeBinary, nullable=False),
)

SCHEMA = Schema(
    what="ledger",
    error=LedgerError,
    migrations=Path(__file__).with_name("migrations"),
    version_table="ebb_ledger_version",
    revisions=("0001", "0002", "0003"),
    mark=HEAD.name,
)

RIGHTS = Rights(
    tables={
        SCHEMA.version_table: {"ops": ("SELECT",), "auditor": ("SELECT",)},
        CHAIN.name: {"ops": ("SELECT", "INSERT"), "auditor": ("SELECT",)},
        PAYLOADS.name: {"ops": ("SELECT", "INSERT", "DELETE"), "auditor": ("SELECT",)},
        HEAD.name: {"ops": ("SELECT",), "auditor": ("SELECT",)},
    },
    functions={"ebb_ledger_rewrite": ("ops",)},
)


def connect(url: str) -> Engine:
    """Return an engine for the ledger at `url`, with its tables as this version needs them."""
    engine = engine_of(url)
    bring_up(engine)
    return engine


def engine_of(url: str) -> Engine:
    """Return an engine for the database at `url`, whatever is in it."""
    try:
        parsed = make_url(url)
        sqlite = parsed.get_backend_name() == "sqlite"
        engine = create_engine(
            parsed, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": _BUSY_SECONDS} if sqlite else {}
        )
    except ArgumentError:
        raise UsageError("the ledger's URL is not one: write sqlite:///PATH or postgresql+psycopg://…") from None
    except (ImportError, NoSuchModuleError):
        raise UsageError("no driver for the ledger's database: pip install 'ebbtide[postgresql]'") from None
    refuse_shown_password(parsed, "ledger")
    require_encryption(parsed, "ledger")
    if sqlite:
        if not parsed.database or parsed.database == ":memory:":
            raise UsageError("a ledger in memory proves nothing: give sqlite:///PATH")
        _make_private(Path(parsed.database))
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def nowhere() -> Engine:
    """Return an engine for an empty ledger that lies nowhere and takes no entry."""
    engine = create_engine("sqlite://", poolclass=StaticPool, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    bring_up(engine)
    with engine.connect().execution_options(ebb_begin="") as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
    return engine


def bring_up(engine: Engine) -> str | None:
    """Bring the tables to what this version needs; return the revision before, None for an empty database."""
    with reading(engine) as connection:
        before = SCHEMA.revision(connection)
    if before != SCHEMA.revisions[-1]:
        with writing(engine) as connection:
            SCHEMA.upgrade(connection)
    return before


def grant(url: str, role: str, kind: Kind) -> None:
    """Give a role of the database the rights of its kind; see `governance.rights`."""
    engine = connect(url)
    with reworded(engine), engine.begin() as connection:
        RIGHTS.grant(connection, role, kind)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that reads."""
    with reworded(engine), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that alone appends."""
    with (
        reworded(engine),
        engine.connect().execution_options(ebb_begin="BEGIN IMMEDIATE") as connection,
        connection.begin(),
    ):
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:space, 1)"), {"space": LOCK_SPACE})
        yield connection


@contextmanager
def exclusive(engine: Engine, busy: str) -> Iterator[int | None]:
    """Hold the installation's sweep lock, and yield its ticket; the system frees it if the process dies.

    A server that is started again forgets its locks. So the session holds a second lock beside it, of a number that
    nobody else draws: as long as one session holds both, the lock is its holder's. A file's lock needs no ticket.

    Raises:
        RefusedError: `busy`, when another process holds it.
    """
    if engine.dialect.name == "sqlite":
        path = Path(f"{engine.url.database}.lock")
        _make_private(path)
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RefusedError(busy) from None
            yield None
        return
    ticket = _FIRST_TICKET + secrets.randbelow(_LAST_TICKET - _FIRST_TICKET)
    with reworded(engine), engine.connect() as connection:
        lock = text("SELECT pg_try_advisory_lock(:space, 2)")
        if not connection.execute(lock, {"space": LOCK_SPACE}).scalar_one():
            raise RefusedError(busy)
        connection.execute(text("SELECT pg_advisory_lock(:space, :ticket)"), {"space": LOCK_SPACE, "ticket": ticket})
        connection.commit()  # a session's lock outlives its transaction
        try:
            yield ticket
        finally:
            # A server notices a moment late that a session is gone, and would refuse who comes right after.
            with suppress(DBAPIError):
                connection.execute(text("SELECT pg_advisory_unlock_all()"))
                connection.commit()


def is_held(connection: Connection, ticket: int) -> bool:
    """Say whether one session of the server holds the sweep lock and the ticket's, asked by any other."""
    held = text(
        "SELECT count(DISTINCT objid) = 2 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND classid = :space AND objid IN (2, :ticket) GROUP BY pid ORDER BY 1 DESC LIMIT 1"
    )
    return bool(connection.execute(held, {"space": LOCK_SPACE, "ticket": ticket}).scalar_one_or_none())


def forget_deleted(engine: Engine) -> None:
    """Leave deleted payloads nowhere in the database's files: SQLite's log is emptied, PostgreSQL's table rewritten.

    Warnings:
        EbbWarning: somebody who reads the file keeps its log, with the payloads in it, until that ends.
    """
    if engine.dialect.name == "sqlite":
        with reworded(engine), engine.connect().execution_options(ebb_begin="") as connection:
            empty_log(
                connection,
                f"the ledger {engine.url.database}: until that ends, what was deleted lies in its file or its log; the "
                "next sweep removes it",
            )
        return
    with reworded(engine), engine.begin() as connection:
        connection.execute(text("SELECT ebb_ledger_rewrite()"))


@contextmanager
def reworded(engine: Engine) -> Iterator[None]:
    """Turn the database's errors into ebb's."""
    try:
        yield
    except DBAPIError as problem:
        if unreached := why_unreached(problem, engine.url):
            raise LedgerError(
                f"the ledger {unreached}; check the setting ledger_url and the server, then run the command again: "
                "what was recorded stays"
            ) from None
        name = getattr(problem.orig, "sqlite_errorname", "") or type(problem.orig).__name__
        where = engine.url.render_as_string(hide_password=True)
        if name == "InsufficientPrivilege":
            raise LedgerError(f"the ledger {where} refuses this role: {LACKS_RIGHTS}") from None
        if name in _FENCES:
            raise LedgerError(
                f"the ledger {where} refuses this: it takes the next line only, with a time that lies not ahead, and "
                "gives up what a line says when that is due; look at this machine's clock"
            ) from None
        raise LedgerError(
            f"the ledger {where} cannot be used ({name}): check the setting ledger_url, the database and its disk; "
            "what was recorded stays, run the command again"
        ) from None


def _make_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "secure_delete=ON", "synchronous=FULL", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    statement = connection.get_execution_options().get("ebb_begin", "BEGIN")
    if statement:
        connection.exec_driver_sql(statement)
