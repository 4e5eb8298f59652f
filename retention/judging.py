"""From a table's columns to verdicts: which columns a dataset's rules look at, and what they say of its rows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.calendar import local_date
from governance.errors import RefusedError
from retention import clocks, holds
from retention.endings import NOTHING
from retention.rules import NO_DAY, Status, Term, Verdicts, Why, judge, may_presume_closed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from retention.datasets import Dataset, OpenStates
    from retention.endings import Endings
    from retention.holds import Hold

    ColumnFunction = Callable[[pa.Array], pa.Array]

DONE = 3
"""Beside `Status`: a due row whose columns are anonymized already."""


@dataclass(frozen=True)
class Judge:
    """Judges rows of one dataset.

    Attributes:
        dataset: whose rows; with `clock.last_changed` they are presumed closed where they may be.
        now: instant to judge by.
        holds: those that may touch the dataset.
        key: columns that tell rows apart.
        treatments: column functions of an anonymizing dataset, by column.
        endings: those that touch the dataset.
    """

    dataset: Dataset
    now: datetime
    holds: Sequence[Hold] = ()
    key: tuple[str, ...] = ()
    treatments: Mapping[str, ColumnFunction] | None = None
    endings: Endings = NOTHING

    @property
    def columns(self) -> list[str]:
        """The columns that must be read."""
        dataset = self.dataset
        names = [*dataset.clock.named, *([dataset.open.column] if dataset.open else [])]
        names += holds.columns_for(self.holds, dataset, self.key)
        names += self.endings.columns(dataset)
        names += list(self.treatments or ())
        return list(dict.fromkeys(names))

    def __call__(self, rows: pa.Table) -> Verdicts:
        """Judge `rows`; a due row that is anonymized already has the status `DONE`."""
        dataset, clock = self.dataset, self.dataset.clock

        strange = np.zeros(rows.num_rows, bool)

        def dates(name: str, *, stated: bool = False) -> np.ndarray:
            column = _named(rows, name)
            try:
                if stated:
                    return dates_as_written(column)
                found, odd = clocks.read(column, dataset.zone, dataset.role, clock.unit)
            except RefusedError as problem:
                raise RefusedError(f"{dataset.id}, {name}: {problem}") from None
            if name in (*clock.columns, *clock.optional):
                np.logical_or(strange, odd, out=strange)
            return found

        known, optional = [dates(n) for n in clock.columns], [dates(n) for n in clock.optional]
        nothing = np.full(rows.num_rows, NO_DAY)
        start = clocks.combine(known, optional, dataset.pick) if known or optional else nothing
        start = np.where(strange, NO_DAY, start)
        unfinished, presumed = self._unfinished(rows), None
        if clock.last_changed is not None:
            changed = dates(clock.last_changed)
            # What is known of the clock happened too; without a last change nobody knows what came after it.
            last = np.where(np.isnat(changed), NO_DAY, np.fmax.reduce([changed, *known, *optional]))
            presumed = may_presume_closed(start, last, self.now, unfinished) & ~strange
            start = np.where(presumed, last, start)
        listed = undated = None
        if self.endings.listed:
            on = dates_as_written(_named(rows, dataset.event)) if dataset.event else start
            today = np.datetime64(local_date(self.now), "D")
            listed, undated = self.endings.due(dataset, rows, on, today)
        verdicts = judge(
            Term(dataset.retention, dataset.role, dataset.extension.until if dataset.extension else None),
            start,
            self.now,
            ended=dates(clock.ended) if clock.ended else None,
            stated=dates(clock.due, stated=True) if clock.due else None,
            unfinished=unfinished,
            held=holds.held(self.holds, dataset, rows, self.key),
            listed=listed,
            undated=undated,
            presumed=presumed,
        )
        if self.treatments:
            done = verdicts.is_status(Status.DUE) & self._untouched(rows)
            verdicts.status[done] = DONE
        return verdicts

    def treat(self, rows: pa.Table) -> pa.Table:
        """Return rows with every treated column replaced; what a treatment left there before stays as it is."""
        for name, function in (self.treatments or {}).items():
            place = rows.column_names.index(name)
            field = rows.schema.field(name)
            before = rows[name].combine_chunks()
            treated = pc.if_else(self._left(name, before), before, function(before).cast(field.type))
            rows = rows.set_column(place, field, treated)
        return rows

    def _untouched(self, rows: pa.Table) -> np.ndarray:
        """Mask rows that are anonymous already: in every treated column is nothing but what its treatment leaves."""
        same = np.ones(rows.num_rows, bool)
        for name in self.treatments or ():
            same &= self._left(name, rows[name].combine_chunks()).to_numpy(zero_copy_only=False)
        return same

    def _left(self, name: str, column: pa.Array) -> pa.Array:
        assert self.dataset.anonymize is not None
        left = self.dataset.anonymize.left(name)
        empty = pc.is_null(column)
        return pc.or_(empty, pc.is_in(column, value_set=pa.array(left).cast(column.type))) if left else empty

    def _unfinished(self, rows: pa.Table) -> np.ndarray | None:
        states = self.dataset.open
        if states is None:
            return None
        column = _named(rows, states.column)
        if wrong := wrong_state(states, column.type):
            raise RefusedError(f"{self.dataset.id}: {wrong}")
        return holds.among(column, states.texts)


def wrong_state(states: OpenStates, kind: pa.DataType) -> str | None:
    """Say which open states cannot be values of a column of type `kind`; None if all can."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if any(isinstance(value, bool) for value in states.values) and not pa.types.is_boolean(kind):
        return (
            f"`open` lists what YAML reads as true or false (on, yes and no too), but {states.column} is of type "
            f"{kind}: put it in quotes"
        )
    if holds.of_type(states.texts, kind)[1]:
        return f"`open` lists a value that {states.column} cannot hold, which is of type {kind}: correct it"
    return None


def dates_as_written(column: pa.ChunkedArray) -> np.ndarray:
    """Return +08:00 dates that rows carry as they stand, in no other zone; NaT for what is none."""
    return clocks.dates_of(column, "+08:00", "copy")


def months_of(due: np.ndarray) -> np.ndarray:
    """Return "YYYY-MM" of due dates; "unknown" for NaT."""
    texts = due.astype("datetime64[M]").astype(str)
    return np.where(np.isnat(due), "unknown", texts)


def tally(verdicts: Verdicts) -> dict[tuple[str, str], int]:
    """Count rows by due month and word: due, keep, done, case, open, RET_NO_CLOCK."""
    words = np.array(["keep", "hold", "due", "done"])[verdicts.status]
    held = verdicts.is_status(Status.HOLD)
    reasons = np.array(["", "RET_NO_CLOCK", "open", "case", ""])[verdicts.why]
    words = np.where(held, reasons, words)
    months = months_of(verdicts.due)
    pairs, counts = np.unique(np.char.add(np.char.add(months.astype("U7"), "|"), words), return_counts=True)
    return {(m, w): int(n) for (m, _, w), n in zip((str(p).partition("|") for p in pairs), counts, strict=True)}


def _named(rows: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in rows.column_names:
        raise RefusedError(f"the column {name} is missing: `ebb datasets check` says which")
    return rows[name]


__all__ = ["DONE", "Judge", "Why", "dates_as_written", "months_of", "tally"]
