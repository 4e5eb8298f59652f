"""The engine: run the compiled plans over a batch, raw columns in, columns that are safe to write out.

Work is done once for each distinct value of a column, never once a row: columns are dictionary-encoded, the dictionary
is treated, the result is spread over the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from governance.calendar import local_date
from governance.policy.retention import due_date
from transforms.deid.ciphers import Ciphers, Surroundings, subject_ids
from transforms.deid.columns import Encoded, compact, encode, select, spread
from transforms.deid.plan import AUDIENCES, FIXED, Plan, Step, column_catalog, compile_plan, stream_schema
from transforms.deid.tokens import Epochs, Tokenizer, epochs_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from governance.keys import Keyring
    from governance.policy import Catalogue, PackPair
    from transforms.deid.columns import Codes
    from transforms.deid.events import Batch
    from transforms.deid.plan import Audience

__all__ = ["Engine", "Plan", "Step", "column_catalog", "compile_plan", "stream_schema"]

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_CHINA_US = 8 * _HOUR_US
_FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, repr=False)
class _Times:
    """When the events of a batch happened: +08:00 dates as codes, hours as instants."""

    dates: tuple[str, ...]
    date_codes: Codes
    hours: Codes
    due: tuple[str, ...]


class Engine:
    """De-identifies batches of one stream; plans are compiled once for each pair of packs.

    Guarantees:
        Nothing but the output columns of the plans leaves: a column without a step has no way out.
        Both tables are in `event_key` order, so that neither order nor position tells who followed whom.
    """

    def __init__(self, catalogue: Catalogue, stream: str, keyring: Keyring) -> None:
        """Prepare for a stream; PolicyError if two packs disagree on a column's type."""
        self._rows = catalogue.stream_fields(stream)
        self._schema = stream_schema(catalogue, stream)
        self._keyring = keyring
        self._plans: dict[tuple[str, str, Audience], Plan] = {}

    def deidentify(self, batch: Batch, wall: datetime) -> Batch:
        """Return the batch with its two output tables, and without a raw value.

        Args:
            batch: classified and gated.
            wall: the machine's clock, aware; it rules keys and the day of arrival.
        """
        parts: dict[Audience, list[pa.Table]] = {audience: [] for audience in AUDIENCES}
        if batch.table.num_rows:
            run = _Run(batch, wall, self._keyring, self._schema)
            for pack, audience, rows in run.groups():
                parts[audience].append(run.apply(self._plan(batch.packs[pack], audience), rows))
        batch.outputs = {audience: self._in_order(tables) for audience, tables in parts.items()}
        batch.table = pa.table({})
        batch.raw = []
        return batch

    def _plan(self, pair: object, audience: Audience) -> Plan:
        known: PackPair = pair  # type: ignore[assignment]  # Batch does not know the packs' type
        key = (known.at_event.digest, known.at_now.digest, audience)
        if key not in self._plans:
            self._plans[key] = compile_plan(known, self._rows, audience)
        return self._plans[key]

    def _in_order(self, tables: list[pa.Table]) -> pa.Table:
        """Return the tables as one, columns in the order of the schema, rows in that of their keys."""
        if not tables:
            return FIXED.empty_table()
        if len(tables) == 1:
            return tables[0]
        joined = pa.concat_tables(tables, promote_options="default").combine_chunks()
        joined = joined.select([name for name in self._schema.names if name in joined.column_names])
        return joined.take(pa.array(key_order(joined["event_key"])))


class _Run:
    """One batch on its way: each column encoded at most once, keys asked at most once."""

    def __init__(self, batch: Batch, wall: datetime, keyring: Keyring, schema: pa.Schema) -> None:
        self._table = batch.table
        self._schema = schema
        self._encoded: dict[str, Encoded | None] = {}
        self._tokenizer = Tokenizer(keyring, wall)
        self._ciphers = Ciphers(keyring, wall)
        self._keys = batch.table["event_key"].cast(pa.binary(16)).combine_chunks()
        self._order = key_order(self._keys)
        self._times = _times(batch.table["event_time"], wall)

    def groups(self) -> Iterator[tuple[int, Audience, Codes]]:
        """Yield (index of the pair of packs, audience, rows in the order of their keys)."""
        packs = self._table["pack"].cast(pa.int64()).to_numpy()
        personal = self._table["authorized"].fill_null(False).to_numpy()  # noqa: FBT003 - Arrow's signature
        group, used = compact(packs * 2 + personal, 2 * (int(packs.max()) + 1))
        in_order = group[self._order]
        for number, code in enumerate(used.tolist()):
            yield code // 2, AUDIENCES[code % 2], self._order[in_order == number]

    def apply(self, plan: Plan, rows: Codes) -> pa.Table:
        """Return the output columns of a plan for its rows."""
        epochs = epochs_of(plan.audience, self._times.dates, self._times.date_codes[rows])
        made = self._fixed(plan, rows, epochs)
        around: Surroundings | None = None
        for step in plan.steps:
            column = self._column(step.source, rows)
            if column is None:
                continue
            if step.keyed is not None:
                around = around or self._around(plan, rows)
                results = (self._ciphers.treat(plan.audience, plan.system, step.keyed, column, around),)
            elif step.words_by_token:
                results = self._tokenizer.texts(plan.audience, plan.system, column, epochs)
            elif step.token_kind is None:
                results = tuple(spread(one, column.codes) for one in step.treat(column.values))
            else:
                kind = step.token_kind
                results = (self._tokenizer.tokens(plan.audience, plan.system, kind, column, epochs),)
            made.update(zip(step.columns, results, strict=True))
        schema = pa.schema([self._schema.field(name) for name in self._schema.names if name in made])
        return pa.table([made[name] for name in schema.names], schema=schema)

    def _fixed(self, plan: Plan, rows: Codes, epochs: Epochs) -> dict[str, pa.Array]:
        times, number = self._times, len(rows)
        codes = times.date_codes[rows]
        event_type = self._column("event_type", rows)
        assert event_type is not None
        return {
            "event_key": self._keys.take(pa.array(rows)),
            "system": pa.repeat(pa.scalar(plan.system), number),
            "event_type": spread(event_type.values, event_type.codes),
            "event_date": spread(pa.array(times.dates, pa.string()), codes),
            "event_hour": pa.array(times.hours[rows]).cast(pa.timestamp("us", tz="UTC")),
            "subject": self._subject(plan, rows, epochs),
            "policy": pa.repeat(pa.scalar(plan.citation), number),
            "due_date": spread(pa.array(times.due, pa.string()), codes),
        }

    def _subject(self, plan: Plan, rows: Codes, epochs: Epochs) -> pa.Array:
        """Return the token of the first kind of id that a row has."""
        subject = pa.nulls(len(rows), pa.string())
        for kind, sources in plan.subject:
            for source in sources:
                column = self._column(source, rows)
                if column is not None and subject.null_count:
                    tokens = self._tokenizer.tokens(plan.audience, plan.system, kind, column, epochs)
                    subject = subject.fill_null(tokens) if subject.null_count < len(subject) else tokens
        return subject

    def _around(self, plan: Plan, rows: Codes) -> Surroundings:
        """Return what keyed treatments depend on: the day, and the subject if one asks for it."""
        dates, codes = self._times.dates, self._times.date_codes[rows]
        if not any(step.keyed and step.keyed.by_subject for step in plan.steps):
            return Surroundings(dates, codes)
        sources = ((kind, self._column(source, rows)) for kind, names in plan.subject for source in names)
        return Surroundings(dates, codes, subject_ids(sources, len(rows)))

    def _column(self, name: str, rows: Codes) -> Encoded | None:
        """Return a column's values of some rows; None if no event of the batch carries it."""
        if name not in self._encoded:
            there = name in self._table.column_names
            self._encoded[name] = encode(self._table[name]) if there else None
        whole = self._encoded[name]
        if whole is None:
            return None
        chosen = select(whole, rows)
        return chosen if len(chosen.values) else None


def key_order(keys: pa.ChunkedArray | pa.Array) -> Codes:
    """Return the rows in the order of their 16-byte keys."""
    if isinstance(keys, pa.ChunkedArray):
        keys = keys.combine_chunks()
    halves = np.frombuffer(keys.buffers()[1], dtype=">u8", count=2 * len(keys), offset=16 * keys.offset)
    high, low = halves.astype(np.uint64).reshape(-1, 2).T
    return np.lexsort((low, high))


def _times(column: pa.ChunkedArray, wall: datetime) -> _Times:
    instants = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    days = (instants + _CHINA_US) // _DAY_US
    first = int(days.min())
    codes, used = compact(days - first, int(days.max()) - first + 1)
    dates = [_FIRST_DAY + timedelta(days=first + day) for day in used.tolist()]
    arrival = local_date(wall)
    return _Times(
        dates=tuple(day.isoformat() for day in dates),
        date_codes=codes,
        hours=instants // _HOUR_US * _HOUR_US,
        # Copies have no floor, and columns of class PERM are blanked where they lie: what is left of a row falls due
        # with the log (R-RET-05), counted from the earlier of event and arrival.
        due=tuple(_log_due(min(day, arrival)) for day in dates),
    )


def _log_due(clock: date) -> str:
    due = due_date("LOG", clock)
    assert due is not None, "the class LOG has a ceiling"
    return due.isoformat()
