"""All steps of a stream, one after the other, as a bundle passes them; the sum is checked at each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from governance.keys import EventKeys, Keyring, OpsKey, RootKey
from governance.policy import RECORD_STREAMS, Catalogue, load_catalogue
from transforms.deid.classify import classify
from transforms.deid.decode import Decoder
from transforms.deid.enclosing import Enclosure
from transforms.deid.engine import Engine
from transforms.deid.events import RawBundle, Segment
from transforms.deid.gate import Authorization, gate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from transforms.deid.events import Batch

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
STREAMS = ("service_log", "equipment", "transactions")
FORMATS = ("native", "apache_combined", "gdpr_sample", "online_retail", "none-such")


class Glass:
    """A sealer that keeps what it was given, so that a test can look through it."""

    day = "2026-11-01"

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def seal(self, payload: bytes, associated: bytes) -> bytes:
        """Remember the payload and return nothing of it."""
        self.payloads.append(payload)
        return b"sealed"

    def wrapped_key(self) -> bytes:
        """Return no key."""
        return b""


class Passage:
    """The steps of the three streams over one throw-away keyring; decoders learn, as they do in a long run."""

    def __init__(self, folder: Path) -> None:
        self.catalogue: Catalogue = load_catalogue()
        self.keyring = Keyring.create(f"sqlite:///{folder / 'keyring.sqlite'}", RootKey(bytes(range(32))))
        self.keyring.set_ops_public(OpsKey(bytes(range(1, 33))).public())
        keys = EventKeys(b"d" * 32, b"p" * 32)
        self._decoders = {name: Decoder(self.catalogue, name, keys=keys, now=NOW) for name in STREAMS}
        self._last = {
            name: Enclosure(self.catalogue, name, self.keyring)
            if name in RECORD_STREAMS
            else Engine(self.catalogue, name, self.keyring)
            for name in STREAMS
        }

    def take(
        self,
        lines: Sequence[bytes],
        stream: str = "service_log",
        record_format: str = "native",
        *,
        authorized: Sequence[str] = (),
    ) -> Batch:
        """Return what the sink would get of `lines`, having checked the sum after every step.

        Args:
            lines: records.
            stream: one of `STREAMS`.
            record_format: their format.
            authorized: systems whose accounts take the personal path.
        """
        segment = Segment(record_format, "sepp", NOW, "base", range(len(lines)), list(lines))
        batch = self._decoders[stream](RawBundle((segment,)), Glass())
        headers = sum(bool(line.strip()) for line in lines) - batch.read
        assert headers == 0 or record_format == "online_retail", "lines vanished"
        _check_sum(batch)
        batch = classify(batch, self.catalogue, stream, NOW)
        _check_sum(batch)
        last = self._last[stream]
        if isinstance(last, Enclosure):
            batch = last.enclose(batch, NOW, NOW)
        else:
            granted = Authorization("operator" if authorized else "none", frozenset(authorized))
            batch = gate(batch, granted, self.catalogue)
            _check_sum(batch)
            batch = last.deidentify(batch, NOW)
        written = sum(table.num_rows for table in batch.outputs.values())
        assert batch.read == written + len(batch.dead_letters) + batch.dropped.total(), "the sum does not hold"
        for table in batch.outputs.values():
            table.validate(full=True)
        return batch

    def codes(self, lines: Sequence[bytes], stream: str = "service_log", record_format: str = "native") -> list[str]:
        """Return the codes under which `lines` were refused or dropped."""
        batch = self.take(lines, stream, record_format)
        return [letter.code for letter in batch.dead_letters] + list(batch.dropped.elements())


def _check_sum(batch: Batch) -> None:
    assert len(batch.raw) == batch.table.num_rows, "rows without their record"
    assert batch.read == batch.table.num_rows + len(batch.dead_letters) + batch.dropped.total(), "the sum does not hold"
