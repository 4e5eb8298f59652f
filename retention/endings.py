"""Endings: whose rows are due though their day has not come (R-CANC-01, R-RET-09, R-STOP-01). Pure.

    account    cancelled: every copy, and records of classes that end with an account
    orders     cleared: copies of transactions
    searches   cleared: rows that hold a search
    service    stopped: as account, for everybody whom the system knew, and all classes

The counterpart of holds: a hold keeps what is due, an ending makes due what would be kept. A record with a floor is
never touched, and holds win. What is of a day after the ending's stays, and so does what is of today, until tomorrow:
a table that is being written has no plan that lasts. What is of the ending's own day goes: a promise to delete is
kept whole.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.calendar import local_date
from retention.holds import plain_text
from retention.rules import FLOOR_MONTHS, NO_DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from retention.datasets import Dataset

Scope = Literal["account", "orders", "searches", "service"]
SCOPES: tuple[Scope, ...] = ("account", "orders", "searches", "service")
WITH_ACCOUNT = frozenset({"PROFILE", "CONTENT", "PERM", "COMM"})
"""Classes whose records end with an account; copies of every class do."""


@dataclass(frozen=True, slots=True)
class Ending:
    """One ending.

    Attributes:
        id: number of the listing that it came with.
        scope: what ended.
        dataset: id of a dataset of the lake; "*" for all others.
        until: aware instant; what is of a later day stays.
        values: how the listed are named: tokens and probes, or for a service the system. Never printed or logged.
    """

    id: str
    scope: Scope
    dataset: str
    until: datetime
    values: frozenset[str]

    def __repr__(self) -> str:
        return f"Ending({self.id}, {self.scope}, {self.dataset}, {len(self.values)} values)"

    def touches(self, dataset: Dataset) -> bool:
        """Say whether rows of a dataset can be due by this ending at all."""
        record = dataset.role == "record"
        if self.dataset not in {"*", dataset.id} or (record and dataset.retention in FLOOR_MONTHS):
            return False
        if self.scope == "service":
            return dataset.systems is not None or dataset.system in self.values
        if dataset.subject is None:
            return False
        if self.scope == "account":
            return not record or dataset.retention in WITH_ACCOUNT
        if self.scope == "orders":
            return not record and dataset.retention == "TXN"
        return bool(dataset.searches)


@dataclass(frozen=True)
class Endings:
    """The endings that touch one dataset.

    Attributes:
        listed: those that do.
        name: gives the name under which an account of a system stands in the list; None where the column of subjects
            holds it already.
    """

    listed: tuple[Ending, ...] = ()
    name: Callable[[str, str], str] | None = None

    def columns(self, dataset: Dataset) -> list[str]:
        """Return the columns that must be read to know whom an ending lists."""
        if not self.listed:
            return []
        scopes = {ending.scope for ending in self.listed}
        names = [dataset.event, dataset.systems if "service" in scopes or self.name else None]
        names += [dataset.subject] if scopes - {"service"} else []
        names += dataset.searches if "searches" in scopes else ()
        return [name for name in names if name is not None]

    def without(self, ids: Iterable[str]) -> Endings:
        """Return those that are not of the listings `ids`."""
        gone = frozenset(ids)
        return Endings(tuple(ending for ending in self.listed if ending.id not in gone), self.name)

    def due(
        self, dataset: Dataset, rows: pa.Table, on: np.ndarray, today: np.datetime64
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the due date that an ending gives each row, NaT where none does; and the listed rows of no known day.

        Args:
            dataset: whose rows.
            rows: with the columns that `columns` names.
            on: +08:00 date of what each row tells, datetime64[D]; NaT if unknown.
            today: rows of this date and later are left for another day.
        """
        due, undated = np.full(rows.num_rows, NO_DAY), np.zeros(rows.num_rows, bool)
        for ending in self.listed:
            mask = self._listed(ending, dataset, rows)
            day = np.datetime64(local_date(ending.until), "D")
            undated |= mask & np.isnat(on)
            due = np.where(mask & (on <= day) & (on < today), np.fmin(due, day), due)
        return due, undated

    def _listed(self, ending: Ending, dataset: Dataset, rows: pa.Table) -> np.ndarray:
        if ending.scope == "service":
            if dataset.systems is None:
                return np.ones(rows.num_rows, bool)
            return _among(rows[dataset.systems], ending.values, None)
        assert dataset.subject is not None
        mask = self._people(ending, dataset, rows)
        if ending.scope == "searches":
            filled = [pc.is_valid(rows[name]).to_numpy() for name in dataset.searches]
            mask &= np.logical_or.reduce(filled)
        return mask

    def _people(self, ending: Ending, dataset: Dataset, rows: pa.Table) -> np.ndarray:
        """Mask the rows of listed people; an account is one of its row's system, and of none known nobody's."""
        assert dataset.subject is not None
        if self.name is None:
            return _among(rows[dataset.subject], ending.values, None)
        if dataset.systems is None:
            return _among(rows[dataset.subject], ending.values, partial(self.name, dataset.system))
        mask = np.zeros(rows.num_rows, bool)
        systems = rows[dataset.systems]
        for system in pc.unique(systems).drop_null():
            of_it = pc.fill_null(pc.equal(systems, system), False).to_numpy()  # noqa: FBT003 - its signature
            name = partial(self.name, str(system))
            mask[of_it] = _among(rows.filter(pa.array(of_it))[dataset.subject], ending.values, name)
        return mask


NOTHING = Endings()


def in_dataset(endings: Iterable[Ending], dataset: Dataset, name: Callable[[str, str], str] | None = None) -> Endings:
    """Return the endings that touch a dataset; those of people in any database count where `name` can name them."""
    mine = [ending for ending in endings if ending.touches(dataset)]
    return Endings(tuple(ending for ending in mine if not needs_name(ending) or name is not None), name)


def needs_name(ending: Ending) -> bool:
    """Say whether an ending lists people as databases do not: whoever looks for them must name subjects alike."""
    return ending.dataset == "*" and ending.scope != "service"


def digest(endings: Iterable[Ending]) -> str:
    """Return a digest of a list of endings, their keyed values included; it tells nothing of whom they list."""
    lines = sorted(f"{e.id}\0{e.scope}\0{e.dataset}\0{e.until.isoformat()}\0{sorted(e.values)}" for e in endings)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _among(column: pa.ChunkedArray, values: frozenset[str], name: Callable[[str], str] | None) -> np.ndarray:
    """Mask values whose name is listed; each distinct one is named once."""
    if pa.types.is_fixed_size_binary(column.type):
        column = pc.cast(column, pa.binary())
    encoded = pa.chunked_array(column.chunks, column.type).combine_chunks().dictionary_encode()
    texts = [plain_text(one) for one in encoded.dictionary.to_pylist()]
    hits = np.array([(name(text) if name else text) in values for text in texts] + [False], bool)
    places = pc.fill_null(encoded.indices, len(texts)).to_numpy(zero_copy_only=False)
    result: np.ndarray = hits[places]
    return result
