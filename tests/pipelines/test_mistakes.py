"""Mistakes that would pass for success: each is refused, and says what to correct."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from governance.errors import EbbError, KeyringError, RefusedError, UsageError
from tests.pipelines.calling import answer, call, code
from tests.retention.rooms import make_room, query
from tests.transforms.deid.every import CASE

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


READING = (
    "sweep list", "sweep plan --due-within 30d", "hold list", "ended list", "ledger verify", "ledger show",
    "reveal list", "datasets list", "datasets check",
)  # fmt: skip


@pytest.mark.parametrize("command", READING)
def test_what_only_reads_makes_no_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """In a home without a ledger it says what there is; a mistyped ledger_url is a mistake, and makes no file."""
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    result = call(home, *command.split())
    assert result.exception is None, result.exception
    assert list(home.iterdir()) == []
    monkeypatch.setenv("EBB_LEDGER_URL", "sqlite:///typo/ledger.sqlite")
    result = call(home, *command.split())
    if command != "datasets list":  # which looks at no ledger
        assert isinstance(result.exception, UsageError)
        assert f"there is no ledger {tmp_path}/typo/ledger.sqlite: correct the setting ledger_url" in str(
            result.exception
        )
    assert list(tmp_path.iterdir()) == [home]


def test_a_mistyped_keyring_or_store_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path with a slip in it is named, not filled with an empty database."""
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    make_room(home)
    monkeypatch.setenv("EBB_KEYRING_URL", "sqlite:///keyrng.sqlite")
    for command in (("keys", "list"), ("keys", "rotate")):
        assert "there is no keyring at keyrng.sqlite" in str(call(home, *command).exception)
    register = (home / "datasets.yaml").read_text()
    (home / "datasets.yaml").write_text(register.replace(f"{home}/shop.sqlite", "shp.sqlite"))
    checked = call(home, "datasets", "check")
    assert f"there is no database {tmp_path}/shp.sqlite: correct the store's url" in checked.output
    assert code(call(home, "sweep", "plan")) == 2
    assert [path for path in tmp_path.iterdir() if path != home] == []


def test_before_the_first_order_there_is_nothing_to_settle(tmp_path: Path) -> None:
    """Schedules run both commands from the first day on: no vault is said, and no failure; no home is one."""
    home = tmp_path / "home"
    for command in (("vault", "settle"), ("vault", "waiting")):
        assert "correct --home" in str(call(home, *command).exception)
    home.mkdir()
    for command in (("vault", "settle"), ("vault", "waiting")):
        result = call(home, *command)
        assert (result.exit_code, result.output) == (
            0, f"There is no vault in {home}/lake yet: `ebb run transactions` makes it.\n",
        )  # fmt: skip
        assert answer(home, *command)["waiting"] in ({}, [])
    assert list(home.iterdir()) == []


def test_a_compaction_does_not_run_ahead_of_the_clock(home: Path) -> None:
    """An instant to come is refused as everywhere, not taken for the present one."""
    result = call(home, "compact", "--now", "2999-12-31T00:00:00Z")
    assert isinstance(result.exception, RefusedError)
    assert "--now is later than this machine's clock" in str(result.exception)


def test_only_what_encrypt_made_can_be_asked_for(tmp_path: Path) -> None:
    """A field that is treated otherwise has no token to turn back: the request names those that have."""
    tokens = tmp_path / "tokens.txt"
    tokens.write_text("v1s.2026H2.AAAA\n")
    asked = ("reveal", "request", "--case", "1", "--reason", "r", "--tokens-from", str(tokens))
    none = call(tmp_path, *asked, "--system", "sepp", "--field", "email")
    assert code(none) == 2
    assert "no pack of sepp treats email by `encrypt`, and nothing else is turned back: there is none" in str(
        none.exception
    )
    packs = ("--packs", str(CASE / "packs"))
    other = call(tmp_path, *asked, "--system", "every", "--field", "masked", *packs)
    assert code(other) == 2
    assert str(other.exception).endswith("nothing else is turned back: those are secret, secret_plain")
    assert call(tmp_path, *asked, "--system", "every", "--field", "secret", *packs).exception is None


def test_a_key_that_is_no_hexadecimal_is_a_wrong_call(tmp_path: Path) -> None:
    """The option is named; the file was not looked at yet."""
    (tmp_path / "certificate.json").write_text("{}")
    check = ("sweep", "certificate", "--check", str(tmp_path / "certificate.json"))
    assert code(call(tmp_path, *check, "--public-key", "xyz")) == 2
    (tmp_path / "certificate.json").write_text("no certificate")
    assert code(call(tmp_path, *check, "--public-key", "00" * 32)) == 1


def test_an_option_that_apply_does_not_know_deletes_nothing(tmp_path: Path) -> None:
    """Beam would pass over `--dry-run` in silence, and the rows would be gone."""
    home = tmp_path / "home"
    make_room(home)
    digest = answer(home, "sweep", "plan", "--now", "2026-06-01T00:00:00Z", "--limit-share", "1", "--by", "lin")[
        "digest"
    ]
    assert call(home, "sweep", "approve", digest, "--by", "wang").exception is None
    before = query(home, "SELECT count(*) FROM orders")
    for option in ("--dry-run", "--ops-key", "--no-such=1", "more"):
        result = call(home, "sweep", "apply", digest, option)
        assert code(result) == 2, option
        assert f"neither ebb nor Beam knows {option}" in str(result.exception)
    assert query(home, "SELECT count(*) FROM orders") == before
    assert call(home, "sweep", "apply", digest, "--direct_num_workers=1").exception is None
    assert query(home, "SELECT count(*) FROM orders") != before


def test_a_dry_run_without_an_event_says_so(tmp_path: Path) -> None:
    """A mistyped file shows nothing, and that is no success."""
    result = call(tmp_path / "home", "run", "service-logs", "--from", f"files:{tmp_path / 'nope'}", "--dry-run")
    assert code(result) == 2
    assert "no event to show" in str(result.exception)
