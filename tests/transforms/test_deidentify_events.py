"""De-identifying as a step of a stream: window keys are destroyed on time while it runs."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from governance.keys import Keyring, OpsKey, RootKey
from tests.transforms.conftest import OPS_BYTES, bundle, line
from transforms.decode_events import _DecodeFn
from transforms.deid.classify import classify
from transforms.deid.gate import Authorization, gate
from transforms.deidentify_events import SWEEP_EVERY, _DeidentifyFn
from transforms.job import StreamJob

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2026, 11, 1, 12, tzinfo=UTC)


@dataclass
class MovedClock:
    """A clock that the test moves."""

    instant: list[datetime] = field(default_factory=lambda: [START])

    def now(self) -> datetime:
        """Return where it was moved to."""
        return self.instant[0]

    wall = now


def test_window_keys_are_gone_two_days_after_they_were_made(tmp_path: Path) -> None:
    """A stream that runs across days destroys each day's key on time, in the file and in its own process."""
    clock, path = MovedClock(), tmp_path / "keyring.sqlite"
    keyring = Keyring.create(f"sqlite:///{path}", RootKey(bytes(32)), clock=clock.wall)
    keyring.set_ops_public(OpsKey(OPS_BYTES).public())
    job = StreamJob("service_log", clock, lambda: keyring)
    decode, deidentify = _DecodeFn(job), _DeidentifyFn(job)
    decode.setup()
    deidentify.setup()

    def stream() -> str | None:
        """Take one event of the first day, with a device, through the steps; return its window token."""
        batch = next(decode.process(bundle([line(event_time=START.isoformat(), fields={"device_id": "d-1"})])))
        batch = gate(classify(batch, job.catalogue(), "service_log", clock.now()), Authorization(), job.catalogue())
        table = next(deidentify.process(batch)).outputs["anonymous"]
        return str(table["device_id"][0].as_py())

    def windows() -> list[bytes]:
        with sqlite3.connect(path) as connection:
            return [row[0] for row in connection.execute("SELECT wrapped FROM ebb_keys WHERE use = 'window'")]

    first = stream()
    (key,) = windows()
    assert first is not None
    assert first.startswith("v1.2026-11-01.")
    clock.instant[0] = START + timedelta(days=2) - timedelta(seconds=1)
    assert stream() == first
    clock.instant[0] += SWEEP_EVERY
    assert stream() != first
    assert key not in windows()
    assert not any(key in file.read_bytes() for file in tmp_path.iterdir())
