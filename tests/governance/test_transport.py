"""A database on another machine is reached by TLS or not at all."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url

from governance.errors import RefusedError, UsageError
from governance.keys import Keyring, RootKey
from governance.keys import store as key_store
from governance.ledger import Ledger
from governance.ledger import store as ledger_store
from governance.transport import require_encryption
from retention.stores.sql import SqlStore


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
