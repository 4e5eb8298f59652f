"""A keyring of its own for each test, under a root key that the tests know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from governance.keys import Keyring, OpsKey, RootKey

if TYPE_CHECKING:
    from pathlib import Path

ROOT_BYTES = bytes(range(100, 132))
OPS_BYTES = bytes(range(1, 33))
WALL = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture
def root() -> RootKey:
    """The root key of the tests."""
    return RootKey(ROOT_BYTES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the keyring's file will be."""
    return tmp_path / "keyring.sqlite"


@pytest.fixture
def url(path: Path) -> str:
    """Where the keyring will be, as a URL."""
    return f"sqlite:///{path}"


@pytest.fixture
def ops() -> OpsKey:
    """The private ops key, as operations would hold it."""
    return OpsKey(OPS_BYTES)


@pytest.fixture
def keyring(url: str, root: RootKey, ops: OpsKey) -> Keyring:
    """A fresh keyring with an ops key, whose clock stands still."""
    made = Keyring.create(url, root, clock=lambda: WALL)
    made.set_ops_public(ops.public())
    return made
