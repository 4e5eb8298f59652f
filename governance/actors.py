"""Who acts: names as people write them, and when two of them are one person's. Pure."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from governance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_UNWRITTEN = {"Cc", "Cs", "Zl", "Zp"}
"""Controls, halves of signs, ends of lines: in a name they would draw lines of their own in a record or a terminal."""


def require_name(name: str) -> str:
    """Return a name that can stand in the ledger.

    Raises:
        UsageError: it is blank, or holds control characters.
    """
    if not folded(name):
        raise UsageError("who acts has a name: give --by")
    if any(unicodedata.category(sign) in _UNWRITTEN for sign in name):
        raise UsageError("who acts has a name on one line, without control characters: give --by")
    return name


def folded(name: str) -> str:
    """Return a name so that one person does not count as two by a capital, a blank, or a sign that nobody sees."""
    seen = (sign for sign in unicodedata.normalize("NFKC", name) if unicodedata.category(sign) != "Cf")
    return " ".join("".join(seen).split()).casefold()


def approvers(names: Iterable[str], *, but: str | None = None) -> tuple[str, ...]:
    """Return who approved, in order: each person once, nobody for a blank name.

    Args:
        names: as the ledger has them.
        but: one whose approval does not count.
    """
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(folded(name), name)
    for nobody in ("", folded(but or "")):
        found.pop(nobody, None)
    return tuple(found.values())
