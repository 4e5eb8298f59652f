"""Presumed orders that were heard of again: no sweep takes their rows before a settling has looked (R-RET-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from retention.holds import Hold, key_text

if TYPE_CHECKING:
    from datetime import date

    from retention.stores.delta import Table

CASE = "heard-again"
"""How what stands for the number of a case begins; a date follows. Nobody placed it, and the next settling ends it."""
_ORDER = ["system", "order_token"]


class HeardAgain:
    """Asks the vault which rows that are due by a presumption belong to an order with a record that is not due.

    What arrived today is settled tomorrow; until then the due date of its order's other records may be too early.

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
        found = self._presumed()
        if found is None or not found.num_rows:
            return []
        rows, month, due = self._table.dataset(), pc.field("due_month"), pc.field("due_date")
        # Partitions of months to come, and "open-…", which sorts behind them.
        news = (month >= self._today[:7]) & (pc.is_null(due) | (due > self._today))
        same = pc.field("order_token").isin(pc.unique(found["order_token"]))
        again = set(_orders(rows.to_table(columns=_ORDER, filter=news & same)))
        pairs = zip(_orders(found), found["event_key"].to_pylist(), strict=True)
        values = frozenset(key_text([key]) for order, key in pairs if order in again)
        return [Hold(f"{CASE}-{self._today}", self._dataset, "record", values)] if values else []

    def _presumed(self) -> pa.Table | None:
        """Return the due rows that a presumption left: a due date, and no completion. Only due months are opened."""
        month = self._today[:7]
        parts = [part for part in pc.unique(self._table.listing()["partition"]).to_pylist() if part <= month]
        rows = [
            self._table.rows_of(file, [*_ORDER, "event_key", "completed_date", "due_date"])
            for part in parts
            for file in self._table.files(part)
        ]
        if not rows:
            return None
        due, done = pc.field("due_date") <= self._today, pc.is_valid(pc.field("completed_date"))
        return pa.concat_tables(rows).filter(due & ~done & pc.is_valid(pc.field("order_token")))


def _orders(rows: pa.Table) -> list[tuple[str, bytes]]:
    return list(zip(*(rows[name].to_pylist() for name in _ORDER), strict=True))
