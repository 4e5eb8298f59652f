"""Settling: orders whose completion has become known move to their due month, and disputed ones back (R-RET-06, -07).

A pure plan over clear columns, then units of work: a few files each, one fenced commit each. Killed half-way, the
next run plans what is left; run twice, the second finds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.policy.completion import Step, order_completed
from governance.policy.retention import due_date
from retention.vault.layout import OPEN, due_date_of, is_open
from retention.vault.moving import replace_files
from retention.vault.payloads import envelope_anew, with_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pyarrow.dataset as pads

    from governance.keys import EnvelopeOpener, Keyring
    from retention.stores.commit_log import DataFile
    from retention.stores.delta import FencedTable, Table

    Order = tuple[str, bytes]

FILES_IN_A_UNIT = 20
CASE = "case:"
_STEPS = ("system", "order_token", "event_type", "clock_date", "completed_date", "due_date")
_STATE = ("system", "order_token", "due_date", "received_date", "key_id")


class Target(NamedTuple):
    """Where a row belongs: its order's completion, None while none is known, its due date, and its key."""

    completed: str | None
    due: str | None
    key_id: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """What to do.

    Attributes:
        completed: orders that have rows without a due date, or under several, and the day they were completed; None:
            not yet, or in dispute.
        leaving: due dates under which rows lie that belong elsewhere.
        before: rows received on this +08:00 date or later are left for the next run.
        stale: open keys of months before this one ("open-2011-06") give way to a fresh one.
        key_id: the fresh open key.
        presumed: orders among `completed` whose day is presumed (R-RET-07): their rows get the due date and name no
            completion, so that it is never taken for one that is known.
    """

    completed: Mapping[Order, date | None]
    leaving: frozenset[str]
    before: str
    stale: str
    key_id: str
    presumed: frozenset[Order] = frozenset()


@dataclass(slots=True)
class Settled:
    """What was done, in rows: moved to a due date, taken back because of a dispute, put under a fresh open key."""

    moved: int = 0
    reopened: int = 0
    renewed: int = 0

    def add(self, other: Settled) -> None:
        """Add another part."""
        self.moved += other.moved
        self.reopened += other.reopened
        self.renewed += other.renewed


def plan_settlement(table: Table, today: date, wall: date) -> Settlement:
    """Work out the completion of orders that have rows without a due date, or under several, or were presumed closed.

    Of an order without news since it was presumed, nothing is known: it stays. A record that states its completion
    arrives under a due date; where that is a later one, the order's older rows have to follow it (R-RET-06).

    Args:
        table: the vault, at its newest version.
        today: +08:00 date; only what was received before it is looked at.
        wall: the wall clock's +08:00 date, which names keys.
    """
    before = pc.field("received_date") < today.isoformat()
    dataset = table.dataset()
    unknown = pc.is_null(pc.field("due_date")) | pc.is_null(pc.field("completed_date"))
    waiting = before & pc.is_valid(pc.field("order_token")) & unknown
    unsettled = dataset.to_table(columns=["system", "order_token"], filter=waiting)
    orders = set(zip(unsettled["system"].to_pylist(), unsettled["order_token"].to_pylist(), strict=True))
    tokens = pc.unique(pa.chunked_array([*unsettled["order_token"].chunks, *_apart(dataset).chunks], pa.binary()))
    known = dataset.to_table(columns=list(_STEPS), filter=before & pc.field("order_token").isin(tokens))
    steps: dict[Order, list[Step]] = {}
    lying: dict[Order, set[str]] = {}
    news: set[Order] = set()
    for system, token, kind, on, said, due in zip(*(known[name].to_pylist() for name in _STEPS), strict=True):
        stated = date.fromisoformat(said) if said else None
        steps.setdefault((system, token), []).append(Step(kind, date.fromisoformat(on), stated))
        if due is not None:
            lying.setdefault((system, token), set()).add(due)
        if due is None or stated is not None:
            news.add((system, token))
    orders |= {order for order, dates in lying.items() if len(dates) > 1}
    completed = {order: order_completed(steps[order]) for order in sorted(orders & news)}
    leaving = {due for order, on in completed.items() for due in lying.get(order, ()) if due != _due(on)}
    stale = f"{OPEN}-{_month_before(wall)}"
    return Settlement(completed, frozenset(leaving), today.isoformat(), stale, open_key(wall))


def settle(
    table: FencedTable,
    plan: Settlement,
    opener: EnvelopeOpener,
    keyring: Keyring,
    *,
    metadata: Mapping[str, str],
    progress: Callable[[int], None] = lambda _rows: None,
    done: Settled | None = None,
) -> Settled:
    """Carry a settlement out, unit by unit; return `done` with what was committed added.

    Raises:
        KeyringError: the ops key is another, or the key of a due date was destroyed.
        MovedAwayError: another writer replaced a file meanwhile; what was committed stays: plan anew.
    """
    done = Settled() if done is None else done
    read = _reader(table)
    candidates = [file for file in table.files() if is_open(file.partition) or due_date_of(file) in plan.leaving]
    changing = (file for file in candidates if any(_targets(read(file, _STATE), plan)))
    while unit := list(islice(changing, FILES_IN_A_UNIT)):
        rows = pa.concat_tables([read(file, None) for file in unit])
        unit_done = Settled()
        parts = list(_carried(rows, plan, opener, keyring, unit_done))
        replace_files(table, unit, parts, {**metadata, "ebb.action": "settle"})
        done.add(unit_done)
        progress(rows.num_rows)
    return done


def stale_keys(key_ids: Iterable[str], plan: Settlement) -> list[str]:
    """Return the open keys that nothing is written under any more."""
    return sorted(one for one in key_ids if one.startswith(f"{OPEN}-") and one < plan.stale)


def _apart(dataset: pads.Dataset) -> pa.ChunkedArray:
    """Return the tokens of orders whose rows lie under more than one due date; two columns of every row are read."""
    token, due = pc.field("order_token"), pc.field("due_date")
    columns = {"order": token, "due": due.cast(pa.date32())}
    rows = dataset.to_table(columns=columns, filter=pc.is_valid(token) & pc.is_valid(due))
    spans = rows.group_by("order").aggregate([("due", "min"), ("due", "max")])
    return spans.filter(pc.less(spans["due_min"], spans["due_max"]))["order"]


def _reader(table: Table) -> Callable[[DataFile, Sequence[str] | None], pa.Table]:
    """Return what reads data files of the snapshot in hand; they never change."""
    dataset = table.dataset()
    fragments = {fragment.path.rpartition("/")[2]: fragment for fragment in dataset.get_fragments()}

    def read(file: DataFile, columns: Sequence[str] | None) -> pa.Table:
        fragment = fragments[file.path.rpartition("/")[2]]
        names = list(dataset.schema.names if columns is None else columns)
        return fragment.to_table(schema=dataset.schema, columns=names)

    return read


def _targets(rows: pa.Table, plan: Settlement) -> list[Target | None]:
    """Return where each row belongs; None for those that lie where they belong."""
    found: list[Target | None] = []
    for system, token, due, received, key_id in zip(*(rows[name].to_pylist() for name in _STATE), strict=True):
        target = None
        if received < plan.before:
            target = _target((system, token), due, key_id, plan)
        found.append(target)
    return found


def _target(order: Order, due: str | None, key_id: str, plan: Settlement) -> Target | None:
    held = key_id.startswith(CASE)  # what a case holds stays under its key, but not under a date that is too early
    if order in plan.completed:
        completed = plan.completed[order]
        wanted = _due(completed)
        if wanted is not None and wanted != due:
            said = None if order in plan.presumed else str(completed)
            return Target(said, wanted, key_id if held else wanted)
        if wanted is None and due is not None:
            return Target(None, None, key_id if held else plan.key_id)
    if due is None and not held and key_id < plan.stale:
        return Target(None, None, plan.key_id)
    return None


def _carried(
    rows: pa.Table, plan: Settlement, opener: EnvelopeOpener, keyring: Keyring, done: Settled
) -> Iterator[pa.Table]:
    """Yield the rows as they will lie: those that stay as they are, the others under their new dates and keys.

    What is due already, and whose key is gone, waits for the next sweep under the open key.
    """
    targets = _targets(rows, plan)
    stay = np.array([target is None for target in targets])
    if stay.any():
        yield rows.filter(pa.array(stay))
    numbers: dict[Target, list[int]] = {}
    for number, target in enumerate(targets):
        if target is not None:
            numbers.setdefault(target, []).append(number)
    alive = keyring.due_date_publics({one.key_id for one in numbers if not one.key_id.startswith(CASE)})
    for target in sorted(numbers, key=str):
        part = rows.take(pa.array(numbers[target])).sort_by("event_key")
        if not target.key_id.startswith(CASE):
            key_id = target.key_id if target.key_id in alive else plan.key_id
            part = envelope_anew(part, key_id, opener, keyring)
        if target.due is not None:
            done.moved += part.num_rows
        else:
            reopened = part.num_rows - part["due_date"].null_count
            done.reopened += reopened
            done.renewed += part.num_rows - reopened
        yield _dated(part, target)


def _dated(rows: pa.Table, target: Target) -> pa.Table:
    """Return the rows with the target's dates; without one, they lie in the month of their arrival."""
    number = rows.num_rows
    if target.due is None:
        # The last completion that was known stays: it counts again when the dispute is closed.
        arrived = pc.utf8_slice_codeunits(rows["received_date"], 0, 7)
        months = pc.if_else(
            pc.is_null(rows["due_date"]), rows["due_month"], pc.binary_join_element_wise(OPEN, arrived, "-")
        )
        return with_columns(rows, {"due_date": pa.nulls(number, pa.string()), "due_month": months})
    values = {"completed_date": target.completed, "due_date": target.due, "due_month": target.due[:7]}
    return with_columns(rows, {name: pa.array([value] * number, pa.string()) for name, value in values.items()})


def _due(completed: date | None) -> str | None:
    due = None if completed is None else due_date("TXN", completed)
    return None if due is None else due.isoformat()


def open_key(wall: date) -> str:
    """Return the name of the key for records without a clock that a month's work uses."""
    return f"{OPEN}-{wall.isoformat()[:7]}"


def _month_before(today: date) -> str:
    year, month = (today.year, today.month - 1) if today.month > 1 else (today.year - 1, 12)
    return f"{year:04d}-{month:02d}"
