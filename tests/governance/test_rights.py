"""What roles of a real PostgreSQL may do with ledger and keyring, and what they may not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import DBAPIError

from governance.errors import KeyringError, LedgerError, RefusedError, UsageError
from governance.keys import Envelope, EnvelopeOpener, Keyring, OpsKey, RootKey
from governance.keys import store as key_store
from governance.keys.rotation import Chosen
from governance.keys.sealing import day_key_info
from governance.ledger import Ledger
from governance.ledger import store as ledger_store
from tests.postgresql import as_role, own_database, own_roles, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.rights import Kind

ROOT, OPS = RootKey(bytes(range(100, 132))), OpsKey(bytes(range(1, 33)))
NOW = datetime.now(tz=UTC)
LONG_AGO = NOW - timedelta(days=4 * 366)
TODAY = (NOW + timedelta(hours=8)).date().isoformat()
SCOPE = ("statistics", "sepp", "analytics")
LINE = "INSERT INTO ebb_ledger VALUES ({}, '2026-11-27T00:00:00.000000+00:00', 'x', 'y', '\\x00', '\\x00')"

OF_THE_CHAIN = [
    *(
        f"{verb} {table}{rest}"
        for table in ("ebb_ledger", "ebb_ledger_head")
        for verb, rest in (
            ("UPDATE", " SET number = number"),
            ("DELETE FROM", ""),
            ("TRUNCATE", ""),
            ("DROP TABLE", ""),
        )
    ),
    "UPDATE ebb_ledger_head SET number = 1, link = (SELECT link FROM ebb_ledger WHERE number = 1)",
    "INSERT INTO ebb_ledger_head VALUES (2, 1, '\\x00')",
    "UPDATE ebb_ledger_payloads SET payload = '{}'",
    "TRUNCATE ebb_ledger_payloads",
    "DROP TABLE ebb_ledger_payloads",
    "DROP TRIGGER ebb_ledger_guard ON ebb_ledger",
    "ALTER TABLE ebb_ledger DISABLE TRIGGER ALL",
    "ALTER TABLE ebb_ledger ADD COLUMN more text",
    "CREATE OR REPLACE FUNCTION ebb_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
    "DROP FUNCTION ebb_append_only CASCADE",
    "SET session_replication_role = replica",
    "CREATE TABLE public.of_mine (number integer)",
    """CREATE TEMP TABLE ebb_mine (number integer, link bytea); CREATE TRIGGER mine AFTER INSERT ON ebb_mine
    FOR EACH ROW EXECUTE FUNCTION public.ebb_ledger_move_head()""",
    "UPDATE ebb_ledger_version SET version_num = '0001'",
    LINE.format(1),
    LINE.format(4),
    LINE.format(99),
    "INSERT INTO ebb_ledger_payloads VALUES (1, '\\x00', '{\"n\": 9}', '2026-11-27')",
    "DELETE FROM ebb_ledger_payloads WHERE number = 2",
    "DROP TRIGGER ebb_payloads_wait ON ebb_ledger_payloads",
]
OF_KEYS = [
    "UPDATE ebb_keys SET wrapped = '\\x00'",
    "TRUNCATE ebb_keys",
    "DROP TABLE ebb_keys",
    "ALTER TABLE ebb_keys DISABLE ROW LEVEL SECURITY",
    "DROP POLICY ebb_keys_destroy ON ebb_keys",
    "UPDATE ebb_keyring SET value = '\\x00'",
    "DELETE FROM ebb_keyring",
    "UPDATE ebb_sealed_keys SET sealed = '\\x00'",
    "TRUNCATE ebb_sealed_keys",
    "DROP TABLE ebb_sealed_keys",
]
OF_PRIVATE_HALVES = [
    "SELECT sealed FROM ebb_sealed_keys",
    "SELECT count(*) FROM ebb_sealed_keys",
    "COPY ebb_sealed_keys TO STDOUT",
    "DELETE FROM ebb_sealed_keys",
    "DELETE FROM ebb_sealed_keys RETURNING sealed",
    "CREATE TEMP VIEW mine AS SELECT * FROM ebb_sealed_keys; SELECT * FROM mine",
    "INSERT INTO ebb_keys VALUES ('destroyed', 'vault.identity', '', '', '2030-01-01', '', NULL, '', NULL)",
    "INSERT INTO ebb_keys VALUES ('personal', 'p', 's', 'r', '2030H1', '', NULL, '', NULL)",
    "INSERT INTO ebb_keys VALUES ('personal', 'p', 's', 'r', '2030H1', '\\x01', NULL, '', '2030')",
    "INSERT INTO ebb_keyring VALUES ('more', '\\x00')",
    "SELECT kind FROM ebb_ledger",
    "SELECT link FROM ebb_ledger_head",
    "INSERT INTO ebb_ledger DEFAULT VALUES",
    "SELECT payload FROM ebb_ledger_payloads",
    "DELETE FROM ebb_ledger_payloads",
    "SELECT ebb_ledger_rewrite()",
]


@dataclass(frozen=True)
class World:
    """A database whose owner is no superuser, with a role for each kind."""

    url: str
    roles: dict[str, str]

    def of(self, kind: str) -> str:
        """Return the URL with a login of this kind."""
        return as_role(self.url, self.roles[kind])

    def keyring(self, kind: str) -> Keyring:
        """Open the keyring as a role."""
        return Keyring.open(self.of(kind), ROOT)


@pytest.fixture(scope="module")
def world(postgresql: str) -> Iterator[World]:
    """Set up from nothing, as docs/keys.md tells it: the owner's tables, ops' keyring, three lines in the ledger."""
    kinds: tuple[Kind, ...] = ("stream", "ops", "auditor")
    with own_roles(postgresql, "owner", *kinds) as roles, own_database(postgresql) as url:
        database = url.rpartition("/")[2]
        run_sql(url, f"ALTER DATABASE {database} OWNER TO {roles['owner']}")
        made = World(url, roles)
        ledger_store.bring_up(ledger_store.engine_of(made.of("owner")))
        key_store.bring_up(key_store.connect(made.of("owner")))
        for kind in kinds:
            for store in (ledger_store, key_store):
                store.grant(made.of("owner"), roles[kind], kind)
        Keyring.create(made.of("ops"), ROOT).set_ops_public(OPS.public())
        for number, wall in enumerate((LONG_AGO, NOW, NOW)):
            Ledger.open(made.of("ops")).append("sweep.plan", "r", {"n": number}, wall)
        yield made


def test_a_stream_makes_every_kind_of_key(world: World) -> None:
    """Windows, tokens, ciphers, event keys, a day's and a due date's pair; another process gets the same ones."""
    mine, other = world.keyring("stream"), world.keyring("ops")
    for ring in (mine, other):
        ring.sealer("dead_letters", NOW)
    assert mine.token_key(*SCOPE, "account", "2026H2").tokens(["a"]) == other.token_key(
        *SCOPE, "account", "2026H2"
    ).tokens(["a"])
    assert mine.cipher_key(*SCOPE, "encrypt.x", "2026H2").encrypt(["a"])
    assert mine.window_key(*SCOPE, "cookie", TODAY, NOW).tokens(["a"])
    assert mine.event_keys("service_log").by_id(["a"], ["b"]) == other.event_keys("service_log").by_id(["a"], ["b"])
    assert mine.due_date_publics(["2030-01-01"]) == other.due_date_publics(["2030-01-01"])


def test_ops_open_what_a_stream_sealed(world: World) -> None:
    """A stream fills an envelope and cannot fetch the private half; ops can, and destroys it."""
    envelope = Envelope(world.keyring("stream").due_date_public("open-2020-01"))
    who = envelope.fill("identity", b"who", bytes(16))
    with pytest.raises(KeyringError, match=r"refuses this role.*ebb database grant"):
        world.keyring("stream").sealed_day_key("vault.identity", "open-2020-01")
    ring = world.keyring("ops")
    found = EnvelopeOpener(OPS, ring).open("identity", "open-2020-01", envelope.wrapped("identity"), who, bytes(16))
    assert found == b"who"
    assert ring.destroy_due_date("open-2020-01", NOW, blocking=lambda _: 0)
    assert world.keyring("stream").due_date_publics(["open-2020-01"]) == {}


def test_a_stream_destroys_expired_windows_and_nothing_else(world: World) -> None:
    """Whatever it asks to delete, keys that live stay; an expired window is replaced when it is needed again."""
    ring, old = world.keyring("stream"), NOW - timedelta(days=3)
    ring.token_key(*SCOPE, "account", "2026H2")
    first = ring.window_key(*SCOPE, "cookie", "2026-01-01", old).tokens(["a"])
    ring.window_key(*SCOPE, "cookie", "2026-01-02", NOW)
    assert world.keyring("stream").window_key(*SCOPE, "cookie", "2026-01-01", NOW).tokens(["a"]) != first
    ring.window_key(*SCOPE, "cookie", "2026-01-03", old)
    assert ring.destroy_expired(NOW) == 1
    ring.window_key(*SCOPE, "cookie", "2026-01-03", old)
    before = len(ring.keys(NOW))
    run_sql(world.of("stream"), "DELETE FROM ebb_keys")
    left = ring.keys(NOW)
    assert len(left) == before - 1
    assert {"2026-01-02", "2026H2"} <= {key.epoch for key in left}
    with pytest.raises(KeyringError, match=r"destroys no keys.*ebb database grant"):
        ring.destroy_epoch("2026H2", Chosen(), NOW, blocking=lambda _: 0)
    assert {key.state for key in world.keyring("ops").keys(NOW) if key.epoch == "2026H2"} == {"active"}


def test_ops_rotate_and_destroy(world: World) -> None:
    """A key of a half-year and a day's pair go when operations say so."""
    ring = world.keyring("ops")
    world.keyring("stream").token_key(*SCOPE, "account", "2020H1")
    world.keyring("stream").sealer("dead_letters", NOW - timedelta(days=40))
    assert [scope.epoch for scope in ring.rotate("2020H1", Chosen(), NOW)] == ["2020H1b"]
    assert [scope.epoch for scope in ring.destroy_epoch("2020H1", Chosen(), NOW, blocking=lambda _: 0)] == ["2020H1"]
    (day,) = [day for day in ring.sealing_days("dead_letters") if day < TODAY]
    assert OPS.open(ring.sealed_day_key("dead_letters", day), day_key_info("dead_letters", day))
    assert ring.destroy_day_key("dead_letters", day, blocking=lambda _: 0)
    with pytest.raises(KeyringError, match="holds no dead_letters key"):
        ring.sealed_day_key("dead_letters", day)


def test_ops_append_and_forget_what_is_due(world: World) -> None:
    """A payload of years ago goes, one of today stays; the auditor finds the chain whole, a stream nothing at all."""
    ledger = Ledger.open(world.of("ops"))
    added = ledger.append("hold.placed", "2026-17", {"n": 3}, NOW)
    assert ledger.forget(1)
    with pytest.raises(LedgerError, match="when that is due"):
        ledger.forget(added.number)
    with pytest.raises(LedgerError, match="refuses this role"):
        Ledger.open(world.of("stream"))
    for kind in ("stream.x", "hold.released"):
        with pytest.raises(LedgerError, match="refuses this role"):
            Ledger(ledger_store.engine_of(world.of("stream"))).append(kind, "", {}, NOW)
    with ledger.sweeping():
        ledger.require_lock()
    auditor = Ledger.open(world.of("auditor"))
    assert auditor.first_broken() is None
    assert [entry.content.get("n") for entry in auditor.entries()] == [None, 1, 2, 3]
    with pytest.raises(LedgerError, match="refuses this role"):
        auditor.append("x", "", {}, NOW)
    with pytest.raises(KeyringError, match="refuses this role"):
        world.keyring("auditor")


@pytest.mark.parametrize("statement", [*OF_THE_CHAIN, *OF_KEYS, *OF_PRIVATE_HALVES])
def test_a_stream_may_not(world: World, statement: str) -> None:
    """Each statement is refused by a right, a policy or a fence."""
    refused(world, "stream", statement)


@pytest.mark.parametrize("statement", [*OF_THE_CHAIN, *OF_KEYS])
def test_ops_may_not(world: World, statement: str) -> None:
    """Operations destroy what is due, and change nothing that was written."""
    refused(world, "ops", statement)


@pytest.mark.parametrize(
    "statement", [*OF_THE_CHAIN, *OF_KEYS, "SELECT * FROM ebb_keys", "DELETE FROM ebb_ledger_payloads"]
)
def test_an_auditor_may_not(world: World, statement: str) -> None:
    """Who checks can neither write nor see a key."""
    refused(world, "auditor", statement)


@pytest.mark.parametrize("kind", ["stream", "ops", "auditor"])
def test_no_role_can_become_the_owner(world: World, kind: str) -> None:
    """The owner's rights are not within reach of a role's own session."""
    refused(world, kind, f"SET ROLE {world.roles['owner']}")
    refused(world, kind, f"GRANT {world.roles['owner']} TO {world.roles[kind]}")


def refused(world: World, kind: str, statement: str) -> None:
    """Expect the database to refuse, whether for want of a right or at a fence."""
    with pytest.raises(DBAPIError) as caught:
        run_sql(world.of(kind), statement)
    told = str(caught.value.orig)
    words = (
        "permission denied",
        "must be owner",
        "must have admin option",
        "append-only",
        "row-level security",
        "not due",
    )
    assert any(word in told for word in words), told


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ebb_ledger SET kind = 'x'",
        "DELETE FROM ebb_ledger",
        "TRUNCATE ebb_ledger",
        "UPDATE ebb_ledger_payloads SET recorded = 'x'",
        "TRUNCATE ebb_ledger_payloads",
        "DELETE FROM ebb_ledger_payloads",
        "UPDATE ebb_ledger_head SET number = number - 1",
        "DELETE FROM ebb_ledger_head",
        "TRUNCATE ebb_ledger_head",
        LINE.format(99),
    ],
)
def test_the_fences_stand_against_the_owner_too(world: World, statement: str) -> None:
    """Who owns the tables has to take a fence down first, on purpose."""
    with pytest.raises(DBAPIError, match=r"append-only|not due"):
        run_sql(world.of("owner"), statement)


def test_a_role_that_can_do_more_is_refused(world: World, postgresql: str) -> None:
    """Superusers, owners, members of owners, makers of roles, and what everybody was given."""
    owner, server = world.of("owner"), world.url
    for name, match in (("nobody_here", "no role"), ("ebb", "superuser"), (world.roles["owner"], "owns the tables")):
        with pytest.raises((UsageError, RefusedError), match=match):
            ledger_store.grant(owner, name, "stream")
    with own_roles(postgresql, "member", "maker", "reader", "plain") as roles:
        run_sql(server, f"GRANT {world.roles['owner']} TO {roles['member']}", f"ALTER ROLE {roles['maker']} CREATEROLE")
        run_sql(server, f"GRANT pg_read_server_files TO {roles['reader']}")
        for kind in ("member", "maker", "reader"):
            with pytest.raises(RefusedError, match="undo every fence"):
                key_store.grant(owner, roles[kind], "stream")
        for right in ("SELECT", "SELECT (sealed)"):
            run_sql(owner, f"GRANT {right} ON ebb_sealed_keys TO PUBLIC")
            with pytest.raises(RefusedError, match="may SELECT ebb_sealed_keys by a group"):
                key_store.grant(owner, roles["plain"], "stream")
            run_sql(owner, f"REVOKE {right} ON ebb_sealed_keys FROM PUBLIC")
        assert run_sql(owner, f"SELECT has_table_privilege('{roles['plain']}', 'ebb_keys', 'SELECT')") == [(False,)]


def test_a_role_that_can_become_more_is_refused(postgresql: str) -> None:
    """Groups of groups count, those too whose rights need SET ROLE; so do replication, the schema and the database."""
    groups, owners = ("super", "copies", "operations", "reads"), ("schema", "base")
    with own_roles(postgresql, *groups, *owners, "between", "via", "plain") as roles, own_database(postgresql) as url:
        Ledger.open(url)
        ledger_store.grant(url, roles["operations"], "ops")
        run_sql(
            url,
            f"ALTER ROLE {roles['super']} SUPERUSER",
            f"ALTER ROLE {roles['copies']} REPLICATION",
            f"GRANT pg_read_all_data TO {roles['reads']}",
            f"ALTER SCHEMA public OWNER TO {roles['schema']}",
            f"ALTER DATABASE {url.rpartition('/')[2]} OWNER TO {roles['base']}",
            f"ALTER ROLE {roles['via']} NOINHERIT",
            f"GRANT {roles['between']} TO {roles['via']}",
        )
        ledger_store.grant(url, roles["via"], "stream")
        for group in (*groups, *owners):
            run_sql(url, f"GRANT {roles[group]} TO {roles['between']}")
            for name in {"via", *({group} - {"operations"})}:
                with pytest.raises(RefusedError, match=r"undo every fence|by a group"):
                    ledger_store.grant(url, roles[name], "stream")
            run_sql(url, f"REVOKE {roles[group]} FROM {roles['between']}")
        ledger_store.grant(url, roles["via"], "stream")


def test_another_kind_takes_the_rights_of_the_first_away(world: World, postgresql: str) -> None:
    """A role that was for operations and is for streams reads no private half any more."""
    with own_roles(postgresql, "turned") as roles:
        for kind, may in (("ops", True), ("stream", False)):
            key_store.grant(world.of("owner"), roles["turned"], kind)  # type: ignore[arg-type]
            question = f"SELECT has_table_privilege('{roles['turned']}', 'ebb_sealed_keys', 'SELECT')"
            assert run_sql(world.url, question) == [(may,)]
        key_store.grant(world.of("owner"), roles["turned"], "auditor")
        run_sql(world.url, f"DROP OWNED BY {roles['turned']}")
