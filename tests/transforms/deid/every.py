"""The golden case of every treatment: its site, its events, and a keyring whose keys follow from what they are for."""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from governance.keys import Keyring, OpsKey, RootKey
from governance.policy import load_catalogue
from tests.transforms.deid.conftest import WALL
from transforms.deid.gate import Authorization

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from governance.keys.scopes import Scope

CASE = Path(__file__).parents[2] / "golden" / "treatments"
CATALOGUE = load_catalogue(CASE / "packs")
EVERYBODY = Authorization("operator", frozenset({"every"}))


class FixedKeyring(Keyring):
    """A real keyring, but for chance."""

    __slots__ = ()

    def _store_new_key(self, connection: Connection, scope: Scope, wall: datetime) -> tuple[bytes, str | None]:
        key = hashlib.sha256("\0".join(scope).encode()).digest()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(secrets, "token_bytes", lambda _: key)
            return super()._store_new_key(connection, scope, wall)


def fixed_keyring(folder: Path) -> FixedKeyring:
    """Return a fresh keyring in `folder` that makes the same keys in every run."""
    made = FixedKeyring.create(f"sqlite:///{folder / 'keys.db'}", RootKey(bytes(32)), clock=lambda: WALL)
    made.set_ops_public(OpsKey(bytes(range(1, 33))).public())
    return made


def read(name: str) -> list[dict[str, Any]]:
    """Return the lines of a file of the case."""
    return [json.loads(line) for line in (CASE / f"{name}.ndjson").read_text(encoding="utf-8").split("\n") if line]
