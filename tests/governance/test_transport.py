"""A database on another machine is reached by TLS or not at all."""

from __future__ import annotations

import pytest

from governance.errors import RefusedError
from governance.keys import Keyring, RootKey
from governance.keys import store as key_store
from governance.ledger import Ledger
from governance.ledger import store as ledger_store


@pytest.mark.parametrize(
    "rest",
    [
        "db.example/ebb",
        "db.example/ebb?sslmode=prefer",
        "10.0.0.7/ebb?sslmode=disable",
        "/ebb?host=db.example",
        "localhost/ebb?host=/run/postgresql,db.example",
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
    ],
)
def test_encryption_and_this_machine_pass(rest: str) -> None:
    """TLS anywhere; the loopback and a socket without it."""
    for connect in (ledger_store.engine_of, key_store.connect):
        assert connect(f"postgresql+psycopg://ebb@{rest}").dialect.name == "postgresql"
