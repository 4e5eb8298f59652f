"""What a stored key is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from governance.keys.store import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement, Table

    Note = Callable[[Sequence["Scope"]], None]
    """Writes down, where the keyring is not, which keys are about to be destroyed or made; if it fails, none is."""

PERSONAL, WINDOW, CIPHER = "personal", "window", "cipher"
DEDUPE, PROBE, SEALING = "dedupe", "probe", "sealing"
DESTROYED = "destroyed"
"""The use of a mark that stands for a destroyed pair of keys."""


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


def unnoted(scopes: Sequence[Scope]) -> None:
    """Write nothing down: for keyrings that no ledger goes with. A restored backup may bring such keys back."""
