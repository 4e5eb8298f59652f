"""`ebb dead-letters`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake

from governance.errors import LakeError
from pipelines.commands.dead_letters import dead_letters
from pipelines.sinks.letters import DEAD_LETTERS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake with four dead letters, one of them destroyed at the door."""
    monkeypatch.chdir(tmp_path)
    rows: list[dict[str, Any]] = [
        letter(b"1", "SCHEMA_MISSING", "event_time"),
        letter(b"2", "SCHEMA_MISSING", "event_time"),
        letter(b"3", "SCHEMA_MISSING", "event_time", received_date="2026-11-22", due_date="2026-12-22"),
        letter(b"4", "BIOMETRIC_PROHIBITED", "fields.?", day=None, wrapped_key=None, sealed=None),
    ]
    write_deltalake(
        str(tmp_path / "lake" / "dead_letters"),
        pa.Table.from_pylist(rows, schema=DEAD_LETTERS),
        partition_by=["received_date"],
    )
    return tmp_path / "lake"


def letter(key: bytes, code: str, path: str, **other: object) -> dict[str, Any]:
    """Return a dead letter's row."""
    row = {
        "event_key": key * 16,
        "received_date": "2026-11-23",
        "stream": "service_log",
        "stage": "decode",
        "code": code,
        "path": path,
        "policy": None,
        "day": "2026-11-23",
        "wrapped_key": b"WRAPPED",
        "sealed": b"SEALED",
        "probe": None,
        "due_date": "2026-12-23",
    }
    return row | other


def ebb(*arguments: str) -> str:
    """Run `ebb dead-letters …` and return what it printed."""
    result = CliRunner().invoke(dead_letters, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_counts_by_what_was_wrong(lake: Path) -> None:
    """Groups are days, streams, stages, codes and paths, in order, with counts and due dates."""
    answer = json.loads(ebb("list", "--lake", str(lake), "--json"))
    assert answer["total"] == 4
    assert [
        (one["day"], one["code"], one["path"], one["count"], one["sealed"], one["due"])
        for one in answer["dead_letters"]
    ] == [
        ("2026-11-22", "SCHEMA_MISSING", "event_time", 1, 1, "2026-12-22"),
        ("2026-11-23", "BIOMETRIC_PROHIBITED", "fields.?", 1, 0, "2026-12-23"),
        ("2026-11-23", "SCHEMA_MISSING", "event_time", 2, 2, "2026-12-23"),
    ]


def test_list_shows_no_payload(lake: Path) -> None:
    """The table for people names codes and paths; nothing sealed is printed."""
    shown = ebb("list", "--home", str(lake.parent))
    assert "no dead letters" not in shown.lower()
    shown = ebb("list", "--lake", str(lake))
    assert "SCHEMA_MISSING" in shown
    assert "fields.?" in shown
    assert "SEALED" not in shown
    assert "WRAPPED" not in shown


def test_a_lake_without_dead_letters_has_none(tmp_path: Path) -> None:
    """Before the first reject there is no table, and that is no error."""
    assert "No dead letters in" in ebb("list", "--lake", str(tmp_path / "lake"))
    assert json.loads(ebb("list", "--lake", str(tmp_path / "lake"), "--json")) == {"dead_letters": [], "total": 0}


def test_a_damaged_table_is_an_error(tmp_path: Path) -> None:
    """A table that does not open raises an error of ours."""
    (tmp_path / "lake" / "dead_letters" / "_delta_log").mkdir(parents=True)
    with pytest.raises(LakeError):
        ebb("list", "--lake", str(tmp_path / "lake"))
