"""Fixtures of the engine's tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from governance.keys import Keyring, OpsKey, RootKey
from tests.transforms.deid.chain import Chain

if TYPE_CHECKING:
    from pathlib import Path

WALL = datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    """Return a fresh keyring with an ops key."""
    keyring = Keyring.create(f"sqlite:///{tmp_path / 'keys.db'}", RootKey(bytes(range(32))))
    keyring.set_ops_public(OpsKey(bytes(range(1, 33))).public())
    return keyring


@pytest.fixture
def chain(keyring: Keyring) -> Chain:
    """Return the steps of the service-log stream."""
    return Chain(keyring, WALL)
