"""Enclose transactions: clear columns for the clock, two sealed payloads for everything else.

What is in clear is what a sweep needs and tells nothing of a person: dates, kinds, keyed hashes. A record whose
completion it does not know, or states as it cannot be, goes to the month of its arrival and is held there (R-RET-07).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import yaml

from governance.calendar import local_date
from governance.keys import ALGORITHM, PARTS, Envelope, Part
from governance.policy.completion import Step, completed_on_arrival
from governance.policy.retention import due_date
from transforms.deid import instants
from transforms.deid.columns import encode
from transforms.deid.rejects import SUBJECT_KINDS, drop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from governance.keys import EventKeys, Keyring
    from governance.policy import Catalogue
    from transforms.deid.events import Batch

NO_CLOCK, EXPIRED = "RET_NO_CLOCK", "EXPIRED_ON_ARRIVAL"
_CHINA = timedelta(hours=8) // timedelta(microseconds=1)
_DAY = timedelta(days=1) // timedelta(microseconds=1)


class Enclosure:
    """Encloses batches of one stream of records; it belongs to the calling thread.

    Args:
        catalogue: names the stream's fields.
        stream: a stream of records.
        keyring: makes data keys' wrappings and keyed hashes; has no half that opens.
    """

    def __init__(self, catalogue: Catalogue, stream: str, keyring: Keyring) -> None:
        self._fields = [row.field for row in catalogue.stream_fields(stream)]
        self._keyring = keyring
        self._keys: EventKeys = keyring.event_keys(stream)
        self._content = _content_fields()

    def enclose(self, batch: Batch, now: datetime, wall: datetime) -> Batch:
        """Return the batch with the table "vault" for output, raw rows let go; changed in place.

        Args:
            batch: classified.
            now: dates arrival where the transport does not.
            wall: names the key of records that have no clock.

        Guarantees:
            A record of a due date whose key was destroyed does not come back: it is dropped and counted.
        """
        clear = self._clear(batch, now, wall)
        publics = self._keyring.due_date_publics(set(clear["key_id"]))
        gone = np.array([key_id not in publics for key_id in clear["key_id"]], dtype=bool)
        if gone.any():
            drop(batch, gone, EXPIRED)
            clear = {name: _kept(values, ~gone) for name, values in clear.items()}
        envelopes = {key_id: Envelope(public) for key_id, public in publics.items()}
        clear |= self._payloads(batch, envelopes, clear["key_id"])
        made = pa.table({name: pa.array(clear[name], _TYPES.get(name, pa.string())) for name in _COLUMNS})
        batch.outputs = {"vault": made.sort_by("event_key")}
        batch.table, batch.raw = batch.table.slice(0, 0), []
        return batch

    def _clear(self, batch: Batch, now: datetime, wall: datetime) -> dict[str, list[Any]]:
        table = batch.table
        systems, types = table["system"].to_pylist(), table["event_type"].to_pylist()
        clocks = _dates(table["event_time"])
        arrived = _dates(table["received"].fill_null(pa.scalar(now, instants.INSTANT)))
        stated = _stated(table, now)
        completed = [
            _completed(kind, on, said) if said else None for kind, on, said in zip(types, clocks, stated, strict=True)
        ]
        due = [_due(one) if one else None for one in completed]
        month, open_key = local_date(now).isoformat()[:7], f"open-{local_date(wall).isoformat()[:7]}"
        citations = [pack.citation for pack in batch.packs]  # type: ignore[attr-defined]
        return {
            "event_key": table["event_key"].to_pylist(),
            "system": systems,
            "event_type": types,
            "due_month": [one[:7] if one else f"open-{month}" for one in due],
            "due_date": due,
            "clock_date": [one.isoformat() for one in clocks],
            "completed_date": [one.isoformat() if one else None for one in completed],
            "received_date": [one.isoformat() for one in arrived],
            "order_token": self._tokens(systems, "order", _texts(table, "clock.order_number")),
            "probe": self._probes(table, systems),
            "policy": [citations[number] for number in table["pack"].to_pylist()],
            "algorithm": [ALGORITHM] * len(systems),
            "key_id": [one or open_key for one in due],
            "subject_key": [None] * len(systems),
        }

    def _tokens(self, systems: Sequence[str], kind: str, ids: Sequence[str | None]) -> list[bytes | None]:
        """Return the keyed hash of each identifier; each distinct one is hashed once."""
        pairs = [(system, one) if one and one.strip() else None for system, one in zip(systems, ids, strict=True)]
        made = {pair: self._keys.subject_probe(pair[0], kind, pair[1]) for pair in set(pairs) if pair}
        return [made[pair] if pair else None for pair in pairs]

    def _probes(self, table: pa.Table, systems: Sequence[str]) -> list[bytes | None]:
        found: list[bytes | None] = [None] * len(systems)
        for kind in SUBJECT_KINDS:
            made = self._tokens(systems, kind, _texts(table, f"subject.{kind}"))
            found = [old or new for old, new in zip(found, made, strict=True)]
        return found

    def _payloads(
        self, batch: Batch, envelopes: Mapping[str, Envelope], key_ids: Sequence[str]
    ) -> dict[str, list[bytes]]:
        made: dict[str, list[bytes]] = {}
        keys = batch.table["event_key"].to_pylist()
        for part in PARTS:
            plain = self._plain(batch.table, part)
            made[f"{part}_key"] = [envelopes[key_id].wrapped(part) for key_id in key_ids]
            made[part] = [
                envelopes[key_id].fill(part, payload, key)
                for key_id, payload, key in zip(key_ids, plain, keys, strict=True)
            ]
        return made

    def _plain(self, table: pa.Table, part: Part) -> list[bytes]:
        """Return each row's fields of one part as MessagePack; the event's time is content."""
        content = part == "content"
        names = [one for one in self._fields if (one in self._content) == content]
        names += ["event_time"] if content else [f"subject.{kind}" for kind in SUBJECT_KINDS]
        names = [one for one in names if one in table.column_names and table[one].null_count < table.num_rows]
        encoder = msgspec.msgpack.Encoder()
        columns = [table[name].to_pylist() for name in names]
        rows = zip(*columns, strict=True) if columns else ((),) * table.num_rows
        return [
            encoder.encode({name: value for name, value in zip(names, row, strict=True) if value is not None})
            for row in rows
        ]


_COLUMNS = (
    "event_key", "system", "event_type", "due_month", "due_date", "clock_date", "completed_date", "received_date",
    "order_token", "probe", "policy", "algorithm", "key_id", "subject_key", "identity_key", "content_key",
    "identity", "content",
)  # fmt: skip
_TYPES = {name: pa.binary() for name in ("event_key", "order_token", "probe", *PARTS, *(f"{one}_key" for one in PARTS))}


@lru_cache(maxsize=1)
def _content_fields() -> frozenset[str]:
    text = Path(__file__).with_name("vault_parts.yaml").read_text(encoding="utf-8")
    return frozenset(yaml.safe_load(text)["content"])


@lru_cache(maxsize=4096)
def _completed(kind: str, on: date, stated: date) -> date | None:
    return completed_on_arrival(Step(kind, on, stated))


@lru_cache(maxsize=4096)
def _due(completed: date) -> str:
    due = due_date("TXN", completed)
    assert due is not None
    return due.isoformat()


def _stated(table: pa.Table, now: datetime) -> list[date | None]:
    """Return the completion that a record names; None where it names none, or one that is no instant or lies ahead."""
    name = "clock.transaction_completed_at"
    if name not in table.column_names:
        return [None] * table.num_rows
    encoded = encode(table[name])
    latest = local_date(now)
    read = [_read(text, latest) for text in encoded.values.to_pylist()]
    return [read[code] if code >= 0 else None for code in encoded.codes.tolist()]


def _read(text: str, latest: date) -> date | None:
    instant = instants.parse(text)
    try:
        on = None if isinstance(instant, str) else local_date(instant)
    except OverflowError:
        return None
    return on if on is not None and on <= latest else None


def _dates(column: pa.ChunkedArray) -> list[date]:
    """Return the +08:00 date of each instant; each distinct day is worked out once."""
    days = (column.cast(pa.int64()).to_numpy() + _CHINA) // _DAY
    made = {day: date(1970, 1, 1) + timedelta(days=day) for day in np.unique(days).tolist()}
    return [made[day] for day in days.tolist()]


def _texts(table: pa.Table, name: str) -> list[str | None]:
    found: list[str | None] = table[name].to_pylist() if name in table.column_names else [None] * table.num_rows
    return found


def _kept(values: list[Any], mask: np.ndarray) -> list[Any]:
    return [value for value, keep in zip(values, mask.tolist(), strict=True) if keep]
