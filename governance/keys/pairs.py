"""Key pairs whose private half is sealed to the ops key: made in one breath, found in two tables, destroyed together.

The public half lies among the keys, where every process that writes reads it. The private half lies in a table of its
own, which a role that streams may fill and not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from governance.errors import KeyringError
from governance.keys import store
from governance.keys.scopes import is_of
from governance.keys.sealing import new_day_key
from governance.keys.store import KEYS, SEALED

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from governance.keys.scopes import Scope


def make(connection: Connection, scope: Scope, made: str) -> bytes:
    """Make and store the pair of `scope`; return its public half.

    Raises:
        KeyringError: there is no ops key to seal to.
    """
    ops = store.ops_public(connection)
    if ops is None:
        raise KeyringError("the keyring has no ops key to seal to: run `ebb keys init`")
    public, sealed = new_day_key(scope.purpose, scope.epoch, ops)
    connection.execute(insert(KEYS).values(**scope._asdict(), wrapped=b"", public=public, made=made))
    connection.execute(insert(SEALED).values(**scope._asdict(), sealed=sealed))
    return public


def find_public(connection: Connection, scope: Scope) -> bytes | None:
    """Return the public half of a pair."""
    found = connection.execute(select(KEYS.c.public).where(is_of(scope))).scalar_one_or_none()
    return None if found is None else bytes(found)


def find_sealed(connection: Connection, scope: Scope) -> bytes | None:
    """Return the private half of a pair, sealed as it is stored."""
    found = connection.execute(select(SEALED.c.sealed).where(is_of(scope, SEALED))).scalar_one_or_none()
    return None if found is None else bytes(found)


def destroy(connection: Connection, scope: Scope) -> bool:
    """Delete both halves, in the order in which `make` writes them; False if there was no such pair."""
    there = bool(connection.execute(delete(KEYS).where(is_of(scope))).rowcount)
    connection.execute(delete(SEALED).where(is_of(scope, SEALED)))
    return there
