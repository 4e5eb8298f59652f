"""What is the keyring's own affair on PostgreSQL; rotation, due dates and processes are tried on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from governance.errors import KeyringError, RefusedError
from governance.keys import Keyring, OpsKey, RootKey, keyring_exists, store
from tests.governance.keys.conftest import WALL
from tests.postgresql import bytes_of, own_database, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator

SCOPE = ("statistics", "sepp", "")


@pytest.fixture
def url(postgresql: str) -> Iterator[str]:
    """Where the keyring will be."""
    with own_database(postgresql) as made:
        yield made


def test_tables_alone_are_no_keyring(url: str, root: RootKey) -> None:
    """An administrator makes the tables without a root key; whoever has it makes the keyring in them, once."""
    assert not keyring_exists(url)
    store.bring_up(store.connect(url))
    assert not keyring_exists(url)
    with pytest.raises(KeyringError, match=r"no keyring at postgresql.*run `ebb keys init`"):
        Keyring.open(url, root)
    first, second = Keyring.create(url, root), Keyring.create(url, root)
    assert keyring_exists(url)
    assert first._salt == second._salt


@pytest.mark.usefixtures("keyring")
def test_another_root_key_is_told_apart(url: str) -> None:
    """A wrong root key raises at once."""
    for attempt in (Keyring.open, Keyring.create):
        with pytest.raises(KeyringError, match="does not belong to the keyring"):
            attempt(url, RootKey(bytes(32)))


def test_windows_expire_and_leave_no_bytes(keyring: Keyring, url: str) -> None:
    """The expired key is in no file of the database, the next one does not link, other keys stay."""
    first = keyring.window_key(*SCOPE, "cookie", "2026-11-23", WALL).tokens(["c1"])
    personal = keyring.token_key(*SCOPE, "account", "2026H2")
    [(wrapped,)] = run_sql(url, "SELECT wrapped FROM ebb_keys WHERE use = 'window'")
    assert wrapped in bytes_of(url)
    assert keyring.destroy_expired(WALL + timedelta(days=1)) == 0
    assert keyring.destroy_expired(WALL + timedelta(days=2)) == 1
    assert wrapped not in bytes_of(url)
    assert keyring.window_key(*SCOPE, "cookie", "2026-11-23", WALL + timedelta(days=2)).tokens(["c1"]) != first
    assert keyring.token_key(*SCOPE, "account", "2026H2") is personal


def test_a_day_of_dead_letters_is_destroyed(keyring: Keyring, url: str, root: RootKey) -> None:
    """The day's pair is made once, told to every process, and gone when it is destroyed."""
    public = keyring.sealer("dead_letters", WALL)._public
    assert Keyring.open(url, root).sealer("dead_letters", WALL)._public == public
    assert keyring.sealing_days("dead_letters") == ["2026-11-23"]
    with pytest.raises(RefusedError, match="still kept"):
        keyring.destroy_day_key("dead_letters", "2026-11-23", blocking=lambda _: 1)
    assert keyring.destroy_day_key("dead_letters", "2026-11-23", blocking=lambda _: 0)
    assert run_sql(url, "SELECT count(*) FROM ebb_sealed_keys") == [(0,)]


def test_a_long_reader_is_not_waited_for(keyring: Keyring, url: str) -> None:
    """While a dump reads, a key is destroyed all the same; its bytes go with the next look after the dump."""
    keyring.due_date_public("2026-11-20")
    sealed = keyring.sealed_day_key("vault.content", "2026-11-20")
    with create_engine(url, poolclass=NullPool).begin() as dump:
        dump.execute(text("SELECT count(*) FROM ebb_sealed_keys"))
        assert keyring.destroy_due_date("2026-11-20", WALL, blocking=lambda _: 0)
        with pytest.raises(KeyringError, match="holds no"):
            keyring.sealed_day_key("vault.content", "2026-11-20")
    assert sealed in bytes_of(url)
    keyring.destroy_expired(WALL)
    assert sealed not in bytes_of(url)


def test_the_ops_key_is_set_once(keyring: Keyring, ops: OpsKey) -> None:
    """The same ops key may be set again; another is refused."""
    keyring.set_ops_public(ops.public())
    assert keyring.ops_public() == ops.public()
    with pytest.raises(KeyringError, match="another ops key"):
        keyring.set_ops_public(OpsKey(bytes(32)).public())


def test_no_server_is_said_plainly(root: RootKey) -> None:
    """Nobody listens: one sentence, without the password."""
    with pytest.raises(KeyringError, match="database keys, gives no connection: nothing listens there") as caught:
        Keyring.open("postgresql+psycopg://ebb:hunter2@127.0.0.1:1/keys", root)
    assert "hunter2" not in str(caught.value)
