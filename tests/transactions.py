"""What tests of the vault share: a real keyring, orders as lines, and the way from lines into a real table."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from governance.keys import EnvelopeOpener, Keyring, OpsKey, RootKey
from governance.policy import load_catalogue
from pipelines.sinks.vault import VaultTables, VaultWriter
from retention.stores.delta import FencedTable
from retention.vault.layout import vault_spec
from retention.vault.payloads import open_rows
from transforms.deid.classify import classify
from transforms.deid.decode import Decoder
from transforms.deid.enclosing import Enclosure
from transforms.deid.events import FileRange, RawBundle, Segment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from pipelines.sinks.sums import Sum
    from transforms.deid.events import Batch

OPS_BYTES = bytes(range(1, 33))
CATALOGUE = load_catalogue()
NOW = datetime(2025, 6, 15, 4, tzinfo=UTC)


def step(kind: str, when: str, order: str = "A-1", system: str = "sepp", **fields: Any) -> bytes:
    """Return one event of an order; `when` is a date, at noon of +08:00."""
    event = {
        "event_id": f"{order}/{kind}/{when}",
        "system": system,
        "event_type": kind,
        "event_time": f"{when}T12:00:00+08:00",
        "subject": {"account": "u1"},
        "fields": {"order_number": order, **fields},
    }
    return json.dumps(event, ensure_ascii=False).encode()


@dataclass
class Place:
    """A keyring and a lake of their own."""

    folder: Path
    now: datetime = NOW
    wall: datetime = NOW
    keyring: Keyring = field(init=False)
    ops: OpsKey = field(init=False)

    def __post_init__(self) -> None:
        """Make the keyring."""
        self.ops = OpsKey(OPS_BYTES)
        url = f"sqlite:///{self.folder / 'keyring.sqlite'}"
        self.keyring = Keyring.create(url, RootKey(bytes(range(100, 132))), clock=lambda: self.wall)
        self.keyring.set_ops_public(self.ops.public())

    @property
    def lake(self) -> str:
        """Root of the lake."""
        return str(self.folder / "lake")

    @property
    def opener(self) -> EnvelopeOpener:
        """What opens rows with the ops key."""
        return EnvelopeOpener(self.ops, self.keyring)

    def decoded(self, lines: Sequence[bytes], **options: Any) -> Batch:
        """Return lines as a classified batch."""
        keys = self.keyring.event_keys("transactions")
        record_format = options.get("record_format", "native")
        decode = Decoder(CATALOGUE, "transactions", keys=keys, now=self.now, default_format=record_format)
        segment = Segment(
            record_format,
            options.get("system"),
            options.get("published"),
            options.get("base", "base"),
            range(options.get("offset", 0), options.get("offset", 0) + len(lines)),
            list(lines),
        )
        ranges = (FileRange("base", 0, len(lines)),)
        batch = decode(RawBundle((segment,), ranges), self.keyring.sealer("dead_letters", self.wall))
        return classify(batch, CATALOGUE, "transactions", self.now)

    def enclosed(self, lines: Sequence[bytes], **options: Any) -> Batch:
        """Return lines as an enclosed batch."""
        enclosure = Enclosure(CATALOGUE, "transactions", self.keyring)
        return enclosure.enclose(self.decoded(lines, **options), self.now, self.wall)

    def writer(self) -> VaultWriter:
        """Return a writer of this lake's vault."""
        tables = VaultTables(self.lake, "transactions")
        return VaultWriter(tables, {"ebb.run": "r"}, lambda base: f"id-{base}", lambda: self.wall)

    def store(self, *lines: bytes, **options: Any) -> Sum:
        """Write lines into the vault."""
        return self.writer().write(self.enclosed(lines, **options))

    def table(self) -> FencedTable:
        """Open the vault."""
        return FencedTable(vault_spec(self.lake))

    def rows(self) -> pa.Table:
        """Return the vault's rows, in the order of their event keys."""
        return self.table().dataset().to_table().sort_by("event_key")

    def opened(self, part: str = "content") -> list[dict[str, Any]]:
        """Return the payloads of all rows."""
        return open_rows(self.rows(), self.ops, self.keyring, part)  # type: ignore[arg-type]
