"""The ledger on SQLite and PostgreSQL: append-only, chained, and whole after a payload was deleted."""

from __future__ import annotations

import json
import multiprocessing
import stat
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from governance.calendar import CHINA, local_date
from governance.errors import EbbError, LedgerError, RefusedError, UsageError
from governance.ledger import Ledger, chain
from governance.ledger.chain import FIRST_LINK, Entry
from governance.policy.retention import due_date
from pipelines.cli import ebb
from tests.postgresql import END_LOCK_HOLDERS, bytes_of, own_database, run_sql

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

WALL = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONG_AGO = WALL - timedelta(days=4 * 366)


@pytest.fixture
def url(database: str) -> str:
    """Return the URL of an empty ledger."""
    return database


def filled(url: str, count: int = 5, wall: datetime = WALL) -> Ledger:
    """Return a ledger with `count` entries."""
    ledger = Ledger.open(url)
    for number in range(count):
        ledger.append("sweep.plan", f"digest-{number}", {"n": number}, wall + timedelta(seconds=number))
    return ledger


def test_entries_are_numbered_chained_and_read_back(url: str) -> None:
    """Five entries, numbers one to five, their payloads as they were."""
    ledger = filled(url)
    assert [entry.number for entry in ledger.entries()] == [1, 2, 3, 4, 5]
    assert [entry.content["n"] for entry in ledger.entries("sweep.", "digest-3")] == [3]
    assert ledger.first_broken() is None
    assert ledger.first_broken(ledger.head()) is None


def test_a_deleted_payload_leaves_the_chain_whole(url: str) -> None:
    """What is due in the ledger itself can go; its entry stays and tells nothing."""
    ledger = filled(url, wall=LONG_AGO)
    assert ledger.forget(3)
    assert not ledger.forget(3)
    assert ledger.entries()[2].payload is None
    assert ledger.first_broken() is None


def test_a_deleted_payload_leaves_no_bytes(url: str) -> None:
    """The files of the database hold nothing of it afterwards; what others say is as before."""
    ledger = Ledger.open(url)
    for number in range(3):
        ledger.append("sweep.plan", "r", {"values": f"somebody-{number}"}, LONG_AGO)
    before = bytes_of(url)
    assert (b"somebody-1" in before, b"somebody-2" in before) == (True, True)
    ledger.forget(2)
    after = bytes_of(url)
    assert (b"somebody-1" in after, b"somebody-2" in after) == (False, True)


def test_what_is_not_due_is_not_forgotten(url: str) -> None:
    """The last payload that is due today goes, to its last microsecond; younger ones stay, whoever asks."""
    today = local_date(datetime.now(tz=UTC))
    day = max(day for n in range(1090, 1101) if (_due(day := today - timedelta(days=n))) <= today)
    ledger = Ledger.open(url)
    ledger.append("keys.destroyed", "1", {}, datetime.combine(day, time.max, CHINA))
    ledger.append("keys.destroyed", "2", {}, datetime.combine(day + timedelta(days=4), time.min, CHINA))
    ledger.append("hold.placed", "3", {}, WALL)
    assert ledger.forget(1)
    for number in (2, 3):
        with pytest.raises(LedgerError, match="gives up what a line says when that is due"):
            ledger.forget(number)
    with pytest.raises(Exception, match="not due"):
        run_sql(url, "DELETE FROM ebb_ledger_payloads")
    assert [entry.payload is None for entry in ledger.entries()] == [True, False, False]


def test_a_hold_that_stands_is_not_forgotten_however_old(url: str) -> None:
    """It goes when its case was released, and not when another one, or an older hold of the same case was."""
    ledger = Ledger.open(url)
    for kind, case in (("placed", "A"), ("released", "A"), ("placed", "A"), ("placed", "B"), ("released", "B")):
        ledger.append(f"hold.{kind}", case, {}, LONG_AGO)
    with pytest.raises(LedgerError, match="when that is due"):
        ledger.forget(3)
    assert [ledger.forget(number) for number in (1, 2, 4, 5)] == [True] * 4
    ledger.append("hold.released", "A", {}, WALL)
    assert ledger.forget(3)


def _due(day: date) -> date:
    due = due_date("GOV", day)
    assert due is not None
    return due


def insert_line(url: str, recorded: str) -> None:
    """Insert a line that is right but for its time, as a role that may append can."""
    ledger = Ledger.open(url)
    number, before = ledger.head()
    parts = (number + 1, recorded, "x", "y", b"\x00")
    octets = ["00", chain.link(bytes.fromhex(before), *parts).hex()]
    told = ", ".join(f"'\\x{one}'" if url.startswith("postgresql") else f"x'{one}'" for one in octets)
    run_sql(url, f"INSERT INTO ebb_ledger VALUES ({number + 1}, '{recorded}', 'x', 'y', {told})")


@pytest.mark.parametrize(
    "recorded",
    [
        "soon",
        "now",
        "2026-11-23",
        "2026-11-23T12:00:00.000000",
        "2026-11-23T24:00:00.000000+00:00",
        "2026-13-23T12:00:00.000000+00:00",
        "2026-11-23T12:00:00.000000+08:00",
        "2999-01-01T00:00:00.000000+00:00",
        "2020-01-01T00:00:00.000000+00:00",
    ],
)
def test_a_server_refuses_a_time_that_is_none_or_lies_ahead_or_behind(postgresql: str, recorded: str) -> None:
    """After such a line nobody could append, or its payload were due at once; the same line with a time is taken."""
    with own_database(postgresql) as url:
        filled(url)
        with pytest.raises(DBAPIError, match=r"append-only|invalid input syntax|out of range"):
            insert_line(url, recorded)
        insert_line(url, "2026-11-23T13:00:00.000000+00:00")
        assert Ledger.open(url).append("x", "", {}, WALL + timedelta(hours=2)).number == 7


def test_a_clock_that_runs_ahead_is_told_by_the_server(postgresql: str) -> None:
    """A few minutes are drift; more is refused with a sentence, and the ledger goes on."""
    with own_database(postgresql) as url:
        ledger, now = filled(url), datetime.now(tz=UTC)
        with pytest.raises(LedgerError, match="look at this machine's clock"):
            ledger.append("x", "", {}, now + timedelta(minutes=10))
        ledger.append("x", "", {}, now + timedelta(minutes=4))
        assert ledger.append("x", "", {}, now).number == 7


@pytest.mark.parametrize("recorded", ["soon", "2026-11-23"])
def test_a_line_whose_time_cannot_be_read_is_named(tmp_path: Path, recorded: str) -> None:
    """A file takes it from whoever may write there; appending says which line it is and what to do."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    ledger = filled(url)
    insert_line(url, recorded)
    with pytest.raises(LedgerError, match=r"entry 6 of the ledger tells no time.*restore the ledger"):
        ledger.append("x", "", {}, WALL)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE ebb_ledger SET kind = 'x'", "DELETE FROM ebb_ledger", "UPDATE ebb_ledger_payloads SET payload = '{}'"],
)
def test_the_database_refuses_to_change_a_line(url: str, statement: str) -> None:
    """Triggers stand against whoever has the right to write."""
    filled(url)
    engine = create_engine(url)
    with pytest.raises(Exception, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def tampered(url: str, *statements: str) -> None:
    """Change a ledger behind its back, as somebody who may take the fences down can."""
    if url.startswith("postgresql"):
        run_sql(url, "SET session_replication_role = replica", *statements)
        return
    triggers = run_sql(url, "SELECT name FROM sqlite_master WHERE type = 'trigger'")
    run_sql(url, *(f"DROP TRIGGER {name}" for (name,) in triggers), *statements)


@pytest.mark.parametrize(
    ("statements", "number", "what"),
    [
        (["UPDATE ebb_ledger SET kind = 'sweep.approval' WHERE number = 3"], 3, "changed"),
        (["UPDATE ebb_ledger SET recorded = '2020' WHERE number = 2"], 2, "changed"),
        (["UPDATE ebb_ledger SET commitment = link WHERE number = 1"], 1, "changed"),
        (["UPDATE ebb_ledger_payloads SET payload = '{}' WHERE number = 4"], 4, "payload was changed"),
        (["UPDATE ebb_ledger_payloads SET recorded = '2020' WHERE number = 4"], 4, "tells another time"),
        (["INSERT INTO ebb_ledger_payloads VALUES (99, '', '{}', '2026')"], 99, "without its line"),
        (["DELETE FROM ebb_ledger WHERE number = 3"], 3, "missing"),
        (["DELETE FROM ebb_ledger WHERE number = 1"], 1, "missing"),
        (["DELETE FROM ebb_ledger WHERE number > 3"], 4, "missing"),
        (["DELETE FROM ebb_ledger"], 1, "missing"),
        (["UPDATE ebb_ledger SET number = 0 WHERE number = 3"], 1, "inserted"),
        (["INSERT INTO ebb_ledger VALUES (6, '2026', 'x', 'y', '', '')"], 6, "changed"),
        (
            [
                "UPDATE ebb_ledger SET number = 6 WHERE number = 5",
                "UPDATE ebb_ledger SET number = 5 WHERE number = 4",
                """INSERT INTO ebb_ledger SELECT 4, recorded, kind, reference, commitment, link
                FROM ebb_ledger WHERE number = 3""",
            ],
            4,
            "changed",
        ),
    ],
)
def test_one_changed_missing_or_inserted_line_is_named(url: str, statements: list[str], number: int, what: str) -> None:
    """The first bad entry is told by its number, and a cut-off end by the first that is gone."""
    ledger = filled(url)
    tampered(url, *statements)
    broken = ledger.first_broken()
    assert broken is not None
    assert (broken.number, what in broken.what) == (number, True), broken


def test_a_value_of_another_kind_is_found_too(tmp_path: Path) -> None:
    """SQLite keeps octets in a column of text and text in one of octets; both are told, none stops the check."""
    for column, value in (("kind", "x'00'"), ("link", "'text'"), ("commitment", "1"), ("recorded", "x'ff'")):
        url = f"sqlite:///{tmp_path / column}"
        ledger = filled(url)
        tampered(url, f"UPDATE ebb_ledger SET {column} = {value} WHERE number = 2")
        broken = ledger.first_broken()
        assert broken is not None
        assert broken.number == 2


def test_a_rewritten_end_is_found_by_what_a_certificate_notes(url: str) -> None:
    """Whoever rewrites the end with its head is caught by a noted link."""
    ledger = filled(url)
    noted = ledger.head()
    tampered(
        url,
        "DELETE FROM ebb_ledger_payloads WHERE number = 5",
        "DELETE FROM ebb_ledger WHERE number = 5",
        "UPDATE ebb_ledger_head SET number = 4, link = (SELECT link FROM ebb_ledger WHERE number = 4)",
    )
    assert ledger.first_broken() is None
    broken = ledger.first_broken(noted)
    assert broken is not None
    assert broken.number == 5


def test_the_command_names_the_first_bad_entry(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ebb ledger verify` ends with 1 and says which; on a whole ledger it tells the last link."""
    filled(url)
    monkeypatch.setenv("EBB_LEDGER_URL", url)
    arguments = ["ledger", "verify", "--home", str(tmp_path / "home")]
    whole = CliRunner().invoke(ebb, [*arguments, "--json"])
    assert json.loads(whole.stdout)["ok"]
    tampered(url, "DELETE FROM ebb_ledger WHERE number = 2")
    found = CliRunner().invoke(ebb, [*arguments, "--json"])
    assert json.loads(found.stdout)["broken"] == {"entry": 2, "what": "missing"}
    assert isinstance(found.exception, LedgerError)
    assert "entry 2 of the ledger is missing" in str(found.exception)


def test_a_clock_behind_the_last_entry_is_refused(url: str) -> None:
    """A few minutes are drift; more would make the order of things a lie."""
    ledger = filled(url)
    ledger.append("x", "", {}, WALL - timedelta(minutes=1))
    with pytest.raises(RefusedError, match="clock"):
        ledger.append("x", "", {}, WALL - timedelta(hours=1))


def test_two_sweeps_at_once_are_refused_and_a_dead_one_does_not_block(url: str) -> None:
    """The lock is the system's: it ends with its holder, killed or not."""
    ledger = Ledger.open(url)
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    process = context.Process(target=_hold_lock, args=(url, ready, end))
    process.start()
    assert ready.wait(60)
    with pytest.raises(RefusedError, match="another sweep"), ledger.sweeping():
        pass
    process.kill()
    process.join(60)
    for _ in range(100):
        try:
            with ledger.sweeping():
                return
        except RefusedError:  # a server notices a dead client a moment later
            ready.wait(0.05)
    raise AssertionError


def test_a_lost_lock_is_noticed_by_whoever_works_under_it(postgresql: str) -> None:
    """Here and in a worker: its session ended, another's lock is not this one's; a new one counts again."""
    with own_database(postgresql) as url:
        ledger, other = Ledger.open(url), Ledger.open(url)
        with ledger.sweeping():
            worker, stranger = Ledger.open(url, ledger.ticket), Ledger.open(url, (ledger.ticket or 0) ^ 1)
            ledger.require_lock()
            worker.require_lock()
            with pytest.raises(LedgerError, match="lock of sweeps"):
                stranger.require_lock()
            run_sql(url, END_LOCK_HOLDERS)
            with other.sweeping():
                other.require_lock()
                for lost in (ledger, worker):
                    with pytest.raises(LedgerError, match="lock of sweeps"):
                        lost.require_lock()
        ledger.require_lock()  # nothing is held, nothing is required
        with ledger.sweeping():
            ledger.require_lock()


def test_a_file_needs_no_ticket(tmp_path: Path) -> None:
    """The system keeps its lock for as long as the process has the file open."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with ledger.sweeping():
        assert ledger.ticket is None
        ledger.require_lock()


def _hold_lock(url: str, ready: multiprocessing.Event, end: multiprocessing.Event) -> None:  # type: ignore[valid-type]
    with Ledger.open(url).sweeping():
        ready.set()  # type: ignore[attr-defined]
        end.wait(60)  # type: ignore[attr-defined]


def _append(url: str, count: int) -> None:
    ledger = Ledger.open(url)
    for _ in range(count):
        ledger.append("x", "", {}, WALL)


def test_processes_append_side_by_side_without_gap(url: str) -> None:
    """Three processes append twenty entries each; the chain is whole."""
    Ledger.open(url)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_append, args=(url, 20)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    ledger = Ledger.open(url)
    assert len(ledger.entries()) == 60
    assert ledger.first_broken() is None


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Mode 0600: a hold lists people."""
    filled(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    assert stat.S_IMODE((tmp_path / "ledger.sqlite").stat().st_mode) == 0o600


def test_bad_urls_and_dead_databases_are_said_plainly(tmp_path: Path) -> None:
    """No traceback, and no parameters of a statement."""
    with pytest.raises(UsageError):
        Ledger.open("nonsense")
    with pytest.raises(UsageError, match="no driver"):
        Ledger.open("oracle://host/ledger")
    with pytest.raises(UsageError, match="memory"):
        Ledger.open("sqlite://")
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(LedgerError, match="NOTADB"):
        Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    assert issubclass(LedgerError, EbbError)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=8), st.data())
def test_any_change_to_a_chain_is_found(kinds: list[str], data: st.DataObject) -> None:
    """Pure: whichever entry loses its place or its kind, the chain says so."""
    entries, before = [], FIRST_LINK
    for number, kind in enumerate(kinds, 1):
        payload, salt = chain.to_payload({"kind": kind}), number.to_bytes(16, "big")
        commitment = chain.commit(salt, payload)
        before = chain.link(before, number, "t", kind, "r", commitment)
        entries.append(Entry(number, "t", kind, "r", commitment, before, salt, payload))
    head = (len(entries), before)
    assert chain.first_broken(entries, head) is None
    victim = data.draw(st.integers(0, len(entries) - 1))
    assert chain.first_broken(entries[:victim] + entries[victim + 1 :], head) is not None
    old = entries[victim]
    changed = Entry(
        old.number, old.recorded, old.kind + "x", old.reference, old.commitment, old.link, old.salt, old.payload
    )
    assert chain.first_broken([*entries[:victim], changed, *entries[victim + 1 :]], head) is not None
