"""The ledger's file, and what is left in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from governance.errors import EbbWarning
from governance.ledger import Ledger, store

if TYPE_CHECKING:
    from pathlib import Path

LONG_AGO = datetime(2022, 11, 23, 12, tzinfo=UTC)


def test_a_reader_that_keeps_a_deleted_payload_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a long read the payload stays: a warning says so, and the next deletion removes it."""
    monkeypatch.setattr(store, "_BUSY_SECONDS", 0.1)
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger.open(f"sqlite:///{path}")
    ledger.append("sweep.plan", "digest", {"note": "to be forgotten"}, LONG_AGO)
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM ebb_ledger").fetchall()
        with pytest.warns(EbbWarning, match="somebody reads the ledger"):
            assert ledger.forget(1)
        assert any(b"to be forgotten" in file.read_bytes() for file in tmp_path.iterdir())
    assert not ledger.forget(1)
    assert not any(b"to be forgotten" in file.read_bytes() for file in tmp_path.iterdir())
