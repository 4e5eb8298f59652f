"""Keyed treatments over distinct inputs: a key is asked once an epoch, and each (value, subject, day) treated once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.keys.canonical import form_of
from governance.keys.epochs import half_year
from transforms.deid.columns import as_text, compact, encode, spread
from transforms.deid.purpose import PURPOSE, RECIPIENT
from transforms.deid.treatments.keyed import Beside

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from governance.keys import CipherKey, Keyring
    from transforms.deid.columns import Codes, Encoded
    from transforms.deid.plan import Audience
    from transforms.deid.treatments.keyed import KeyedStep


@dataclass(frozen=True, slots=True, repr=False)
class Surroundings:
    """What a row's keyed treatments may depend on besides the value.

    Attributes:
        dates: the distinct +08:00 dates of the batch.
        date_codes: of each row.
        subjects: canonical ids, of each row; None if no step asks for them.
    """

    dates: tuple[str, ...]
    date_codes: Codes
    subjects: Encoded | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Ciphers:
    """Runs the keyed treatments of one batch; dropped with it, and its keys with it."""

    keyring: Keyring
    wall: datetime
    _keys: dict[tuple[str, ...], CipherKey] = field(default_factory=dict)

    def treat(
        self, audience: Audience, system: str, step: KeyedStep, column: Encoded, around: Surroundings
    ) -> pa.Array:
        """Return a treated value a row, under the key of the row's epoch: the date, or its half-year if personal."""
        names, at = _periods(audience, step, around)
        subjects = around.subjects if step.by_subject else None
        people = 1 if subjects is None else len(subjects.values) + 1
        who = 0 if subjects is None else subjects.codes + 1
        combined = (column.codes * len(names) + at[around.date_codes]) * people + who
        size = len(column.values) * len(names) * people
        codes, used = compact(np.where(column.codes < 0, -1, combined), size)
        rest, whose = np.divmod(used, people)
        values, periods = np.divmod(rest, len(names))
        texts = as_text(column.values)
        made = np.empty(len(used), dtype=object)
        for epoch in dict.fromkeys(epoch for _, epoch in names):
            here = np.isin(periods, [number for number, name in enumerate(names) if name[1] == epoch])
            if here.any():
                beside = Beside(
                    () if subjects is None else spread(subjects.values, whose[here] - 1).to_pylist(),
                    [names[period][0] for period in periods[here]],
                )
                key = self._key(audience, system, step.kind, epoch)
                made[here] = step.treat(texts.take(pa.array(values[here])), key, beside).to_pylist()
        return spread(pa.array(made, pa.string()), codes)

    def _key(self, audience: Audience, system: str, kind: str, epoch: str) -> CipherKey:
        scope = (audience, system, kind, epoch)
        if scope not in self._keys:
            self._keys[scope] = (
                self.keyring.window_cipher_key(PURPOSE, system, RECIPIENT, kind, epoch, wall=self.wall)
                if audience == "anonymous"
                else self.keyring.cipher_key(PURPOSE, system, RECIPIENT, kind, epoch)
            )
        return self._keys[scope]


def subject_ids(sources: Iterable[tuple[str, Encoded | None]], rows: int) -> Encoded:
    """Return kind and canonical id of the first source that a row has one in.

    Args:
        sources: (kind of id, column), in order of precedence.
        rows: how many.
    """
    found = pa.nulls(rows, pa.string())
    for kind, column in sources:
        if column is not None and found.null_count:
            form = form_of(kind)
            plain = [form(text) if text is not None else "" for text in as_text(column.values).to_pylist()]
            named = pa.array([f"{kind}\0{one}" if one else None for one in plain], pa.string())
            found = pc.coalesce(found, spread(named, column.codes))
    return encode(found)


def _periods(audience: Audience, step: KeyedStep, around: Surroundings) -> tuple[tuple[tuple[str, str], ...], Codes]:
    """Return the distinct (period, epoch), and which one each date is in: a period is an epoch, or a day of one."""
    epochs = around.dates if audience == "anonymous" else tuple(half_year(date) for date in around.dates)
    each = tuple(zip(around.dates if step.by_day else epochs, epochs, strict=True))
    names = tuple(dict.fromkeys(each))
    return names, np.array([names.index(one) for one in each], np.int64)
