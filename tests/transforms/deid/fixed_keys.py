"""A keyring whose keys follow from what they are for, so that a golden case can hold what they make."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

import pytest

from governance.keys import Keyring

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from governance.keys.scopes import Scope


class FixedKeyring(Keyring):
    """A real keyring, but for chance."""

    __slots__ = ()

    def _store_new_key(self, connection: Connection, scope: Scope, wall: datetime) -> tuple[bytes, str | None]:
        key = hashlib.sha256("\0".join(scope).encode()).digest()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(secrets, "token_bytes", lambda _: key)
            return super()._store_new_key(connection, scope, wall)
