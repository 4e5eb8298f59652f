"""What a stored key is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from governance.keys.store import KEYS

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table

PERSONAL, WINDOW, CIPHER = "personal", "window", "cipher"
DEDUPE, PROBE, SEALING = "dedupe", "probe", "sealing"
DESTROYED = "destroyed"


class Scope(NamedTuple):
    """What a key is for; "" where a part does not apply."""

    use: str
    purpose: str
    system: str
    recipient: str
    epoch: str


def is_of(scope: Scope, table: Table = KEYS) -> ColumnElement[bool]:
    """Return the condition that a row is of `scope`."""
    condition = table.c.use == scope.use
    for name, value in zip(Scope._fields[1:], scope[1:], strict=True):
        condition = condition & (table.c[name] == value)
    return condition
