"""Merge the small files of closed dates, and blank what may not stay as long as its row.

A stream leaves one file a bundle and date. When a date is closed, its files are merged and sorted by event key. 35
days later the keys (which find duplicates), the tokens of the date's windows and columns of class PERM are blanked,
and the rows are put into a random order, so that position tells nothing either. Planning is pure; the work goes
through the table's fence beside running streams, one commit a merged file, and what is done twice is done once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from governance.errors import LakeError
from retention.stores.contention import attempts, commit_beside

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from retention.stores.delta import DataFile, FencedTable

    Held = Callable[[pa.Table], np.ndarray | None]
    """Rows → mask of those that a hold keeps as they are; None where no hold touches the table."""

BLANK_DAYS = 35
"""Days after which keys, window tokens and columns of class PERM are blanked; ceiling of R-RET-05 for PERM: 90."""

CLOSED_DAYS = 2
"""Today and yesterday are open: bundles still arrive for them."""

FILE_BYTES = 64 << 20
FILE_ROWS = 500_000
"""A merged file holds no more than this, and one of half the size is left alone."""


@dataclass(frozen=True, slots=True)
class Blanking:
    """What is blanked in a table when its date is old enough.

    Attributes:
        key: the column of event keys; None to leave it.
        tokens: columns that may hold window tokens, of which those of the row's own date are blanked.
        permanent: columns blanked whole.
    """

    key: str | None = None
    tokens: tuple[str, ...] = ()
    permanent: tuple[str, ...] = ()

    @property
    def columns(self) -> frozenset[str]:
        """Every column that it may change."""
        return frozenset({*self.tokens, *self.permanent, *([self.key] if self.key else [])})


@dataclass(frozen=True, slots=True)
class Task:
    """Files of one date that become one file; `blank`: their rows are old enough to be blanked."""

    partition: str
    files: tuple[DataFile, ...]
    blank: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What a run did to a table: files before and after, rows that moved, rows of dates that were blanked."""

    files_before: int = 0
    files_after: int = 0
    rows: int = 0
    blanked: int = 0

    def __add__(self, other: Done) -> Done:
        """Add two results part by part."""
        return Done(
            self.files_before + other.files_before,
            self.files_after + other.files_after,
            self.rows + other.rows,
            self.blanked + other.blanked,
        )


def plan(
    files: Sequence[DataFile],
    sizes: Mapping[str, int],
    today: date,
    unblanked: Callable[[DataFile], bool],
) -> list[Task]:
    """Return the work that is due, oldest date first. Pure.

    Args:
        files: the table's data files; partitions that are no dates are left alone.
        sizes: their bytes by path.
        today: the +08:00 date.
        unblanked: says of a file whether it holds anything that is to be blanked when it is old enough.
    """
    closed = (today - timedelta(days=CLOSED_DAYS)).isoformat()
    old = (today - timedelta(days=BLANK_DAYS)).isoformat()
    by_date: dict[str, list[DataFile]] = {}
    for file in files:
        if _is_date(file.partition) and file.partition <= closed:
            by_date.setdefault(file.partition, []).append(file)
    tasks: list[Task] = []
    for partition in sorted(by_date):
        blank = partition < old
        due = {file.path for file in by_date[partition] if blank and unblanked(file)}
        groups = _groups(by_date[partition], sizes)
        tasks += [Task(partition, tuple(group), blank) for group in groups if len(group) > 1 or group[0].path in due]
    return tasks


def carry_out(
    table: FencedTable, task: Task, rules: Blanking, random: np.random.Generator, held: Held = lambda _rows: None
) -> Done:
    """Do one task beside running writers; does nothing if another process has changed its files meanwhile.

    Args:
        table: the table.
        task: from `plan`.
        rules: what to blank.
        random: decides the order of blanked rows; seed it from a secure source.
        held: rows that stay as they are.

    Raises:
        LakeError: the files do not hold the rows that the log says, or the place cannot be written.
    """
    try:
        rows = pa.concat_tables([table.rows_of(file) for file in task.files])
    except FileNotFoundError:
        return Done()
    if rows.num_rows != sum(file.rows for file in task.files):
        raise LakeError(f"{table.uri}: files of {task.partition} hold other rows than the log says; `ebb doctor`")
    after = blanked(rows, task.partition, rules, held(rows)) if task.blank else rows
    changed = not after.equals(rows)
    if len(task.files) == 1 and not changed:
        return Done()
    order = _order(after, rules.key, random, blank=task.blank)
    added = table.write_files(after.take(order).combine_chunks())
    metadata = {"ebb.action": "compact", "ebb.rows": str(rows.num_rows)}
    merged = {file.path for file in task.files}
    for _ in attempts():
        table.refresh()
        if not merged <= {file.path for file in table.files()} or not table.there(added):
            break
        if commit_beside(
            table,
            added,
            metadata,
            removed=task.files,
            spoiled=lambda changes: changes.took(merged),
            data_change=changed,
        ):
            return Done(len(task.files), len(added), rows.num_rows, rows.num_rows if changed else 0)
    table.discard_files(added)
    return Done()


def blanked(rows: pa.Table, partition: str, rules: Blanking, held: np.ndarray | None = None) -> pa.Table:
    """Return the rows of a date without event keys, without its windows' tokens, without columns of class PERM."""
    for name in rows.column_names:
        if name not in rules.columns:
            continue
        column = rows[name]
        going = _true(rows.num_rows)
        if name in rules.tokens and name not in rules.permanent:
            going = pc.fill_null(pc.starts_with(column, f"v1.{partition}."), False)  # noqa: FBT003 - Arrow's signature
        if held is not None:
            going = pc.and_(going, pa.array(~held))
        position = rows.column_names.index(name)
        rows = rows.set_column(position, rows.field(name), pc.if_else(going, pa.scalar(None, column.type), column))
    return rows


def holds_blankable(table: FencedTable, rules: Blanking) -> Callable[[DataFile], bool]:
    """Return what says of a file whether anything in it is to be blanked; reads footers, and columns of tokens."""

    def unblanked(file: DataFile) -> bool:
        there = table.columns_in(file) & rules.columns
        if there - set(rules.tokens) or there & set(rules.permanent):
            return True
        prefix = f"v1.{file.partition}."
        return any(pc.any(pc.starts_with(table.column(file, name), prefix)).as_py() for name in sorted(there))

    return unblanked


def _order(rows: pa.Table, key: str | None, random: np.random.Generator, *, blank: bool) -> pa.Array:
    if blank:
        return pa.array(random.permutation(rows.num_rows))
    return pc.sort_indices(rows, sort_keys=[(key or "event_key", "ascending")])


def _groups(files: Sequence[DataFile], sizes: Mapping[str, int]) -> list[list[DataFile]]:
    """Put files together, smallest first, as long as they fit into one."""
    groups: list[list[DataFile]] = []
    size = rows = 0
    for file in sorted(files, key=lambda file: (sizes.get(file.path, 0), file.path)):
        more = sizes.get(file.path, 0)
        fits = size + more <= FILE_BYTES and rows + file.rows <= FILE_ROWS
        if groups and fits and more < FILE_BYTES // 2:
            groups[-1].append(file)
            size, rows = size + more, rows + file.rows
        else:
            groups.append([file])
            size, rows = more, file.rows
    return groups


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _true(number: int) -> pa.Array:
    return pa.repeat(pa.scalar(True), number)  # noqa: FBT003 - Arrow's signature
