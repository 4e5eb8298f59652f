"""A database on another machine is reached by TLS or not at all; why one is not reached is said."""

from __future__ import annotations

import socket

import pytest
from sqlalchemy import make_url

from governance.errors import KeyringError, LedgerError, RefusedError, StoreError, UsageError
from governance.keys import Keyring, RootKey
from governance.keys import store as key_store
from governance.ledger import Ledger
from governance.ledger import store as ledger_store
from governance.transport import require_encryption
from retention.stores.sql import SqlStore
from tests.emulator import free_port


@pytest.mark.parametrize(
    "rest",
    [
        "db.example/ebb",
        "db.example/ebb?sslmode=prefer",
        "10.0.0.7/ebb?sslmode=disable",
        "/ebb?host=db.example",
        "localhost/ebb?host=/run/postgresql,db.example",
        "localhost/ebb?hostaddr=10.0.0.7",
        "127.0.0.1/ebb?hostaddr=127.0.0.1,10.0.0.7",
        "/ebb?service=prod",
        "localhost/ebb?service=prod&sslmode=prefer",
    ],
)
def test_a_network_without_encryption_is_refused(rest: str) -> None:
    """Exit code 3, before anything is sent; the sentence says what to add."""
    for attempt in (Ledger.open, lambda url: Keyring.open(url, RootKey(bytes(32)))):
        with pytest.raises(RefusedError, match="add sslmode=verify-full"):
            attempt(f"postgresql+psycopg://ebb@{rest}")


@pytest.mark.parametrize(
    "rest",
    [
        "db.example/ebb?sslmode=verify-full",
        "db.example/ebb?sslmode=require",
        "127.0.0.1/ebb",
        "[::1]/ebb",
        "localhost:5433/ebb",
        "/ebb",
        "/ebb?host=/run/postgresql",
        "localhost/ebb?hostaddr=127.0.0.1",
        "/ebb?service=prod&sslmode=verify-full",
    ],
)
def test_encryption_and_this_machine_pass(rest: str) -> None:
    """TLS anywhere; the loopback and a socket without it."""
    for connect in (ledger_store.engine_of, key_store.connect):
        assert connect(f"postgresql+psycopg://ebb@{rest}").dialect.name == "postgresql"


@pytest.mark.parametrize(
    ("rest", "environment", "refused"),
    [
        ("/ebb", {"PGHOST": "db.example"}, True),
        ("/ebb", {"PGHOST": "/run/postgresql"}, False),
        ("localhost/ebb", {"PGHOST": "db.example"}, False),
        ("localhost/ebb", {"PGHOSTADDR": "10.0.0.7"}, True),
        ("localhost/ebb?hostaddr=127.0.0.1", {"PGHOSTADDR": "10.0.0.7"}, False),
        ("localhost/ebb", {"PGSERVICE": "prod"}, True),
        ("/ebb?sslmode=require", {"PGHOST": "db.example", "PGSERVICE": "prod"}, False),
    ],
)
def test_what_the_environment_says_counts(
    monkeypatch: pytest.MonkeyPatch, rest: str, environment: dict[str, str], refused: bool
) -> None:
    """PostgreSQL's library takes from there what the URL leaves out, an address even beside a host."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    url = f"postgresql+psycopg://ebb@{rest}"
    if refused:
        with pytest.raises(RefusedError, match="add sslmode=verify-full"):
            ledger_store.engine_of(url)
    else:
        ledger_store.engine_of(url)


def test_another_database_does_not_read_postgresqls_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store on this machine that is none of PostgreSQL's is not refused for them."""
    monkeypatch.setenv("PGHOST", "db.example")
    require_encryption(make_url("mysql://ebb@localhost/ebb"), "store")


@pytest.mark.parametrize("name", ["password", "sslpassword", "PASSWORD"])
def test_a_password_among_the_parameters_is_refused(name: str) -> None:
    """Messages leave out the password before the host only; the sentence does not tell it."""
    url = f"postgresql+psycopg://ebb@localhost/ebb?{name}=s3cret"
    for attempt in (ledger_store.engine_of, key_store.connect, key_store.place, SqlStore):
        with pytest.raises(UsageError, match="PGPASSFILE") as caught:
            attempt(url)
        assert "s3cret" not in str(caught.value)


def unreached(url: str) -> set[str]:
    """Return what ledger, keyring and a store say of a server that gives no connection, without their names."""
    said = set()
    for attempt, what in (
        (lambda: Ledger.open(url), "the ledger "),
        (lambda: Keyring.open(url, RootKey(bytes(32))), "the keyring "),
        (lambda: SqlStore(url).tables(), "the database "),
    ):
        with pytest.raises((LedgerError, KeyringError, StoreError)) as caught:
            attempt()
        told = str(caught.value)
        assert told.startswith(what)
        assert "\n" not in told
        assert not any(secret in told for secret in ("hunter2", "lin@", "lin:"))
        said.add(told.removeprefix(what).partition(";")[0])
    return said


def test_why_a_server_is_not_reached(postgresql: str) -> None:
    """Where it should be and the reason, by a real server: wrong port, database, user, TLS; not a word of the login."""
    port = make_url(postgresql).port
    cases = [
        (f"127.0.0.1:{free_port()}/keys", "nothing listens there"),
        (f"127.0.0.1:{port}/keys", "it does not let this user in"),
        (f"127.0.0.1:{port}/keys?sslmode=require", "it does not speak TLS as the URL wants it"),
        ("nowhere.invalid:5432/keys?sslmode=require", "the host is not known"),
    ]
    for place, reason in cases:
        host, _, rest = place.partition(":")
        (said,) = unreached(f"postgresql+psycopg://lin:hunter2@{place}")
        assert said == f"at {host}, port {rest.partition('/')[0]}, database keys, gives no connection: {reason}"
    (said,) = unreached(f"postgresql+psycopg://ebb:hunter2@127.0.0.1:{port}/keys")
    assert said == f"at 127.0.0.1, port {port}, database keys, gives no connection: there is no such database"


def test_a_server_that_does_not_answer_is_said() -> None:
    """Something listens and says nothing: the time that the URL allows goes by."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        (said,) = unreached(f"postgresql+psycopg://lin:hunter2@127.0.0.1:{port}/keys?connect_timeout=2")
    assert said == f"at 127.0.0.1, port {port}, database keys, gives no connection: it does not answer"
