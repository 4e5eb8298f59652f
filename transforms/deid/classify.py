"""Which policy rules an event, what that policy lets in, and whether the event is personal.

Columnar: rows are grouped by system and by the few instants at which a pack begins or ends.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.calendar import local_date
from governance.policy import RECORD_STREAMS, PackPair
from governance.policy.retention import due_date
from transforms.deid.columns import compact, encode
from transforms.deid.rejects import SUBJECT_KINDS, drop, reject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    import numpy.typing as npt

    from governance.policy import Catalogue, Pack
    from transforms.deid.columns import Codes
    from transforms.deid.events import Batch

    Mask = npt.NDArray[np.bool_]

STAGE = "classify"
MAX_AHEAD = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1) // _TICK
_CHINA = timedelta(hours=8) // _TICK
_PERSONAL = ("P", "S")
SUBJECT_FIELDS: Mapping[str, AbstractSet[str]] = {
    "subject.account": {"account_number", "member_name", "remote_user"},
    "subject.cookie": {"cookie_id"},
    "subject.device": {"device_id"},
}
"""The fields of the inventory that a subject's key is one kind with: a policy that names none has no such subject."""

CLOCKS = ("order_number", "transaction_completed_at")


def classify(batch: Batch, catalogue: Catalogue, stream: str, now: datetime) -> Batch:
    """Find each event's packs, apply them to names, and say which events are personal.

    Args:
        batch: as decoded; changed in place.
        catalogue: inventory and packs.
        stream: `service_log`, `equipment`, or `transactions`, of which nothing expires and no record is refused for
            what one of its fields holds.
        now: aware; rules "too far ahead", "expired" and the pack of now.

    Returns:
        The batch with the columns `pack` (int16, index into `batch.packs`) and `personal` (bool).
    """
    _known_systems(batch, catalogue)
    times = _ticks_of(batch.table["event_time"])
    reject(batch, times > _ticks(now + MAX_AHEAD), STAGE, "TIME_IN_FUTURE", "event_time")
    _choose_packs(batch, catalogue, now)
    reject(batch, _packs_of(batch) < 0, STAGE, "POLICY_NONE", "event_time")
    records = stream in RECORD_STREAMS
    if not records:
        _drop_expired(batch, now)
    _check_event_types(batch, catalogue, stream)
    rows = [row for row in catalogue.stream_fields(stream) if row.field in batch.table.column_names]
    for row in rows:
        _reject_treated(batch, row.field, [pair.treatment(row, "anonymous") for pair in _pairs(batch)], records)
    _mark_personal(batch, catalogue, [row.field for row in rows if row.sensitivity in _PERSONAL])
    if records:
        _copy_clocks(batch)
    for row in rows:
        _keep_named(batch, row.field, {row.field}, f"fields.{row.field}")
    for subject, fields in SUBJECT_FIELDS.items():
        _keep_named(batch, subject, fields, subject)
    return batch


def _known_systems(batch: Batch, catalogue: Catalogue) -> None:
    systems = encode(batch.table["system"])
    unknown = np.array([name not in catalogue.systems for name in systems.values.to_pylist()], dtype=bool)
    if unknown.any():
        reject(batch, unknown[systems.codes], STAGE, "POLICY_NONE", "system")


def _choose_packs(batch: Batch, catalogue: Catalogue, now: datetime) -> None:
    """Add column `pack`; -1 where no pack was in force at the time, or none is now."""
    times = _ticks_of(batch.table["event_time"])
    systems = encode(batch.table["system"])
    chosen = np.full(len(times), -1, dtype=np.int16)
    pairs: list[PackPair] = []
    for number, system in enumerate(systems.values.to_pylist()):
        at_now = catalogue.pack_at(system, now)
        mine = systems.codes == number
        bounds = _bounds([pack for pack in catalogue.packs if pack.system == system])
        spans = np.searchsorted(np.array([_ticks(one) for one in bounds], dtype=np.int64), times[mine], side="right")
        found = np.full(len(bounds) + 1, -1, dtype=np.int16)
        for span in np.unique(spans).tolist():
            within = bounds[span - 1] if span else (bounds[0] - _TICK if bounds else now)
            at_event = catalogue.pack_at(system, within)
            if at_event is not None and at_now is not None:
                found[span] = len(pairs)
                pairs.append(PackPair(at_event, at_now))
        chosen[mine] = found[spans]
    batch.packs = tuple(pairs)
    batch.table = batch.table.append_column("pack", pa.array(chosen))


def _bounds(packs: Sequence[Pack]) -> list[datetime]:
    return sorted({bound for pack in packs for bound in (pack.valid_from, pack.valid_to) if bound is not None})


def _drop_expired(batch: Batch, now: datetime) -> None:
    """Drop what the log's ceiling, counted from the earlier of event and arrival, has passed (R-RET-05)."""
    arrived = _ticks_of(batch.table["received"].fill_null(pa.scalar(now, pa.timestamp("us", "UTC"))))
    days = (np.minimum(_ticks_of(batch.table["event_time"]), arrived) + _CHINA) // _DAY
    if not len(days):
        return
    first = int(days.min())
    codes, used = compact(days - first, int(days.max()) - first + 1)
    today = local_date(now)
    expired = [_due(first + day) <= today for day in used.tolist()]
    drop(batch, np.array(expired, dtype=bool)[codes], "EXPIRED_ON_ARRIVAL")


def _due(day: int) -> date:
    due = due_date("LOG", date(1970, 1, 1) + timedelta(days=day))
    assert due is not None
    return due


def _check_event_types(batch: Batch, catalogue: Catalogue, stream: str) -> None:
    types = encode(batch.table["event_type"])
    accepted = catalogue.event_types(stream)
    names = types.values.to_pylist()
    known = np.array(
        [[name in accepted and name in pair.names for name in names] for pair in _pairs(batch)], dtype=bool
    ).reshape(len(batch.packs), len(names))
    if not known.all():
        mask = ~known[_packs_of(batch), types.codes]
        reject(batch, mask, STAGE, "EVENT_TYPE_UNKNOWN", "event_type", policy=citation(batch))


def _reject_treated(batch: Batch, name: str, treatments: Sequence[object], records: bool) -> None:
    """Reject events that carry a field which one of their packs refuses; a record stays and loses the field."""
    codes = [getattr(treatment, "code", None) for treatment in treatments]
    for code in {code for code in codes if code is not None}:
        refused = np.array([one == code for one in codes], dtype=bool)
        mask = refused[_packs_of(batch)] & _there(batch, name)
        if records:
            remove(batch, name, mask, code, f"fields.{name}")
            continue
        destroy = code in ("SECRET_PROHIBITED", "BIOMETRIC_PROHIBITED")
        reject(batch, mask, STAGE, code, f"fields.{name}", destroy=destroy, policy=citation(batch))


def _mark_personal(batch: Batch, catalogue: Catalogue, names: Sequence[str]) -> None:
    """Add column `personal`: R-COMB-01, -03 and -08, judged before any field is removed."""
    types = encode(batch.table["event_type"])
    of_class = [catalogue.inventory[name].sensitivity in _PERSONAL for name in types.values.to_pylist()]
    personal = np.array(of_class, dtype=bool)[types.codes]
    for name in (*names, "subject.account"):
        personal |= _there(batch, name)
    if "tainted" in batch.table.column_names:
        tainted = batch.table["tainted"].fill_null(False)  # noqa: FBT003 (Arrow's signature)
        personal |= tainted.to_numpy(zero_copy_only=False)
        batch.table = batch.table.drop_columns(["tainted"])
    with_any = np.array([pair.personal_with == "any_subject" for pair in _pairs(batch)], dtype=bool)
    if with_any.any():
        some = np.zeros(len(personal), dtype=bool)
        for kind in SUBJECT_KINDS:
            some |= _there(batch, f"subject.{kind}")
        personal |= some & with_any[_packs_of(batch)]
    batch.table = batch.table.append_column("personal", pa.array(personal))


def _copy_clocks(batch: Batch) -> None:
    """Keep what joins a transaction's records and starts their period, even where a policy does not name it.

    The floor of R-RET-02 is the law's: order number and completion are read for it, from columns of their own that
    nothing stores, and leave the record itself like any other field that is not named.
    """
    for name in CLOCKS:
        if name in batch.table.column_names:
            batch.table = batch.table.append_column(f"clock.{name}", batch.table[name])


def _keep_named(batch: Batch, column: str, fields: AbstractSet[str], path: str) -> None:
    """Remove a column from the events whose packs do not both name one of its fields (R-PURP-01)."""
    named = np.array([not fields.isdisjoint(pair.names) for pair in _pairs(batch)], dtype=bool)
    if not named.all():
        remove(batch, column, ~named[_packs_of(batch)], "PURP_NOT_REGISTERED", path)


def remove(batch: Batch, name: str, mask: Mask, code: str, path: str) -> None:
    """Null the values of column `name` under `mask` and count them by `code` and `path`."""
    gone = mask & _there(batch, name)
    if count := int(gone.sum()):
        batch.fields_dropped[code, path] += count
        column = batch.table[name]
        left = pc.if_else(pa.array(gone), pa.scalar(None, column.type), column)
        batch.table = batch.table.set_column(batch.table.column_names.index(name), name, left)


def citation(batch: Batch) -> Callable[[int], str | None]:
    """Return a function that gives the citation of a row's pack."""
    packs, pairs = _packs_of(batch), _pairs(batch)
    return lambda row: pairs[packs[row]].citation


def _there(batch: Batch, name: str) -> Mask:
    if name not in batch.table.column_names:
        return np.zeros(batch.table.num_rows, dtype=bool)
    return batch.table[name].is_valid().to_numpy()


def _pairs(batch: Batch) -> tuple[PackPair, ...]:
    return batch.packs  # type: ignore[return-value]


def _packs_of(batch: Batch) -> Codes:
    return batch.table["pack"].to_numpy().astype(np.int64)


def _ticks_of(column: pa.ChunkedArray) -> Codes:
    return column.cast(pa.int64()).to_numpy()


def _ticks(instant: datetime) -> int:
    return (instant - _EPOCH) // _TICK
