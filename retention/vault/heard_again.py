"""Orders that were heard of again: no sweep takes their rows before a settling has looked (R-RET-06, R-RET-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from retention.holds import Hold, key_text
from retention.vault.layout import SCHEMA, is_open

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from retention.stores.delta import Table
    from retention.vault.settling import Order

CASE = "heard-again"
"""How what stands for the number of a case begins; a date follows. Nobody placed it, and the next settling ends it."""
_ORDER = ["system", "order_token"]


class HeardAgain:
    """Asks the vault which rows that are due belong to an order that was heard of and not settled since.

    Heard of is an order with a record that waits without a due date, such as a dispute; one that was presumed closed
    also with a record that is due later. What arrived today is settled tomorrow; until then the due date of its order's
    other records may be too early. A settling gives all of them one date, or none, so that nothing is held longer.

    Args:
        table: the vault; it is read again only when it has moved.
        dataset: its id in the register.
        today: +08:00 date to judge by.
    """

    def __init__(self, table: Table, dataset: str, today: date) -> None:
        self._table = table
        self._dataset = dataset
        self._today = today.isoformat()
        self._seen: tuple[int, list[Hold]] | None = None

    def __call__(self) -> list[Hold]:
        """Return a hold on those rows as the newest version of the vault has them; nothing if there are none."""
        version = self._table.refresh()
        if self._seen is None or self._seen[0] != version:
            self._seen = version, self._look()
        return self._seen[1]

    def _look(self) -> list[Hold]:
        found = self._due()
        if not found.num_rows:
            return []
        presumed = found.filter(pc.is_null(found["completed_date"]))
        again = self._waiting(found) | self._later(presumed)
        theirs = found.filter(pc.is_in(found["order_token"], pa.array([token for _, token in again], pa.binary())))
        pairs = zip(_orders(theirs), theirs["event_key"].to_pylist(), strict=True)
        values = frozenset(key_text([key]) for order, key in pairs if order in again)
        return [Hold(f"{CASE}-{self._today}", self._dataset, "record", values)] if values else []

    def _due(self) -> pa.Table:
        """Return the due rows that have an order; only due months are opened."""
        month, due = self._today[:7], pc.field("due_date") <= self._today
        rows = self._read(lambda part: part <= month, [*_ORDER, "event_key", "completed_date", "due_date"])
        return rows.filter(due & pc.is_valid(pc.field("order_token")))

    def _waiting(self, rows: pa.Table) -> set[Order]:
        """Return the orders of rows that have a record without a due date."""
        waiting = self._read(is_open, _ORDER)
        return set(_orders(waiting.filter(pc.is_in(waiting["order_token"], pc.unique(rows["order_token"])))))

    def _later(self, rows: pa.Table) -> set[Order]:
        """Return the orders of rows that have a record which is due later; every month to come is read for that."""
        if not rows.num_rows:
            return set()
        later = (pc.field("due_month") >= self._today[:7]) & (pc.field("due_date") > self._today)
        same = pc.field("order_token").isin(pc.unique(rows["order_token"]))
        return set(_orders(self._table.dataset().to_table(columns=_ORDER, filter=later & same)))

    def _read(self, among: Callable[[str], bool], columns: list[str]) -> pa.Table:
        """Return columns of the partitions that are among those looked for."""
        parts = list(filter(among, pc.unique(self._table.listing()["partition"]).to_pylist()))
        files = self._table.files(*parts) if parts else []
        none = pa.schema([SCHEMA.field(name) for name in columns]).empty_table()
        return pa.concat_tables([none, *(self._table.rows_of(file, columns).select(columns) for file in files)])


def _orders(rows: pa.Table) -> list[Order]:
    return list(zip(*(rows[name].to_pylist() for name in _ORDER), strict=True))
