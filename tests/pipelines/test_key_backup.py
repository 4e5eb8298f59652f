"""`ebb keys backup` and `ebb keys restore` beside a ledger, a lake and a vault."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from governance.errors import KeyringError, LedgerError, RefusedError, UsageError
from governance.keys import OpsKey
from governance.keys.rotation import Chosen
from governance.ledger import Ledger
from pipelines import key_backup, key_work
from pipelines.cli import ebb
from pipelines.key_record import DESTROYED, known_of, note_in
from pipelines.settings import load_settings
from pipelines.sweep_room import Room
from pipelines.sweeping import approve_sweep, plan_sweep
from retention.plan import Limit
from retention.stores.delta import open_table
from retention.vault.payloads import open_rows
from tests.pipelines.calling import set_clock
from tests.postgresql import run_sql, take_payload
from tests.retention.rooms import apply_here

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.settings import Settings

HALF = "2026H2"
NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
"""When the commands are called: shortly before New Year a backup would hold the next half-year's keys as well."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a keyring that holds a key of every kind but the vault's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EBB_ROOT_KEY", raising=False)
    monkeypatch.setattr(key_work, "SETTLED_AFTER", timedelta())
    set_clock(monkeypatch, NOW)
    call(tmp_path / "home", "init")
    keyring = settings_of(tmp_path / "home").opener()
    keyring.token_key("statistics", "sepp", "analysts", "account", HALF)
    keyring.event_keys("service_log")
    return tmp_path / "home"


def settings_of(home: Path) -> Settings:
    """Return the settings of a home."""
    return load_settings(home=home)


def call(home: Path, *arguments: object) -> Any:
    """Call `ebb keys …` and return its document; an error of ebb's comes through."""
    result = CliRunner().invoke(
        ebb,
        ["keys", *map(str, arguments), "--home", str(home), "--json"],
        catch_exceptions=False,
        standalone_mode=False,
    )
    return json.loads(result.stdout)


def lose(home: Path) -> None:
    """Lose the keyring's file."""
    (home / "keyring.sqlite").unlink()


def test_a_lost_keyring_comes_back_without_what_was_destroyed(home: Path, tmp_path: Path) -> None:
    """`ebb keys destroy` told the ledger; the restore buries the key again, and the ledger is told of that."""
    call(home, "backup", tmp_path / "b.json")
    call(home, "destroy", HALF, "--yes")
    lose(home)
    done = call(home, "restore", tmp_path / "b.json")
    assert [key["epoch"] for key in done["buried"]] == [HALF]
    assert [key["epoch"] for key in done["lost"]] == [f"{HALF}b"]
    assert done["ledger_read"]
    keyring = settings_of(home).opener()
    assert keyring.half_year_keys(HALF, Chosen()) == []
    token = keyring.token_key("statistics", "sepp", "analysts", "account", HALF).tokens(["u"])[0]
    assert token is not None
    assert token.startswith(f"v1.{HALF}c.")
    ledger = Ledger.open(settings_of(home).ledger_url)
    assert [entry.kind for entry in ledger.entries()] == ["keys.rotated", "keys.destroyed", "keys.restored"]
    told = ledger.entries("keys.restored")[0].content
    assert told["ledger"] == "read"
    assert told["buried"] == [["personal", "statistics", "sepp", "analysts", HALF]]
    assert ledger.first_broken() is None


def test_people_read_what_came_back_and_what_is_lost(home: Path, tmp_path: Path) -> None:
    """Without --json: how old it was, what was buried, what is lost, and what comes next."""
    call(home, "backup", tmp_path / "b.json")
    call(home, "rotate")
    lose(home)
    shown = CliRunner().invoke(ebb, ["keys", "restore", str(tmp_path / "b.json"), "--home", str(home)]).stdout
    assert "Restored 3 keys, as they were 0.0 hours ago." in shown
    assert f"personal statistics sepp analysts {HALF}b" in shown
    assert "Next: ebb keys backup" in shown


def test_the_ledger_counts_restores_so_that_no_name_is_given_twice(home: Path, tmp_path: Path) -> None:
    """After the second restore of one backup a new system's tokens begin with another letter than after the first."""
    call(home, "backup", tmp_path / "b.json")
    for letter in ("b", "c"):
        lose(home)
        call(home, "restore", tmp_path / "b.json")
        token = settings_of(home).opener().token_key("statistics", "mic_global", "analysts", "account", HALF)
        assert str(token.tokens(["u"])[0]).startswith(f"v1.{HALF}{letter}.")


def test_people_are_told_what_a_backup_did(home: Path, tmp_path: Path) -> None:
    """The new file with its number of keys, and each old one that went; many keys of a kind take one line."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "keyring-20200101T000000Z.json").write_text("{}")
    keyring = settings_of(home).opener()
    for day in range(1, 8):
        keyring.due_date_public(f"2026-01-{day:02d}")
    told = CliRunner().invoke(ebb, ["keys", "backup", str(folder), "--keep", "34d", "--home", str(home)]).stdout
    assert "keys, wrapped. Destroy it within 35 days." in told
    assert "removed " in told
    (copy,) = folder.iterdir()
    note = note_in(Ledger.open(settings_of(home).ledger_url), DESTROYED, keyring.identity, "test")
    keyring.destroy_due_dates([f"2026-01-{day:02d}" for day in range(1, 8)], NOW, blocking=lambda _: 0, note=note)
    lose(home)
    told = CliRunner().invoke(ebb, ["keys", "restore", str(copy), "--home", str(home)]).stdout
    assert "sealing vault.identity 2026-01-01 … 2026-01-07, 7 of them" in told


@pytest.mark.parametrize(("kind", "command"), [("keys.destroyed", "destroy"), ("keys.rotated", "rotate")])
def test_an_entry_that_lost_its_keys_before_it_was_due_is_refused(
    home: Path, tmp_path: Path, kind: str, command: str
) -> None:
    """A destroyed key does not come back because somebody took what the ledger said of it; the keyring stays lost."""
    call(home, "backup", tmp_path / "b.json")
    call(home, *(["destroy", HALF, "--yes"] if command == "destroy" else ["rotate"]))
    url = settings_of(home).ledger_url
    (entry,) = Ledger.open(url).entries(kind)
    take_payload(url, entry.number)
    lose(home)
    assert Ledger.open(url).first_broken() is None
    with pytest.raises(LedgerError, match=rf"entry {entry.number} of the ledger lacks.*restore the ledger"):
        call(home, "restore", tmp_path / "b.json")
    assert not (home / "keyring.sqlite").exists()


def test_an_entry_whose_keys_were_forgotten_when_due_is_no_error(home: Path, tmp_path: Path) -> None:
    """Keys of four years ago are in no backup that is young enough to be restored."""
    call(home, "backup", tmp_path / "b.json")
    ledger, keyring = Ledger.open(settings_of(home).ledger_url), settings_of(home).opener().identity
    old = ledger.append(DESTROYED, keyring, {"keys": []}, NOW - timedelta(days=4 * 366))
    assert ledger.forget(old.number)
    lose(home)
    assert call(home, "restore", tmp_path / "b.json")["ledger_read"]


def test_an_entry_without_a_time_and_keys_is_refused(home: Path) -> None:
    """Whether it was due cannot be known."""
    ledger = Ledger.open(settings_of(home).ledger_url)
    ledger.append(DESTROYED, "ring", {"keys": []}, NOW)
    take_payload(settings_of(home).ledger_url, 1)
    run_sql(
        settings_of(home).ledger_url, "DROP TRIGGER ebb_ledger_no_update", "UPDATE ebb_ledger SET recorded = 'soon'"
    )
    with pytest.raises(LedgerError, match="entry 1 of the ledger lacks"):
        known_of(ledger, "ring")


def test_without_the_ledger_it_is_refused_unless_said_and_the_new_one_knows(home: Path, tmp_path: Path) -> None:
    """A ledger that ends before the backup, or was changed, tells nothing: the restore says what to do."""
    call(home, "rotate")
    call(home, "backup", tmp_path / "b.json")
    lose(home)
    (home / "ledger.sqlite").rename(tmp_path / "away.sqlite")
    with pytest.raises(LedgerError, match="does not tell what was destroyed"):
        call(home, "restore", tmp_path / "b.json")
    assert not (home / "keyring.sqlite").exists()
    assert not call(home, "restore", tmp_path / "b.json", "--without-ledger")["ledger_read"]
    entry = Ledger.open(settings_of(home).ledger_url).entries("keys.restored")[0]
    assert entry.content["ledger"] == "not read"


def test_a_ledger_that_is_whole_is_not_passed_over(home: Path, tmp_path: Path) -> None:
    """`--without-ledger` is for a lost one: what a whole one says was destroyed does not come back by it (R-DEL-08)."""
    call(home, "backup", tmp_path / "b.json")
    call(home, "destroy", HALF, "--yes")
    head = Ledger.open(settings_of(home).ledger_url).head()
    lose(home)
    with pytest.raises(RefusedError, match="again without --without-ledger"):
        call(home, "restore", tmp_path / "b.json", "--without-ledger")
    assert not (home / "keyring.sqlite").exists()
    assert Ledger.open(settings_of(home).ledger_url).head() == head
    assert [key["epoch"] for key in call(home, "restore", tmp_path / "b.json")["buried"]] == [HALF]


def test_an_old_backup_and_wrong_files_change_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 35 days, over keys without --over, with another root key, or damaged: refused, and nothing recorded."""
    call(home, "backup", tmp_path / "b.json")
    head = Ledger.open(settings_of(home).ledger_url).head()
    with pytest.raises(RefusedError, match="--over"):
        call(home, "restore", tmp_path / "b.json")
    monkeypatch.setenv("EBB_ROOT_KEY", "11" * 32)
    with pytest.raises(KeyringError, match="root key does not belong"):
        call(home, "restore", tmp_path / "b.json")
    monkeypatch.delenv("EBB_ROOT_KEY")
    later = NOW + timedelta(days=36)
    monkeypatch.setattr(key_backup, "wall_clock", lambda: later)
    with pytest.raises(RefusedError, match="R-DEL-08"):
        call(home, "restore", tmp_path / "b.json", "--over")
    assert Ledger.open(settings_of(home).ledger_url).head() == head


def test_while_a_sweep_is_at_work_nothing_is_restored(home: Path, tmp_path: Path) -> None:
    """It might destroy a key that the restore has not heard of."""
    call(home, "backup", tmp_path / "b.json")
    with Ledger.open(settings_of(home).ledger_url).sweeping(), pytest.raises(RefusedError, match="another sweep"):
        call(home, "restore", tmp_path / "b.json", "--over")


def test_a_folder_rolls(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each day a file; what is older than --keep goes, other files stay; more than 35 days is refused."""
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    day = datetime(2026, 11, 1, 5, 15, tzinfo=UTC)
    for number in range(40):
        now = day + timedelta(days=number)
        monkeypatch.setattr(key_backup, "wall_clock", lambda now=now: now)
        done = call(home, "backup", folder, "--keep", "34d")
    assert done["removed"] == [str(folder / "keyring-20261106T051500Z.json")]
    names = sorted(path.name for path in folder.iterdir())
    assert names[0] == "keyring-20261107T051500Z.json"
    assert len(names) == 34 + 1
    assert names[-1] == "notes.txt"
    with pytest.raises(RefusedError, match="within 35 days"):
        call(home, "backup", folder, "--keep", "36d")
    for wrong in (("--keep", "35"), ("--keep", "soon")):
        with pytest.raises(UsageError, match="days, such as"):
            call(home, "backup", folder, *wrong)
    with pytest.raises(UsageError, match="would go too"):
        call(home, "backup", folder, "--keep", "0d")
    assert len(list(folder.iterdir())) == 34 + 1
    with pytest.raises(UsageError, match="is none"):
        call(home, "backup", tmp_path / "file.json", "--keep", "35d")


def test_a_backup_holds_the_keys_of_the_days_to_come(home: Path) -> None:
    """What streams will make by themselves until the next backup is made before this one, of kinds in use only."""
    keyring = settings_of(home).opener()
    new_year = datetime(2026, 12, 31, 3, tzinfo=UTC)
    key_backup.make_ahead(keyring, new_year)
    assert {key.epoch for key in keyring.keys(new_year) if key.use == "personal"} == {"2026H2", "2027H1"}
    assert not [key for key in keyring.keys(new_year) if key.use == "sealing"]
    keyring.sealer("dead_letters", new_year)
    keyring.due_date_public("2027-01-01")
    keyring.cipher_key("statistics", "sepp", "analysts", "ip", "2026H2")
    key_backup.make_ahead(keyring, new_year)
    assert keyring.sealing_days("dead_letters") == ["2026-12-31", "2027-01-01", "2027-01-02"]
    made = {key.key_id for key in keyring.due_keys()}
    assert made == {"2027-01-01", "open-2026-12", "open-2027-01", "2030-01-01", "2030-01-02", "2030-01-03"}
    assert {key.epoch for key in keyring.keys(new_year) if key.use == "cipher"} == {"2026H2", "2027H1"}
    before = keyring.keys(new_year)
    key_backup.make_ahead(keyring, new_year)
    assert keyring.keys(new_year) == before


@pytest.mark.slow
def test_a_swept_record_of_the_vault_stays_closed_after_a_restore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drill: copies of a due file and of the keyring from before the sweep do not open it together."""
    monkeypatch.chdir(tmp_path)
    home, source = tmp_path / "home", tmp_path / "events.ndjson"
    for arguments in (
        ["generate", "transactions", "--events", "120", "--start", "2021-06-01T00:00:00Z", "--days", "200",
         "--to", f"files:{source}"],
        ["run", "transactions", "--from", f"files:{source}", "--now", "2023-07-01T00:00:00Z", "--drain"],
        ["vault", "settle"],
    ):  # fmt: skip
        result = CliRunner().invoke(ebb, [*arguments, "--home", str(home)])
        assert result.exception is None, (arguments, result.output)
    settings = settings_of(home)
    room, ops = Room(settings), OpsKey.from_file(settings.ops_key_file)
    table = f"{settings.lake}/vault/transactions"
    rows = open_table(table).dataset().to_table()
    due = rows.filter([day is not None and day <= "2025-03-15" for day in rows["due_date"].to_pylist()])
    kept = rows.filter([day is not None and day > "2025-03-15" for day in rows["due_date"].to_pylist()])
    assert due.num_rows
    assert open_rows(due, ops, settings.opener(), "content")
    settings.opener().due_date_public("open-2020-01")
    CliRunner().invoke(ebb, ["vault", "settle", "--home", str(home)], catch_exceptions=False)
    stale = room.ledger.entries("keys.destroyed")[0].content
    assert stale["why"] == "ebb vault settle"
    assert {scope[-1] for scope in stale["keys"]} == {"open-2020-01"}
    call(home, "backup", tmp_path / "b.json")
    shutil.copytree(table, tmp_path / "copy")

    plan = plan_sweep(room, now=datetime(2025, 3, 15, tzinfo=UTC), by="a", limit=Limit(share=1.0))
    approve_sweep(room, plan.digest, "b")
    apply_here(room, plan.digest)
    lose(home)
    done = call(home, "restore", tmp_path / "b.json")
    assert {key["epoch"] for key in done["buried"]} >= set(due["due_date"].to_pylist())
    old = open_table(str(tmp_path / "copy")).dataset().to_table()
    again = old.filter([day is not None and day <= "2025-03-15" for day in old["due_date"].to_pylist()])
    assert again.num_rows == due.num_rows
    with pytest.raises(KeyringError, match=r"destroyed|holds no"):
        open_rows(again.slice(0, 1), ops, settings.opener(), "content")
    if kept.num_rows:
        assert open_rows(kept, ops, settings.opener(), "content")
