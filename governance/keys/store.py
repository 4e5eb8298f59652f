"""Where the keyring lies: three SQL tables, in a SQLite file of its own or a PostgreSQL database.

Nothing here knows a key: rows hold wrapped and sealed ones. `migrations` makes the tables. Every error of the database
is reworded, since its own text quotes the parameters of the statement.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Engine,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from governance.errors import KeyringError, UsageError
from governance.rights import LACKS_RIGHTS, Rights
from governance.schema import LOCK_SPACE, Schema, empty_log
from governance.transport import refuse_shown_password, require_encryption, why_unreached

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection

    from governance.rights import Kind

_BUSY_SECONDS = 30
OPS_PUBLIC = "ops_public"

METADATA = MetaData()

FACTS = Table(
    "ebb_keyring",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

KEYS = Table(
    "ebb_keys",
    METADATA,
    Column("use", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("system", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("public", LargeBinary),
    Column("made", Text, nullable=False),
    Column("expires", Text),
    PrimaryKeyConstraint("use", "purpose", "system", "recipient", "epoch"),
    CheckConstraint("use <> 'sealing' OR length(wrapped) = 0", name="ebb_keys_no_private_half"),
)

SEALED = Table(
    "ebb_sealed_keys",
    METADATA,
    Column("use", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("system", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("use", "purpose", "system", "recipient", "epoch"),
)

SCHEMA = Schema(
    what="keyring",
    error=KeyringError,
    migrations=Path(__file__).with_name("migrations"),
    version_table="ebb_keyring_version",
    revisions=("0001", "0002", "0003"),
    mark=FACTS.name,
)

TABLES = (FACTS, KEYS, SEALED)
"""All of them, as a backup copies them."""

RIGHTS = Rights(
    tables={
        SCHEMA.version_table: {"stream": ("SELECT",), "ops": ("SELECT",)},
        FACTS.name: {"stream": ("SELECT",), "ops": ("SELECT", "INSERT")},
        KEYS.name: {"stream": ("SELECT", "INSERT", "DELETE"), "ops": ("SELECT", "INSERT", "DELETE")},
        SEALED.name: {"stream": ("INSERT",), "ops": ("SELECT", "INSERT", "DELETE")},
    },
    functions={"ebb_keys_rewrite": ("stream", "ops")},
)


def connect(url: str) -> Engine:
    """Return an engine that keeps no connection open: key lookups are rare, and processes fork and end."""
    parsed = _parse(url)
    try:
        engine = create_engine(parsed, poolclass=NullPool, hide_parameters=True, connect_args=_arguments(parsed))
    except (ImportError, NoSuchModuleError):
        driver = parsed.drivername
        raise UsageError(
            f"no driver for a keyring in {driver}: for PostgreSQL pip install 'ebbtide[postgresql]'"
        ) from None
    require_encryption(parsed, "keyring")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for a database server and for SQLite's own `file:` form."""
    parsed = _parse(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if not parsed.database or parsed.database == ":memory:":
        raise UsageError("a keyring in memory forgets its keys: give sqlite:///PATH")
    return None if parsed.database.startswith("file:") else Path(parsed.database)


def place(url: str) -> str:
    """Return where the keyring lies, for messages: a path, or a URL without its password."""
    return str(file_of(url) or _parse(url).render_as_string(hide_password=True))


def facts_of(engine: Engine) -> dict[str, bytes]:
    """Return the facts of a keyring, its tables brought to what this version needs; nothing where there is none."""
    with reading(engine) as connection:
        before = SCHEMA.revision(connection)
        if before == SCHEMA.revisions[-1]:
            return _facts(connection)
    if before is None:
        return {}
    bring_up(engine)
    with reading(engine) as connection:
        return _facts(connection)


def is_there(connection: Connection) -> bool:
    """Say whether the database holds a keyring, not only the tables for one."""
    return inspect(connection).has_table(FACTS.name) and bool(_facts(connection))


def ops_public(connection: Connection) -> bytes | None:
    """Return the public half of the ops key, or None if it was not stored yet."""
    value = connection.execute(select(FACTS.c.value).where(FACTS.c.name == OPS_PUBLIC)).scalar_one_or_none()
    return None if value is None else bytes(value)


def make_wal(engine: Engine) -> None:
    """Let readers and one writer work side by side on a SQLite file; remembered in the file."""
    if engine.dialect.name != "sqlite":
        return
    with _reworded(engine), engine.connect().execution_options(ebb_begin="") as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that reads."""
    with _reworded(engine), engine.begin() as connection:
        yield connection


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that sees every table as it was at one moment."""
    options = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with _reworded(engine), engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def bring_up(engine: Engine) -> str | None:
    """Bring the tables to what this version needs; return the revision before, None for an empty database."""
    with reading(engine) as connection:
        before = SCHEMA.revision(connection)
    if before != SCHEMA.revisions[-1]:
        with writing(engine) as connection:
            SCHEMA.upgrade(connection)
        forget_deleted(engine)
    return before


def grant(url: str, role: str, kind: Kind) -> None:
    """Give a role of the database the rights of its kind; see `governance.rights`."""
    engine = connect(url)
    bring_up(engine)
    with _reworded(engine), engine.begin() as connection:
        RIGHTS.grant(connection, role, kind)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that holds the keyring's write lock from its start."""
    with (
        _reworded(engine),
        engine.connect().execution_options(ebb_begin="BEGIN IMMEDIATE") as connection,
        connection.begin(),
    ):
        if engine.dialect.name != "sqlite":
            connection.execute(text("SELECT pg_advisory_xact_lock(:space, 3)"), {"space": LOCK_SPACE})
        yield connection


def forget_deleted(engine: Engine) -> None:
    """Leave deleted keys nowhere in the database's files.

    SQLite overwrote them (secure_delete), and its log is emptied here. PostgreSQL writes the two tables anew, unless
    somebody reads them for longer than a second; its own log and its backups go by their own times.

    Warnings:
        EbbWarning: somebody who reads the file keeps its log, with the wrapped keys in it, until that ends.
    """
    if engine.dialect.name == "sqlite":
        with _reworded(engine), engine.connect().execution_options(ebb_begin="") as connection:
            empty_log(
                connection,
                f"the keyring {place(str(engine.url))}: until that ends, destroyed keys lie, wrapped, in its file or "
                "its log; `ebb keys destroy --expired` removes them then",
            )
        return
    with _reworded(engine), engine.begin() as connection:
        connection.execute(text("SELECT ebb_keys_rewrite()"))


def _facts(connection: Connection) -> dict[str, bytes]:
    return {row.name: bytes(row.value) for row in connection.execute(select(FACTS))}


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError("the keyring's URL is not one: write sqlite:///PATH or postgresql+psycopg://…") from None
    refuse_shown_password(parsed, "keyring")
    return parsed


def _arguments(url: URL) -> dict[str, Any]:
    return {"timeout": _BUSY_SECONDS} if url.get_backend_name() == "sqlite" else {}


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would be deferred: a lock taken too late
    for pragma in ("secure_delete=ON", "synchronous=FULL", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    statement = connection.get_execution_options().get("ebb_begin", "BEGIN")
    if statement:
        connection.exec_driver_sql(statement)


@contextmanager
def _reworded(engine: Engine) -> Iterator[None]:
    where = place(str(engine.url.render_as_string(hide_password=True)))
    try:
        yield
    except DBAPIError as problem:
        if unreached := why_unreached(problem, engine.url):
            advice = "check the setting keyring_url and the server, then run the command again"
            raise KeyringError(f"the keyring {unreached}; {advice}") from None
        name = getattr(problem.orig, "sqlite_errorname", "") or type(problem.orig).__name__
        if name.startswith("SQLITE_READONLY"):
            advice = "is read-only, and has to be written to: give this user write access to it and its folder"
        elif name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            advice = "is locked by another process: try again when that has ended"
        elif name.startswith("SQLITE_NOTADB"):
            advice = "is not a keyring: check --home and the setting keyring_url"
        elif name == "InsufficientPrivilege":
            advice = f"refuses this role: {LACKS_RIGHTS}"
        else:
            advice = f"cannot be used ({name}): check the setting keyring_url and the database"
        raise KeyringError(f"the keyring {where} {advice}") from None
