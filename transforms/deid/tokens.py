"""Tokens over distinct (value, epoch): a key is asked once an epoch, an identifier hashed once an epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from governance.keys.epochs import half_year
from transforms.deid.columns import as_text, compact, spread
from transforms.deid.purpose import PURPOSE, RECIPIENT
from transforms.deid.text import redact
from transforms.deid.text.canonical import canonical
from transforms.deid.treatments.free_text import free_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from governance.keys import Keyring, TokenKey
    from transforms.deid.columns import Codes, Encoded
    from transforms.deid.plan import Audience


@dataclass(frozen=True, slots=True)
class Epochs:
    """The epoch of each row: codes into the distinct epochs of a batch."""

    codes: Codes
    names: tuple[str, ...]


def epochs_of(audience: Audience, dates: tuple[str, ...], date_codes: Codes) -> Epochs:
    """Return the epochs of an audience: the +08:00 date, or its half-year on the personal path."""
    if audience == "anonymous":
        return Epochs(date_codes, dates)
    halves = [half_year(date) for date in dates]
    names = tuple(dict.fromkeys(halves))
    at = np.array([names.index(half) for half in halves], dtype=np.int64)
    return Epochs(at[date_codes], names)


@dataclass(frozen=True, slots=True, repr=False)
class Tokenizer:
    """Makes the tokens of one batch; dropped with it, and its keys with it."""

    keyring: Keyring
    wall: datetime
    _keys: dict[tuple[str, ...], TokenKey] = field(default_factory=dict)

    def tokens(self, audience: Audience, system: str, kind: str, column: Encoded, epochs: Epochs) -> pa.Array:
        """Return a token a row.

        Guarantees:
            The same identifier gives the same token within an epoch, and tokens of two epochs do not link.
        """

        def made(epoch: str, texts: pa.Array) -> list[str | None]:
            return self._key(audience, system, kind, epoch).tokens(texts.to_pylist())

        return _by_epoch(column, epochs, made)

    def texts(self, audience: Audience, system: str, column: Encoded, epochs: Epochs) -> tuple[pa.Array, ...]:
        """Return (words, length, language) of each row's text; `[token]` stands in place of personal data.

        Guarantees:
            An identifier gives the same token wherever it stands and however it is written, within an epoch. No token
            of a text is that of a field: texts have kinds of their own.
        """

        def made(epoch: str, texts: pa.Array) -> list[str | None]:
            def token(kind: str, written: str) -> str:
                key = self._key(audience, system, f"text.{kind.lower()}", epoch)
                return f"[{key.tokens([canonical(kind, written)])[0] or kind}]"

            kept: list[str | None] = redact(texts, "token", token).to_pylist()
            return kept

        _, lengths, languages = free_text(as_text(column.values))
        counted = (spread(one, column.codes) for one in (lengths, languages))
        return (_by_epoch(column, epochs, made), *counted)

    def _key(self, audience: Audience, system: str, kind: str, epoch: str) -> TokenKey:
        scope = (audience, system, kind, epoch)
        if scope not in self._keys:
            self._keys[scope] = (
                self.keyring.window_key(PURPOSE, system, RECIPIENT, kind, epoch, self.wall)
                if audience == "anonymous"
                else self.keyring.token_key(PURPOSE, system, RECIPIENT, kind, epoch)
            )
        return self._keys[scope]


def _by_epoch(column: Encoded, epochs: Epochs, make: Callable[[str, pa.Array], Sequence[str | None]]) -> pa.Array:
    """Return a text a row: `make` is asked once an epoch, for the distinct values that occur in it."""
    count = len(epochs.names)
    pairs = np.where(column.codes < 0, -1, column.codes * count + epochs.codes)
    codes, used = compact(pairs, len(column.values) * count)
    values, at = np.divmod(used, count)
    texts = as_text(column.values)
    made = np.empty(len(used), dtype=object)
    for number, epoch in enumerate(epochs.names):
        here = at == number
        if here.any():
            made[here] = make(epoch, texts.take(pa.array(values[here])))
    return spread(pa.array(made, pa.string()), codes)
