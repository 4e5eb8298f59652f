"""Look at a dataset and say what is due in it: counts by month and status, and the units of work."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from governance.calendar import local_date
from retention import holds as legal
from retention.endings import NOTHING
from retention.judging import DONE, Judge, months_of, tally
from retention.plan import Cell, Share, Unit, estimate
from retention.rules import Status, Why

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from retention.datasets import Dataset
    from retention.endings import Endings
    from retention.holds import Hold
    from retention.judging import ColumnFunction
    from retention.stores.base import Part, Store
    from retention.window import Window

_MONTH = len("2014-03")


@dataclass
class _Found:
    rows: int = 0
    children: int = 0
    sum: int = 0


def judge_of(
    dataset: Dataset,
    store: Store,
    now: datetime,
    holds: Sequence[Hold],
    treatments: Mapping[str, ColumnFunction] | None = None,
    *,
    endings: Endings = NOTHING,
) -> Judge:
    """Return the judge of a dataset's rows."""
    mine = legal.of_dataset(holds, dataset)
    key = dataset.key or (store.shape(dataset.table).key if mine or dataset.children else ())
    return Judge(dataset, now, mine, key, treatments, endings)


def survey(
    dataset: Dataset,
    store: Store,
    now: datetime,
    holds: Sequence[Hold],
    treatments: Mapping[str, ColumnFunction] | None = None,
    *,
    endings: Endings = NOTHING,
    window: Window | None = None,
    secret: bytes = b"",
) -> Share:
    """Look at every row that can be due and return what a plan says of the dataset.

    Partitions of due months that have not come yet are counted by the table's log and never opened. With a window, only
    the units are right whose months it is of: a database is read no further.

    Warnings:
        Without `secret`, a key of which no reader of plans knows, a unit's fingerprint gives its rows away to whoever
        guesses them: such a share is never recorded.
    """
    judge = judge_of(dataset, store, now, holds, treatments, endings=endings)
    parts, columns = store.parts(dataset.table), judge.columns
    # Tables that are still written have rows of endings: a plan must not be void for every other row that arrives.
    by_rows = parts is None or bool(endings.listed)
    if by_rows:
        columns = list(dict.fromkeys([*columns, *(judge.key or store.shape(dataset.table).key)]))
    never = np.datetime64("9999-12-31", "D")
    cells: Counter[tuple[str, str]] = Counter()
    units: dict[str, _Found] = {}
    oldest, presumed = never, 0
    for part, rows in _batches(dataset, store, columns, now=now, parts=parts, cells=cells, window=window):
        verdicts = judge(rows)
        cells.update(tally(verdicts))
        due, closed = verdicts.is_status(Status.DUE), verdicts.why == Why.PRESUMED
        presumed += int(np.count_nonzero(closed & (verdicts.status != DONE)))
        if not due.any():
            continue
        # What is presumed was not due before somebody presumed it: it is not overdue.
        oldest = min(oldest, verdicts.due[due & ~closed].min(initial=never))
        for name, mask in [(part, due)] if part is not None else _by_month(verdicts.due, due):
            found = units.setdefault(name, _Found())
            chosen = rows.filter(pa.array(mask))
            found.rows += chosen.num_rows
            found.children += store.below(dataset, chosen) if dataset.children else 0
            found.sum = fingerprint(chosen, secret, found.sum) if by_rows else 0
    total = sum(cells.values())
    gone = sum(found.rows for found in units.values())
    return Share(
        dataset=dataset.id,
        store=dataset.store,
        table=dataset.table,
        role=dataset.role,
        retention=dataset.retention,
        action=dataset.action,
        rows=total,
        cells=tuple(Cell(month=m, status=s, rows=n) for (m, s), n in sorted(cells.items())),
        units=tuple(
            Unit(
                dataset=dataset.id,
                part=name,
                rows=found.rows,
                children=found.children,
                state=f"{found.sum:032x}" if parts is None or by_rows else parts[name].state,
            )
            for name, found in sorted(units.items())
        ),
        seconds=estimate(dataset, total, gone),
        oldest_due=str(oldest) if oldest != never else None,
        presumed=presumed,
    )


def fingerprint(rows: pa.Table, secret: bytes, start: int = 0) -> int:
    """Add the hashes of rows, keyed by `secret`, to `start`, whatever their order; two sets of rows differ in it."""
    total = start
    for values in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        digest = hashlib.blake2b(repr(values).encode(), digest_size=16, key=secret).digest()
        total += int.from_bytes(digest, "big")
    return total % (1 << 128)


def later_months(dataset: Dataset, parts: Mapping[str, Part], now: datetime) -> dict[str, Part]:
    """Return the partitions that cannot hold a due row: of due months to come, and of no known month."""
    if dataset.month is None:
        return {}
    month = local_date(now).isoformat()[:_MONTH]
    return {name: part for name, part in parts.items() if not name[:1].isdigit() or name > month}


def _batches(
    dataset: Dataset,
    store: Store,
    columns: Sequence[str],
    *,
    now: datetime,
    parts: Mapping[str, Part] | None,
    cells: Counter[tuple[str, str]],
    window: Window | None,
) -> Iterator[tuple[str | None, pa.Table]]:
    if parts is None:
        for rows in store.scan(dataset, columns, None, window):
            yield None, rows
        return
    later = later_months(dataset, parts, now)
    for name, part in later.items():
        cells["unknown" if not name[:1].isdigit() else name, "keep" if name[:1].isdigit() else "RET_NO_CLOCK"] += (
            part.rows
        )
    for name in parts:
        if name not in later:
            for rows in store.scan(dataset, columns, name):
                yield name, rows


def _by_month(due: np.ndarray, mask: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    months = months_of(due)
    for month in np.unique(months[mask]):
        yield str(month), mask & (months == month)
