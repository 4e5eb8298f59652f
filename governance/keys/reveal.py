"""Turning reversible tokens back: only with a keyring, and never without a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.keys.ciphers import epoch_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from governance.keys.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Revealed:
    """What is recorded of a call: who asked for what and why, never a token nor a text."""

    purpose: str
    system: str
    recipient: str
    field: str
    epochs: tuple[str, ...]
    count: int
    actor: str
    reason: str


def reveal(
    keyring: Keyring,
    tokens: Sequence[str | None],
    *,
    purpose: str,
    system: str,
    recipient: str,
    field: str,
    actor: str,
    reason: str,
    record: Callable[[Revealed], None],
) -> list[str | None]:
    """Return the text behind each reversible token of a field.

    Args:
        keyring: the ring that holds the keys; it makes none for this.
        tokens: as `encrypt` made them. What is no token of this scope, or whose key is gone, becomes None.
        purpose: for which the tokens were made.
        system: of the events.
        recipient: whom the tokens were made for.
        field: the inventory's name of the field.
        actor: who asks.
        reason: why; a reference such as a ticket, without personal data.
        record: writes the record; it is called once a call, before the first token is opened.

    Guarantees:
        If `record` raises, nothing is opened.

    Raises:
        ValueError: actor or reason is empty.
    """
    if not actor.strip() or not reason.strip():
        raise ValueError("a reversal names who asks and why")
    epochs = tuple(sorted({epoch for token in tokens if token is not None and (epoch := epoch_of(token))}))
    record(Revealed(purpose, system, recipient, field, epochs, sum(one is not None for one in tokens), actor, reason))
    found: list[str | None] = [None] * len(tokens)
    for epoch in epochs:
        key = keyring.find_cipher_key(purpose, system, recipient, f"encrypt.{field}", epoch)
        if key is None:
            continue
        for place, text in enumerate(key._decrypt(tokens)):  # noqa: SLF001 - the one door
            if text is not None:
                found[place] = text
    return found
