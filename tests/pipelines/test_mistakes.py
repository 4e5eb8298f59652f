"""Mistakes that would pass for success: each is refused, and says what to correct."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from governance.errors import EbbError, KeyringError, UsageError
from tests.pipelines.calling import call, code
from tests.retention.rooms import make_room

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with 500 events in its lake."""
    home, events = tmp_path / "home", tmp_path / "events.ndjson"
    assert (
        call(home, "generate", "service-logs", "--events", "500", "--seed", "3", "--to", f"files:{events}").exit_code
        == 0
    )
    assert call(home, "run", "service-logs", "--from", f"files:{events}", "--drain").exit_code == 0
    return home


def test_a_lost_keyring_is_not_replaced_beside_its_tables(home: Path) -> None:
    """With fresh event keys everything would be stored twice: a run is refused until the keyring is back."""
    for file in home.glob("keyring.sqlite*"):
        file.unlink()
    again = call(home, "run", "service-logs", "--from", f"files:{home.parent / 'events.ndjson'}", "--drain")
    assert isinstance(again.exception, KeyringError)
    assert "ebb keys restore" in str(again.exception)
    assert not (home / "keyring.sqlite").exists()


@pytest.mark.parametrize(
    "command",
    [("hold", "place", "C1", "--reason", "claim"), ("ended", "account", "--at", "2026-01-01T00:00:00+08:00")],
)
def test_a_system_that_no_pack_knows_holds_and_ends_nobody(home: Path, command: tuple[str, ...]) -> None:
    """A mistyped system would find nobody and claim success."""
    result = call(home, *command, "--person", "sep:account:u1")
    assert code(result) == 2
    assert "known are index_site" in str(result.exception)
    assert "u1" not in str(result.exception)


@pytest.mark.parametrize("command", ["hold", "ended"])
def test_a_list_of_people_that_is_no_text_is_named(home: Path, tmp_path: Path, command: str) -> None:
    """A file in another encoding gets a sentence."""
    people = tmp_path / "people.txt"
    people.write_bytes("sepp:account:张伟\n".encode("gbk"))
    more = ("place", "C1", "--reason", "r") if command == "hold" else ("account", "--at", "2026-01-01T00:00:00+08:00")
    result = call(home, command, *more, "--subjects-from", str(people))
    assert code(result) == 2
    assert "is not UTF-8 text" in str(result.exception)


def test_a_home_that_is_not_there_is_no_healthy_one(tmp_path: Path) -> None:
    """A mistyped --home would have nothing due, and a whole chain of no entries."""
    for command in (("sweep", "plan"), ("ledger", "verify"), ("datasets", "check"), ("hold", "list")):
        result = call(tmp_path / "typo", *command)
        assert isinstance(result.exception, UsageError), command
        assert "correct --home" in str(result.exception)
    assert not (tmp_path / "typo").exists()


def test_systems_that_authorize_nothing_are_refused(home: Path) -> None:
    """--authorized-systems alone would be passed over, and everything take the anonymous path."""
    events = f"files:{home.parent / 'events.ndjson'}"
    result = call(home, "run", "service-logs", "--from", events, "--drain", "--authorized-systems", "sepp")
    assert isinstance(result.exception, UsageError)
    assert "--authorization operator" in str(result.exception)


def test_a_certificate_is_compared_with_somebodys_key_or_not_called_valid(tmp_path: Path) -> None:
    """Where there is no signing key, a valid signature says nothing of who signed."""
    (tmp_path / "certificate.json").write_text("{}")
    result = call(tmp_path, "sweep", "certificate", "--check", str(tmp_path / "certificate.json"))
    assert isinstance(result.exception, UsageError)
    assert "--public-key" in str(result.exception)


def test_nothing_is_planned_on_a_broken_record(tmp_path: Path) -> None:
    """The daily plan looks at the chain, so that a changed line is noticed within a day."""
    make_room(tmp_path)
    assert "OVERDUE" in str(call(tmp_path, "sweep", "plan").exception)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE ebb_ledger_payloads SET payload = '{}' WHERE number = 1")
    result = call(tmp_path, "sweep", "plan")
    assert isinstance(result.exception, EbbError)
    assert "entry 1 of the ledger" in str(result.exception)


def test_a_column_that_is_not_there_stops_the_plan(tmp_path: Path) -> None:
    """A mistyped subject column would make holds and endings find nobody; a mistyped clock is named as well."""
    make_room(tmp_path)
    register = (tmp_path / "datasets.yaml").read_text()
    for right, wrong in (("subject: customer", "subject: custmer"), ("completed_at", "completd_at")):
        (tmp_path / "datasets.yaml").write_text(register.replace(right, wrong))
        result = call(tmp_path, "sweep", "plan")
        assert code(result) == 3, result.exception
        assert f"no column {wrong.rpartition(' ')[2]}" in str(result.exception)
