"""Opening rows of the vault with the ops key, and putting them under another key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from governance.keys import ALGORITHM, PARTS, Envelope, EnvelopeOpener

if TYPE_CHECKING:
    from governance.keys import Keyring, OpsKey, Part


def open_rows(rows: pa.Table, ops: OpsKey, keyring: Keyring, part: Part) -> list[dict[str, Any]]:
    """Return the fields of one part of each row.

    Raises:
        KeyringError: a row's key was destroyed, or the ops key is another.
    """
    return [msgspec.msgpack.decode(payload) for payload in _plain(rows, EnvelopeOpener(ops, keyring), part)]


def envelope_anew(rows: pa.Table, key_id: str, opener: EnvelopeOpener, keyring: Keyring) -> pa.Table:
    """Return the rows under fresh data keys for `key_id`; their other columns stay as they are.

    Guarantees:
        Payloads are in clear in this process only; identity and content keep keys of their own.
    """
    envelope = Envelope(keyring.due_date_public(key_id))
    keys = rows["event_key"].to_pylist()
    changed: dict[str, pa.Array] = {
        "key_id": pa.repeat(pa.scalar(key_id), rows.num_rows),
        "algorithm": pa.repeat(pa.scalar(ALGORITHM), rows.num_rows),
    }
    for part in PARTS:
        plain = _plain(rows, opener, part)
        filled = [envelope.fill(part, payload, key) for payload, key in zip(plain, keys, strict=True)]
        changed[part] = pa.array(filled, pa.binary())
        changed[f"{part}_key"] = pa.array([envelope.wrapped(part)] * rows.num_rows, pa.binary())
    return with_columns(rows, changed)


def with_columns(rows: pa.Table, changed: dict[str, pa.Array]) -> pa.Table:
    """Return the rows with some columns replaced."""
    for name, values in changed.items():
        rows = rows.set_column(rows.column_names.index(name), name, values)
    return rows


def _plain(rows: pa.Table, opener: EnvelopeOpener, part: Part) -> list[bytes]:
    columns = (rows[name].to_pylist() for name in ("key_id", f"{part}_key", part, "event_key"))
    return [opener.open(part, *values) for values in zip(*columns, strict=True)]
