"""How the vault lies in the lake: one data file holds rows of one due date, under one key.

    vault/transactions/due_month=2014-03/2014-03-15_2011-03_2011-03_<uuid>.parquet
                       due_month=open-2011-07/open_2011-06_2011-07_<uuid>.parquet

The name tells the due date and the first and last month of the events inside, so that what is due goes by whole
files, by metadata alone, and duplicates are looked for in a few of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from retention.stores.commit_log import Changes, DataFile
from retention.stores.delta import FencedTable, Table, TableSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np

STREAM = "transactions"
OPEN = "open"
_NAME = re.compile(r"(\d{4}-\d\d-\d\d|open)_(\d{4}-\d\d)_(\d{4}-\d\d)_[0-9a-f]{32}\.parquet", re.ASCII)
_YEAR = 12

SCHEMA = pa.schema(
    [
        ("event_key", pa.binary()),
        ("system", pa.string()),
        ("event_type", pa.string()),
        ("due_month", pa.string()),
        ("due_date", pa.string()),
        ("clock_date", pa.string()),
        ("completed_date", pa.string()),
        ("received_date", pa.string()),
        ("order_token", pa.binary()),
        ("probe", pa.binary()),
        ("policy", pa.string()),
        ("algorithm", pa.string()),
        ("key_id", pa.string()),
        ("subject_key", pa.string()),
        ("identity_key", pa.binary()),
        ("content_key", pa.binary()),
        ("identity", pa.binary()),
        ("content", pa.binary()),
    ]
)
CLEAR = tuple(SCHEMA.names[: SCHEMA.names.index("subject_key")])
"""Columns that a sweep may read: nothing in them has to be opened."""


def vault_spec(lake: str) -> TableSpec:
    """Return the table of a lake's vault."""
    return TableSpec(f"{lake}/vault/{STREAM}", SCHEMA, "due_month", ("due_date",))


def due_date_of(file: DataFile) -> str | None:
    """Return the due date of all rows of a file; None for rows that have none yet."""
    found = _NAME.fullmatch(file.path.rpartition("/")[2])
    return found[1] if found and found[1] != OPEN else None


def is_open(partition: str) -> bool:
    """Say whether a partition holds records without a clock."""
    return partition.startswith(f"{OPEN}-")


def write_rows(table: FencedTable, rows: pa.Table) -> list[DataFile]:
    """Write rows, one file a due date and key; nothing is visible before the commit.

    Rows keep their order within a file.
    """
    files: list[DataFile] = []
    for _, part in by_values(rows, ("due_month", "due_date", "key_id")):
        due = part["due_date"][0].as_py() or OPEN
        span = pc.min_max(part["clock_date"])
        label = f"{due}_{span['min'].as_py()[:7]}_{span['max'].as_py()[:7]}_"
        files += table.write_files(part.select(SCHEMA.names).cast(SCHEMA), label)
    return files


def by_values(rows: pa.Table, names: Sequence[str]) -> Iterator[tuple[tuple[str | None, ...], pa.Table]]:
    """Yield the rows of each distinct combination of text values, in the order of the values."""
    groups: dict[tuple[str | None, ...], list[int]] = {}
    for number, values in enumerate(zip(*(rows[name].to_pylist() for name in names), strict=True)):
        groups.setdefault(values, []).append(number)
    for values in sorted(groups, key=lambda one: tuple(value or "" for value in one)):
        yield values, rows.take(pa.array(groups[values]))


def rows_under(table: Table, key_id: str) -> int:
    """Return how many live rows are under a key; refresh the table first."""
    return int(table.dataset().count_rows(filter=pc.field("key_id") == key_id))


def open_counts(table: Table) -> pa.Table:
    """Return the records without a clock: rows by month of arrival, system and event type (R-RET-07)."""
    rows = table.dataset().to_table(
        columns=["due_month", "system", "event_type"], filter=pc.starts_with(pc.field("due_month"), f"{OPEN}-")
    )
    counted = rows.group_by(["due_month", "system", "event_type"]).aggregate([([], "count_all")])
    return counted.rename_columns(["due_month", "system", "event_type", "rows"]).sort_by("due_month")


class ByClockMonth:
    """The vault as an index of keys sees it: partitioned by the month of the event, which settling does not change.

    A record moves from one due month to another when its order is completed; its event keeps its date. So a repeat
    is found wherever the first one lies by now.
    """

    def __init__(self, table: FencedTable) -> None:
        self._table = table

    @property
    def version(self) -> int:
        """The version of the snapshot in hand."""
        return self._table.version

    def refresh(self) -> int:
        """Move to the newest version and return it."""
        return self._table.refresh()

    def files(self) -> list[DataFile]:
        """Return each data file once for each month that its events may be of."""
        return self._by_months(self._table.files())

    def changes(self, since: int) -> Changes | None:
        """Return what changed from version `since` to the snapshot; None where the log no longer says."""
        changes = self._table.changes(since)
        try:
            return changes and Changes(tuple(self._by_months(changes.added)), tuple(self._by_months(changes.removed)))
        except FileNotFoundError:  # a file without months in its name, taken away and removed
            return None

    def column(self, file: DataFile, name: str) -> pa.ChunkedArray:
        """Read one column of a data file, for the events of one month."""
        whole = DataFile(file.path, "", file.rows)
        months = pc.utf8_slice_codeunits(self._table.column(whole, "clock_date"), 0, 7)
        return self._table.column(whole, name).filter(pc.equal(months, file.partition))

    def _by_months(self, files: Iterable[DataFile]) -> list[DataFile]:
        return [DataFile(file.path, month, file.rows) for file in files for month in self.months(file)]

    def months(self, file: DataFile) -> list[str]:
        """Return the months that events in a file may be of."""
        found = _NAME.fullmatch(file.path.rpartition("/")[2])
        if found is None:
            dates = self._table.column(file, "clock_date")
            return sorted(set(pc.utf8_slice_codeunits(dates, 0, 7).to_pylist()))
        first, last = (int(month[:4]) * _YEAR + int(month[5:]) - 1 for month in found.groups()[1:])
        return [f"{month // _YEAR:04d}-{month % _YEAR + 1:02d}" for month in range(first, last + 1)]


def clock_months(rows: pa.Table) -> np.ndarray:
    """Return the month of each row's event."""
    months: np.ndarray = pc.utf8_slice_codeunits(rows["clock_date"], 0, 7).to_numpy(zero_copy_only=False)
    return months
