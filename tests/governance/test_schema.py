"""Databases of ebb's own come to the newest revision without loss, whoever opens them, and once."""

from __future__ import annotations

import multiprocessing
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from governance.errors import KeyringError, LedgerError
from governance.keys import Keyring, OpsKey, RootKey
from governance.keys import store as key_store
from governance.keys.sealing import day_key_info
from governance.ledger import Ledger
from governance.ledger import store as ledger_store
from tests.postgresql import as_role, own_database, own_roles, run_sql

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

    from sqlalchemy import MetaData

    from governance.schema import Schema

HERE = Path(__file__).parent
ROOT = RootKey(bytes(range(100, 132)))
OPS = OpsKey(bytes(range(1, 33)))
WALL = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
GUARDS = (
    """CREATE FUNCTION ebb_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$;
    CREATE TRIGGER ebb_ledger_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON ebb_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ebb_append_only();
    CREATE TRIGGER ebb_payloads_guard BEFORE UPDATE ON ebb_ledger_payloads
    FOR EACH STATEMENT EXECUTE FUNCTION ebb_append_only()""",
    *(
        f"CREATE TRIGGER {name} BEFORE {what} BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        for name, what in (
            ("ebb_ledger_no_update", "UPDATE ON ebb_ledger"),
            ("ebb_ledger_no_delete", "DELETE ON ebb_ledger"),
            ("ebb_payloads_no_update", "UPDATE ON ebb_ledger_payloads"),
        )
    ),
)


def make_old(url: str, folder: str) -> None:
    """Fill an empty database with what the code of before made."""
    script = (HERE / folder / "first_revision.sql").read_text(encoding="utf-8")
    if url.startswith("postgresql"):
        script = re.sub("X'([0-9a-f]*)'", r"'\\x\1'", script).replace("BLOB", "BYTEA")
    guards = () if folder == "keys" else GUARDS[:1] if url.startswith("postgresql") else GUARDS[1:]
    statements = [one for part in script.split(";\n") if (one := re.sub("^--.*", "", part).strip())]
    run_sql(url, *statements, *guards)


def test_a_ledger_of_before_is_stamped_and_migrated_without_loss(database: str) -> None:
    """Every line and payload is as it was; payloads tell when they were recorded; the guards stand again."""
    make_old(database, "ledger")
    ledger = Ledger.open(database)
    assert ledger.first_broken() is None
    assert [entry.content for entry in ledger.entries()] == [{"n": 0}, {}, {"n": 2}, {"n": 3}]
    lines = dict(run_sql(database, "SELECT number, recorded FROM ebb_ledger"))
    assert dict(run_sql(database, "SELECT number, recorded FROM ebb_ledger_payloads")) == {
        n: lines[n] for n in (1, 3, 4)
    }
    for statement in ("UPDATE ebb_ledger_payloads SET payload = '{}'", "DELETE FROM ebb_ledger"):
        with pytest.raises(Exception, match="append-only"):
            run_sql(database, statement)
    added = ledger.append("x", "", {"n": 4}, WALL)
    assert run_sql(database, "SELECT recorded FROM ebb_ledger_payloads WHERE number = 5") == [(added.recorded,)]
    with pytest.raises(LedgerError, match="when that is due"):
        ledger.forget(3)
    assert Ledger.open(database).first_broken() is None


def test_a_keyring_of_before_is_stamped_and_migrated_without_loss(database: str) -> None:
    """Tokens stay, private halves are where they belong and open, destroyed keys stay destroyed."""
    make_old(database, "keys")
    sealed = dict(run_sql(database, "SELECT purpose || epoch, wrapped FROM ebb_keys WHERE use = 'sealing'"))
    ring = Keyring.open(database, ROOT, clock=lambda: WALL)
    moved = dict(run_sql(database, "SELECT purpose || epoch, sealed FROM ebb_sealed_keys"))
    assert {name: bytes(half) for name, half in moved.items()} == {name: bytes(half) for name, half in sealed.items()}
    assert run_sql(database, "SELECT count(*) FROM ebb_keys WHERE use = 'sealing' AND length(wrapped) > 0") == [(0,)]
    assert OPS.open(ring.sealed_day_key("dead_letters", "2026-11-23"), day_key_info("dead_letters", "2026-11-23"))
    assert {key.epoch for key in ring.keys(WALL) if key.state == "destroyed"} == {"2026-11-20"}
    assert ring.due_date_public("2026-11-21")
    scope = ("statistics", "sepp", "", "account", "2026H2")
    assert len(ring.subject_tokens(*scope[:4], "u-1")) == 1
    assert ring.token_key(*scope).tokens(["u-1"]) == list(ring.subject_tokens(*scope[:4], "u-1").values())


def test_a_process_of_before_cannot_put_a_private_half_in_the_old_place(database: str) -> None:
    """What would be out of reach for those who open dead letters is refused."""
    Keyring.create(database, ROOT)
    half = "'\\x01'" if database.startswith("postgresql") else "x'01'"
    with pytest.raises(Exception, match="no_private_half"):
        run_sql(database, f"INSERT INTO ebb_keys VALUES ('sealing', 'p', '', '', 'd', {half}, NULL, '', NULL)")


@pytest.mark.parametrize(
    ("schema", "metadata"),
    [(ledger_store.SCHEMA, ledger_store.METADATA), (key_store.SCHEMA, key_store.METADATA)],
    ids=["ledger", "keyring"],
)
def test_the_migrations_make_the_tables_that_the_code_speaks_of(
    database: str, schema: Schema, metadata: MetaData
) -> None:
    """Tables, columns, their kinds and constraints are the same, and no revision is left out of the list."""
    engine = create_engine(database, poolclass=NullPool)
    with engine.begin() as connection:
        schema.upgrade(connection)
    with engine.begin() as connection:
        assert schema.revision(connection) == schema.revisions[-1]
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.version_table, "compare_type": True}
        )
        assert compare_metadata(context, metadata) == []
    config = Config()
    config.set_main_option("script_location", str(schema.migrations))
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(known)) == schema.revisions


def test_ledger_and_keyring_may_share_a_database_of_a_server(postgresql: str) -> None:
    """Each has its own revision there."""
    with own_database(postgresql) as url:
        Ledger.open(url).append("x", "", {}, WALL)
        Keyring.create(url, ROOT)
        assert Ledger.open(url).first_broken() is None
        assert run_sql(url, "SELECT k.version_num, l.version_num FROM ebb_keyring_version k, ebb_ledger_version l") == [
            (key_store.SCHEMA.revisions[-1], ledger_store.SCHEMA.revisions[-1])
        ]


def test_a_database_of_a_newer_ebb_is_refused(database: str) -> None:
    """Nothing is written into what this version does not know."""
    make_old(database, "ledger")
    make_old(database, "keys")
    Ledger.open(database)
    Keyring.open(database, ROOT)
    run_sql(database, "UPDATE ebb_ledger_version SET version_num = '9999'")
    run_sql(database, "UPDATE ebb_keyring_version SET version_num = '9999'")
    with pytest.raises(LedgerError, match="newer version of ebb"):
        Ledger.open(database)
    with pytest.raises(KeyringError, match="newer version of ebb"):
        Keyring.open(database, ROOT)


def _open(url: str, kind: str, barrier: Barrier) -> None:
    barrier.wait(60)
    Ledger.open(url) if kind == "ledger" else Keyring.open(url, ROOT)


@pytest.mark.parametrize("folder", ["ledger", "keys"])
def test_processes_that_open_an_old_database_at_once_all_go_on(database: str, folder: str) -> None:
    """One of them migrates, the others wait and find it done."""
    make_old(database, folder)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    workers = [context.Process(target=_open, args=(database, folder, barrier)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    schema = ledger_store.SCHEMA if folder == "ledger" else key_store.SCHEMA
    assert run_sql(database, f"SELECT version_num FROM {schema.version_table}") == [(schema.revisions[-1],)]


def test_a_migration_that_fails_leaves_the_database_as_it_was(database: str) -> None:
    """A table of somebody else's in the way: one sentence, and no half of a ledger."""
    run_sql(database, "CREATE TABLE ebb_ledger_payloads (something text)")
    with pytest.raises(LedgerError, match="cannot be used"):
        Ledger.open(database)
    with pytest.raises(LedgerError, match="cannot be used"):
        Ledger.open(database)
    run_sql(database, "DROP TABLE ebb_ledger_payloads")
    assert Ledger.open(database).first_broken() is None


def test_a_new_database_needs_no_second_look(tmp_path: Path) -> None:
    """Opening what is newest imports no alembic: a stream starts as fast as before."""
    ledger, keyring = f"sqlite:///{tmp_path / 'ledger.sqlite'}", f"sqlite:///{tmp_path / 'keyring.sqlite'}"
    Ledger.open(ledger)
    Keyring.create(keyring, ROOT)
    program = (
        "import sys; from governance.ledger import Ledger; from governance.keys import Keyring, RootKey;"
        f"Ledger.open({ledger!r}); Keyring.open({keyring!r}, RootKey(bytes(range(100, 132))));"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_folder_with_odd_signs_is_migrated_too(tmp_path: Path) -> None:
    """A place may hold a space and a percent sign."""
    place = tmp_path / "100 % ours"
    place.mkdir()
    assert (
        Ledger.open(f"sqlite:///{place / 'ledger.sqlite'}").head()
        == Ledger.open(f"sqlite:///{place / 'ledger.sqlite'}").head()
    )


def test_a_role_that_may_not_change_tables_is_told_who_may(postgresql: str) -> None:
    """The sentence names the command, and leaves the database as it is."""
    with own_roles(postgresql, "poor") as roles, own_database(postgresql) as url:
        make_old(url, "ledger")
        make_old(url, "keys")
        run_sql(url, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {roles['poor']}")
        poor = as_role(url, roles["poor"])
        with pytest.raises(LedgerError, match="its owner runs `ebb database upgrade`"):
            Ledger.open(poor)
        with pytest.raises(KeyringError, match="its owner runs `ebb database upgrade`"):
            Keyring.open(poor, ROOT)
        Ledger.open(url)
        Keyring.open(url, ROOT)
        with pytest.raises(LedgerError, match=r"refuses this role.*ebb database grant"):
            Ledger.open(poor)
        run_sql(url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {roles['poor']}")
        Ledger.open(poor)
        Keyring.open(poor, ROOT)
