"""What waits in the vault for a completion, and why: read from clear columns, nothing is opened (R-RET-07). Pure.

no order number          nothing can be joined to it: it waits
in dispute               waits for the end of the dispute, however old
to be settled            its completion is known: the next settling moves it
arrived today            as well, tomorrow: what is of today is left
heard of lately          something happened, or arrived, within twelve months
presumable               none of these: ops may presume it closed at its last event
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import pyarrow.compute as pc

from governance.policy.completion import Step, in_dispute, order_completed, presumable_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from retention.stores.delta import Table
    from retention.vault.settling import Order

NO_NUMBER, DISPUTE, SETTLE, LATELY, PRESUMABLE = (
    "no order number",
    "in dispute",
    "to be settled",
    "heard of lately",
    "presumable",
)
TODAY = "arrived today"
_MARK_BYTES = 8
_MONTH = len("2026-06")


class Cell(NamedTuple):
    """Rows without a clock that have these in common; `month` is that of their arrival, "2026-06"."""

    month: str
    system: str
    event_type: str
    why: str


class Quiet(NamedTuple):
    """An order of which nothing was heard for long.

    Attributes:
        last: +08:00 date of its last event.
        rows: how many records it has.
        mark: fingerprint of its records; one more record, and it is another. Tells nothing of them.
    """

    last: date
    rows: int
    mark: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """What waits.

    Attributes:
        cells: rows without a clock by month of arrival, system, event type and reason.
        quiet: orders that may be presumed closed.
        presumed: orders that lie presumed closed already, all their records.
    """

    cells: Mapping[Cell, int]
    quiet: Mapping[Order, Quiet]
    presumed: Mapping[Order, Quiet]


class _Record(NamedTuple):
    system: str
    token: bytes | None
    event_type: str
    on: str
    completed: str | None
    due: str | None
    received: str
    key: bytes
    month: str


_COLUMNS = (
    "system", "order_token", "event_type", "clock_date", "completed_date", "due_date", "received_date", "event_key",
    "due_month",
)  # fmt: skip


def look(table: Table, today: date) -> Outlook:
    """Say of every record without a clock why it waits.

    Args:
        table: the vault, at its newest version.
        today: +08:00 date to judge by.
    """
    dataset, token = table.dataset(), pc.field("order_token")
    unknown = pc.is_null(pc.field("due_date")) | pc.is_null(pc.field("completed_date"))
    tokens = pc.unique(dataset.to_table(columns=["order_token"], filter=unknown)["order_token"])
    wanted = unknown | (pc.is_valid(token) & token.isin(tokens))
    found = dataset.to_table(columns=list(_COLUMNS), filter=wanted)
    orders: dict[Order, list[_Record]] = {}
    cells: Counter[Cell] = Counter()
    for values in zip(*(found[name].to_pylist() for name in _COLUMNS), strict=True):
        record = _Record(*values)
        if record.token is not None:
            orders.setdefault((record.system, record.token), []).append(record)
        else:
            cells[_cell(record, NO_NUMBER)] += 1
    quiet: dict[Order, Quiet] = {}
    presumed: dict[Order, Quiet] = {}
    for order, records in orders.items():
        waiting = [record for record in records if record.due is None]
        if not waiting:  # a due date without a completion is what a presumption leaves behind
            presumed[order] = _quiet(order, records)
            continue
        why = _why(records, today)
        cells.update(_cell(record, why) for record in waiting)
        if why == PRESUMABLE:
            quiet[order] = _quiet(order, records)
    return Outlook(dict(sorted(cells.items())), quiet, presumed)


def _why(records: Sequence[_Record], today: date) -> str:
    if in_dispute(record.event_type for record in records):
        return DISPUTE
    steps = [Step(record.event_type, date.fromisoformat(record.on), _day(record.completed)) for record in records]
    if order_completed(steps) is not None:
        return TODAY if max(record.received for record in records) >= today.isoformat() else SETTLE
    # What arrives late is news too: only what neither happened nor came lately is without a change.
    heard = max(max(record.on, record.received) for record in records)
    return PRESUMABLE if presumable_from(date.fromisoformat(heard)) <= today else LATELY


def _quiet(order: Order, records: Sequence[_Record]) -> Quiet:
    system, token = order
    digest = hashlib.blake2b(system.encode() + b"\0" + token, digest_size=_MARK_BYTES)
    for key in sorted(record.key for record in records):
        digest.update(key)
    last = date.fromisoformat(max(record.on for record in records))
    return Quiet(last, len(records), digest.hexdigest())


def _cell(record: _Record, why: str) -> Cell:
    return Cell(record.month[-_MONTH:], record.system, record.event_type, why)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
