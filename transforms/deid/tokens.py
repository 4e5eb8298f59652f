"""Tokens over distinct (value, epoch): a key is asked once an epoch, an identifier hashed once an epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from governance.keys.epochs import half_year
from transforms.deid.columns import as_text, compact, spread

if TYPE_CHECKING:
    from datetime import datetime

    from governance.keys import Keyring, TokenKey
    from transforms.deid.columns import Codes, Encoded
    from transforms.deid.plan import Audience

PURPOSE, RECIPIENT = "statistics", "analytics"


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
        count = len(epochs.names)
        pairs = np.where(column.codes < 0, -1, column.codes * count + epochs.codes)
        codes, used = compact(pairs, len(column.values) * count)
        values, at = np.divmod(used, count)
        texts = as_text(column.values)
        made = np.empty(len(used), dtype=object)
        for number, epoch in enumerate(epochs.names):
            here = at == number
            if here.any():
                key = self._key(audience, system, kind, epoch)
                made[here] = key.tokens(texts.take(pa.array(values[here])).to_pylist())
        return spread(pa.array(made, pa.string()), codes)

    def _key(self, audience: Audience, system: str, kind: str, epoch: str) -> TokenKey:
        scope = (audience, system, kind, epoch)
        if scope not in self._keys:
            self._keys[scope] = (
                self.keyring.window_key(PURPOSE, system, RECIPIENT, kind, epoch, self.wall)
                if audience == "anonymous"
                else self.keyring.token_key(PURPOSE, system, RECIPIENT, kind, epoch)
            )
        return self._keys[scope]
