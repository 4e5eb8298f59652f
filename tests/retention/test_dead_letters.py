"""Finding dead letters: what a selection means, and whose letters they are without opening one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from governance.keys import Keyring, RootKey
from pipelines.sinks.letters import DEAD_LETTERS, letters_spec
from retention.dead_letters import Selection, count, of_subject, select
from retention.stores.delta import FencedTable, Table, create_table

if TYPE_CHECKING:
    from pathlib import Path

TODAY = "2026-11-23"


def letter(key: int, **other: Any) -> dict[str, Any]:
    """Return a letter's row."""
    row = {
        "event_key": bytes([key]) * 16, "received_date": "2026-11-20", "stream": "service_log", "stage": "decode",
        "code": "SCHEMA_TYPE", "path": "fields.email", "day": "2026-11-20", "wrapped_key": b"w", "sealed": b"s",
        "due_date": "2026-12-20",
    }  # fmt: skip
    return row | other


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    """A keyring that makes probes."""
    return Keyring.create(f"sqlite:///{tmp_path}/keyring.sqlite", RootKey(bytes(32)))


@pytest.fixture
def table(tmp_path: Path, keyring: Keyring) -> Table:
    """Letters of two days, two streams and two people; some destroyed, some due, one without a date."""
    events, devices = keyring.event_keys("service_log"), keyring.event_keys("equipment")
    rows = [
        letter(1, probe=events.subject_probe("sepp", "account", "u-1")),
        letter(2, probe=events.subject_probe("sepp", "account", "u-2"), due_date=TODAY),
        letter(3, probe=devices.subject_probe("sepp", "account", "u-1"), stream="equipment"),
        letter(4, code="SECRET_PROHIBITED", day=None, wrapped_key=None, sealed=None),
        letter(5, received_date="2026-11-21", due_date=None, stream="transactions"),
    ]
    spec = letters_spec(str(tmp_path))
    create_table(spec)
    made = FencedTable(spec)
    assert made.commit(made.write_files(pa.Table.from_pylist(rows, schema=DEAD_LETTERS)), {})
    return made


@pytest.mark.parametrize(
    ("selection", "keys"),
    [
        (Selection(), [1, 3, 4, 5]),
        (Selection(days=frozenset({"2026-11-21"})), [5]),
        (Selection(streams=frozenset({"equipment", "transactions"})), [3, 5]),
        (Selection(codes=frozenset({"SECRET_PROHIBITED"})), [4]),
        (Selection(key="0303"), [3]),
        (Selection(key="04", codes=frozenset({"SCHEMA_TYPE"})), []),
    ],
)
def test_a_selection_narrows_and_leaves_out_what_is_due(table: Table, selection: Selection, keys: list[int]) -> None:
    """Every part narrows; a letter is gone from its due date on, and one of a record has no such date."""
    found = [row["event_key"][0] for rows in select(table, selection, TODAY, ["event_key"]) for row in rows.to_pylist()]
    assert sorted(found) == keys


def test_the_census_tells_apart_what_can_come_back(table: Table) -> None:
    """Letters are counted by stream: sealed, destroyed at the door, due."""
    census = count(table, Selection(), TODAY)
    assert census.sealed == {"service_log": 1, "equipment": 1, "transactions": 1}
    assert (census.destroyed, census.due) == ({"service_log": 1}, {"service_log": 1})


def test_letters_of_a_subject_are_found_blindly(table: Table, keyring: Keyring) -> None:
    """A person's letters of all streams are found by id, due ones too; another system, kind or person finds none."""
    assert {row["event_key"][0] for row in of_subject(table, keyring, "sepp", "account", " u-1 ").to_pylist()} == {1, 3}
    assert [row["due_date"] for row in of_subject(table, keyring, "sepp", "account", "u-2").to_pylist()] == [TODAY]
    for system, kind, name in (("sepp", "cookie", "u-1"), ("index_site", "account", "u-1"), ("sepp", "account", "u-3")):
        nothing = of_subject(table, keyring, system, kind, name)
        assert nothing.num_rows == 0
        assert nothing.column_names == ["event_key", "received_date", "stream", "code", "path", "due_date"]


def test_a_table_without_files_has_no_letters(tmp_path: Path, keyring: Keyring) -> None:
    """Before the first reject nothing is found, and nothing fails."""
    spec = letters_spec(str(tmp_path / "new"))
    create_table(spec)
    assert of_subject(Table(spec.uri), keyring, "sepp", "account", "u-1").num_rows == 0
    assert count(Table(spec.uri), Selection(), TODAY).sealed == {}
