"""What is due in a dataset and what is there, counted a second time from the clock columns themselves."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from retention.endings import NOTHING
from retention.witness import database
from retention.witness.days import NEVER, day_of, due_day, known, silent_from
from retention.witness.ended import columns_of, ended_on
from retention.witness.lake import DiskTable
from retention.witness.listed import is_among, is_key_among

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from retention.datasets import Dataset
    from retention.endings import Endings
    from retention.holds import Hold
    from retention.witness.lake import DiskFile

_FLOORS = frozenset({"TXN", "LOG", "GOV"})
_TOKEN = re.compile(r"^v1s?\.[0-9A-Za-z-]+\.[a-z2-7A-Z]{20,}$")
_EAST_EIGHT = timedelta(hours=8)
_EMPTY = "unknown"


@dataclass
class Opinion:
    """What the second reading found.

    Attributes:
        due: rows to go by due month, under no hold.
        other: all other rows by due month.
        total: rows of the table as readers see it.
        stale_files: data files on disk that the table no longer names; stale_due: due rows in them.
        young_files: such files of the last day, which a writer may be about to name.
        orphans: rows of children whose parent is gone.
        children: rows of children's tables.
        leaks: log lines that tell values of columns that they must not tell.
        tokens: due rows that were to be anonymous and still hold a token.
    """

    due: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)
    total: int = 0
    stale_files: int = 0
    stale_due: int = 0
    young_files: int = 0
    orphans: int = 0
    children: int = 0
    leaks: int = 0
    tokens: int = 0

    def past(self, month: str) -> int:
        """Rows, to go or not, whose due month is `month` or earlier."""
        return sum(
            rows
            for counts in (self.due, self.other)
            for name, rows in counts.items()
            if name != _EMPTY and name <= month
        )


def form_opinion(
    dataset: Dataset,
    kind: str,
    url: str,
    now: datetime,
    holds: Iterable[Hold],
    *,
    wall: datetime,
    endings: Endings = NOTHING,
    withdrawn: frozenset[str] = frozenset(),
    statistics: frozenset[str] = frozenset(),
    footers: bool = True,
) -> Opinion:
    """Read a dataset and count.

    Args:
        dataset: whose rows.
        kind: `delta` or `sql`.
        url: of the store.
        now: instant to judge by.
        holds: in force.
        wall: the wall clock, for the age of files.
        endings: those that touch the dataset.
        withdrawn: numbers of those that were taken back meanwhile: what they alone make due is not to go.
        statistics: columns whose minimum and maximum the log may tell.
        footers: count the rows of due months to come in the files themselves; else the log's word is taken where the
            file is there and has the size that the log tells, and what is not due is not opened.
    """
    mine = [hold for hold in holds if hold.dataset in {"*", dataset.id}]
    if kind == "delta":
        asked = _Asked(dataset, now, mine, endings, withdrawn, list(dataset.key) or ["event_key"])
        uri = f"{url.rstrip('/')}/{dataset.table}"
        return _of_lake(asked, uri, wall=wall, statistics=statistics, footers=footers)
    key = list(dataset.key) or database.primary_key(url, dataset.table)
    return _of_database(_Asked(dataset, now, mine, endings, withdrawn, key), url)


@dataclass(frozen=True)
class _Asked:
    """What rows are judged by."""

    dataset: Dataset
    now: datetime
    holds: Sequence[Hold]
    endings: Endings
    withdrawn: frozenset[str]
    key: Sequence[str]

    @cached_property
    def today(self) -> date:
        """The +08:00 date to judge by."""
        return (self.now.astimezone(UTC).replace(tzinfo=None) + _EAST_EIGHT).date()

    @cached_property
    def clocks(self) -> frozenset[str]:
        """Columns that only tell a clock, so that the day in the dataset's zone says all of them that counts."""
        dataset, clock = self.dataset, self.dataset.clock
        other = {dataset.event, dataset.subject, clock.due, *self.key}
        if dataset.open is not None:
            other.add(dataset.open.column)
        if dataset.anonymize is not None:
            other.update(dataset.anonymize.treatments, dataset.anonymize.keep)
        named = [*clock.columns, *clock.optional, *(name for name in (clock.ended, clock.last_changed) if name)]
        return frozenset(name for name in named if name not in other)

    def day(self, value: object) -> date | None:
        """Return the +08:00 date of a clock's value."""
        dataset = self.dataset
        return day_of(value, dataset.zone, record=dataset.role == "record", unit=dataset.clock.unit)

    def dated(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return a row's values with days in place of the times in `clocks`."""
        return {name: self.day(value) if name in self.clocks else value for name, value in values.items()}


def _of_lake(asked: _Asked, uri: str, *, wall: datetime, statistics: frozenset[str], footers: bool) -> Opinion:
    found, dataset = Opinion(), asked.dataset
    disk = DiskTable(uri, wall.timestamp())
    columns = _columns(asked)
    this_month = asked.today.isoformat()[:7]
    for file in disk.files():
        if file.age is not None:
            found.stale_files += 1
            found.young_files += file.age < timedelta(days=1).total_seconds()
        if dataset.month is not None and not (file.part[:1].isdigit() and file.part <= this_month):
            month = file.part if file.part[:1].isdigit() else _EMPTY
            if file.live:
                rows = disk.rows(file) if footers or file.told is None else file.told
                found.other[month] += rows
                found.total += rows
            continue
        # The column that a table is parted by stands in the path alone.
        parted = {file.path.partition("=")[0]: file.part}
        for values, number in _distinct(disk, file, columns):
            _count(found, asked, asked.dated({**parted, **values}), number, live=file.live)
    found.leaks = disk.statistics_leaks(statistics)
    return found


def _of_database(asked: _Asked, url: str) -> Opinion:
    found, dataset, key = Opinion(), asked.dataset, asked.key
    columns = _columns(asked)
    # Nearly all times differ, few days do, and a row is judged slowly.
    reads = [asked.day if name in asked.clocks else _as_it_is for name in columns]
    rows = database.stream_rows(url, dataset.table, columns)
    days = Counter(tuple(read(value) for read, value in zip(reads, row, strict=True)) for row in rows)
    for values, number in days.items():
        _count(found, asked, dict(zip(columns, values, strict=True)), number, live=True)
    parents = [(child, dataset.table, child.references or key[0]) for child in dataset.children]
    while parents:
        child, parent, references = parents.pop()
        found.children += database.count_rows(url, child.table)
        found.orphans += database.count_orphans(url, child.table, child.column, parent, references)
        for below in child.children:
            own = below.references or database.primary_key(url, child.table)[0]
            parents.append((below, child.table, own))
    return found


def _as_it_is(value: object) -> object:
    return value


def _columns(asked: _Asked) -> list[str]:
    dataset, holds = asked.dataset, asked.holds
    clock = dataset.clock
    names = [*clock.columns, *clock.optional]
    names += [name for name in (clock.ended, clock.due, clock.last_changed) if name]
    if dataset.open is not None:
        names.append(dataset.open.column)
    if dataset.subject is not None and any(hold.scope == "subject" for hold in holds):
        names.append(dataset.subject)
    if any(hold.scope == "record" for hold in holds):
        names += asked.key
    names += columns_of(dataset, asked.endings)
    if dataset.anonymize is not None:
        names += [*dataset.anonymize.treatments, *dataset.anonymize.keep]
    return list(dict.fromkeys(names))


def _distinct(disk: DiskTable, file: DiskFile, columns: Sequence[str]) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield distinct combinations of values with their number: far fewer than rows."""
    for rows in disk.read(file, columns):
        if not rows.column_names:
            yield {}, rows.num_rows
            continue
        plain = rows.cast(pa.schema([(f.name, _groupable(f.type)) for f in rows.schema]))
        grouped = plain.group_by(rows.column_names, use_threads=False).aggregate([([], "count_all")])
        for values in grouped.to_pylist():
            number = values.pop("count_all")
            yield values, number


def _groupable(kind: pa.DataType) -> pa.DataType:
    return pa.binary() if pa.types.is_fixed_size_binary(kind) else kind


def _count(found: Opinion, asked: _Asked, values: dict[str, Any], number: int, *, live: bool) -> None:
    dataset = asked.dataset
    due = _due(asked, values, asked.endings)
    standing = asked.endings.without(asked.withdrawn)
    still = _due(asked, values, standing) if asked.withdrawn else due
    ready = (
        still is not None
        and still <= asked.today
        and not _is_open(dataset, values)
        and not _is_held(dataset, values, asked.holds, asked.key)
    )
    if ready and dataset.anonymize is not None and _is_anonymous(dataset, values):
        ready = False
        kept = [value for name, value in values.items() if name in dataset.anonymize.keep]
        found.tokens += number * any(isinstance(value, str) and _TOKEN.match(value) is not None for value in kept)
    if not live:
        found.stale_due += number * ready
        return
    month = due.isoformat()[:7] if due is not None else _EMPTY
    (found.due if ready else found.other)[month] += number
    found.total += number


def _due(asked: _Asked, values: dict[str, Any], endings: Endings) -> date | None:
    dataset = asked.dataset
    record = dataset.role == "record"

    def day(name: str) -> date | None:
        return values.get(name) if name in asked.clocks else asked.day(values.get(name))

    days = [day(name) for name in dataset.clock.columns]
    every = [d for d in (*days, *(day(name) for name in dataset.clock.optional)) if d is not None]
    start = None
    if None not in days and NEVER not in every:
        start = (min(every) if dataset.pick == "earliest" else max(every)) if every else None
    if start is None and dataset.clock.last_changed is not None and not _is_open(dataset, values):
        changed = day(dataset.clock.last_changed)
        seen = [d for d in (changed, *every) if d is not None]
        if changed is not None and NEVER not in seen and silent_from(max(seen)) <= asked.today:
            start = max(seen)  # presumed closed
    counted = due_day(dataset.retention, start) if start is not None else None
    due = counted
    if dataset.clock.due is not None:
        due = known(day_of(values.get(dataset.clock.due), "+08:00", record=False))
        if due is not None and counted is not None and record and dataset.retention in _FLOORS:
            due = max(due, counted)
    if dataset.clock.ended is not None and dataset.retention in {"PROFILE", "CONTENT"}:
        ended = known(day(dataset.clock.ended))
        due = min((d for d in (due, ended) if d is not None), default=None)
    by_ending = ended_on(dataset, values, endings, start, asked.today)
    due = min((d for d in (due, by_ending) if d is not None), default=None)
    if due is not None and dataset.extension is not None:
        due = max(due, dataset.extension.until)
    return due


def _is_open(dataset: Dataset, values: dict[str, Any]) -> bool:
    if dataset.open is None:
        return False
    return is_among(values.get(dataset.open.column), dataset.open.texts)


def _is_held(dataset: Dataset, values: dict[str, Any], holds: Sequence[Hold], key: Sequence[str]) -> bool:
    for hold in holds:
        if hold.scope == "dataset":
            return True
        if hold.scope == "subject":
            if dataset.subject is None:
                if dataset.role == "record" and dataset.personal:
                    return True
            elif is_among(values.get(dataset.subject), hold.values):
                return True
        elif is_key_among([values.get(name) for name in key], hold.values):
            return True
    return False


def _is_anonymous(dataset: Dataset, values: dict[str, Any]) -> bool:
    assert dataset.anonymize is not None
    for name, treatment in dataset.anonymize.treatments.items():
        lists = {"keep": ("values", "other"), "categorize": ("bands", getattr(treatment, "other", ""))}
        listed, rest = lists.get(treatment.do, ("", ""))
        value = values.get(name)
        if value is not None and not (listed and (value == rest or value in getattr(treatment, listed))):
            return False
    return True
