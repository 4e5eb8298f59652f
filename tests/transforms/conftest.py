"""What the steps of a stream need: the built-in catalogue, a small real keyring, and short ways to make bundles."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from governance.keys import EventKeys, Keyring, OpsKey, RootKey, open_sealed
from governance.policy import Catalogue, load_catalogue
from transforms.deid.decode import Decoder
from transforms.deid.events import Batch, DeadLetter, RawBundle, Sealer, Segment
from transforms.deid.letters import read_letter

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
OPS_BYTES = bytes(range(1, 33))

Decode = Callable[..., Batch]


def event(**changes: Any) -> dict[str, Any]:
    """Return a plain event of sepp, with `changes`; a change to None removes the key."""
    plain = {
        "system": "sepp",
        "event_type": "page_view",
        "event_time": "2026-10-31T08:00:00Z",
        "fields": {"page_url": "/a"},
    }
    return {key: value for key, value in (plain | changes).items() if value is not None}


def line(**changes: Any) -> bytes:
    """Return `event(**changes)` as a line of JSON."""
    return json.dumps(event(**changes), ensure_ascii=False).encode()


def bundle(
    lines: Sequence[bytes], record_format: str = "native", system: str | None = None, published: datetime | None = None
) -> RawBundle:
    """Return one segment of a source called `base`, whose offsets are line numbers."""
    return RawBundle((Segment(record_format, system, published, "base", range(len(lines)), list(lines)),))


def total(batch: Batch) -> int:
    """Return what `batch.read` must equal."""
    assert len(batch.raw) == batch.table.num_rows
    return batch.table.num_rows + len(batch.dead_letters) + batch.dropped.total()


def reasons(batch: Batch) -> list[tuple[str, str]]:
    """Return code and path of every dead letter."""
    return [(letter.code, letter.path) for letter in batch.dead_letters]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The built-in inventory and packs."""
    return load_catalogue()


@pytest.fixture(scope="session")
def shared_keyring(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    """A real keyring in a file, with an ops key."""
    path: Path = tmp_path_factory.mktemp("keyring") / "keyring.sqlite"
    made = Keyring.create(f"sqlite:///{path}", RootKey(bytes(range(100, 132))), clock=lambda: NOW)
    made.set_ops_public(OpsKey(OPS_BYTES).public())
    return made


@pytest.fixture(scope="session")
def ops() -> OpsKey:
    """The private ops key, as operations would hold it."""
    return OpsKey(OPS_BYTES)


@pytest.fixture(scope="session")
def event_keys(shared_keyring: Keyring) -> EventKeys:
    """Keyed names of the service log."""
    return shared_keyring.event_keys("service_log")


@pytest.fixture
def sealer(shared_keyring: Keyring) -> Sealer:
    """Seals one bundle."""
    return shared_keyring.sealer("dead_letters", NOW)


@pytest.fixture
def opened(shared_keyring: Keyring, ops: OpsKey, sealer: Sealer) -> Callable[[DeadLetter], bytes]:
    """Return a function that opens what `sealer` sealed, and gives the record."""

    def open_letter(letter: DeadLetter) -> bytes:
        assert letter.sealed is not None
        payload = open_sealed(
            ops,
            shared_keyring,
            purpose="dead_letters",
            day=sealer.day,
            wrapped_key=sealer.wrapped_key(),
            sealed=letter.sealed,
            associated=letter.event_key,
        )
        return read_letter(payload).line

    return open_letter


@pytest.fixture
def decoder(catalogue: Catalogue, event_keys: EventKeys) -> Decoder:
    """A decoder of the service log."""
    return Decoder(catalogue, "service_log", keys=event_keys, now=NOW)


@pytest.fixture
def decode(decoder: Decoder, sealer: Sealer) -> Decode:
    """Return a function that decodes lines into a batch whose sum holds."""

    def run(*lines: bytes, **segment: Any) -> Batch:
        batch = decoder(bundle(lines, **segment), sealer)
        assert batch.read == total(batch)
        return batch

    return run
