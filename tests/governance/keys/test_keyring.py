"""The keyring: made once, opened by its root alone, keys made when needed and destroyed on time."""

from __future__ import annotations

import pickle
import sqlite3
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding

from governance.errors import EbbError, EbbWarning, KeyringError, UsageError
from governance.keys import Keyring, OpsKey, RootKey, keyring_exists, keyring_place, store
from governance.keys.keyring import Scope
from tests.governance.keys.conftest import OPS_BYTES, ROOT_BYTES, WALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from governance.keys import TokenKey

DAY = "2026-11-23"


def window(keyring: Keyring, wall: datetime, date: str = DAY, kind: str = "cookie") -> TokenKey:
    """Return a window key as the engine asks for it."""
    return keyring.window_key("statistics", "sepp", "", kind, date, wall)


def rows(path: Path) -> list[tuple[object, ...]]:
    """Return the stored keys as the database holds them."""
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT use, purpose, system, recipient, epoch, wrapped FROM ebb_keys").fetchall()


def day_key(keyring: Keyring) -> bytes:
    """Return the public key that the day's bundles are sealed to."""
    return keyring.sealer("dead_letters", WALL)._public


def unwrapped(keyring: Keyring, path: Path) -> list[bytes]:
    """Return every symmetric key in the clear, as only its root key can."""
    return [
        aes_key_unwrap_with_padding(keyring._wrapping_key(Scope(*map(str, row[:5]))), bytes(row[5]))  # type: ignore[arg-type]
        for row in rows(path)
        if row[0] != "sealing"
    ]


@pytest.mark.parametrize("ask", [lambda keyring: window(keyring, WALL).tokens(["x"]), day_key])
def test_who_comes_second_takes_the_first_key(
    keyring: Keyring,
    url: str,
    root: RootKey,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[Keyring], object],
) -> None:
    """A key that another process stores between our look and our lock is the one used."""
    real = store.writing
    first: list[object] = []

    @contextmanager
    def late(engine: Engine) -> Iterator[Connection]:
        monkeypatch.setattr(store, "writing", real)
        first.append(ask(Keyring.open(url, root)))
        with real(engine) as connection:
            yield connection

    monkeypatch.setattr(store, "writing", late)
    assert [ask(keyring)] == first


def test_a_key_is_made_once(keyring: Keyring, url: str, root: RootKey) -> None:
    """A keyring opened anew gives the same tokens and event keys."""
    again = Keyring.open(url, root)
    scope = ("statistics", "sepp", "", "account", "2026H2")
    assert keyring.token_key(*scope).tokens(["x"]) == again.token_key(*scope).tokens(["x"])
    assert keyring.token_key(*scope) is keyring.token_key(*scope)
    assert keyring.event_keys("service_log").by_id(["a"], ["b"]) == again.event_keys("service_log").by_id(["a"], ["b"])
    assert window(keyring, WALL).tokens(["x"]) == window(again, WALL).tokens(["x"])


def test_a_database_that_is_there_is_filled_once(url: str, path: Path, root: RootKey) -> None:
    """A database without a file of ours, as on a server, gets the tables once and keeps its salt."""
    path.touch(mode=0o600)
    there = f"sqlite:///file:{path}?uri=true"
    first, second = Keyring.create(there, root), Keyring.create(there, root)
    assert first._salt == second._salt == Keyring.open(url, root)._salt


def test_create_opens_what_is_there(keyring: Keyring, url: str, root: RootKey) -> None:
    """Making a keyring again changes nothing."""
    again = Keyring.create(url, root)
    scope = ("statistics", "sepp", "", "account", "2026H2")
    assert keyring.token_key(*scope).tokens(["x"]) == again.token_key(*scope).tokens(["x"])


@pytest.mark.usefixtures("keyring")
def test_another_root_key_is_told_apart(url: str) -> None:
    """A wrong root key raises at once and says what to do, for open and for create."""
    other = RootKey(bytes(32))
    for attempt in (Keyring.open, Keyring.create):
        with pytest.raises(KeyringError, match=r"does not belong to the keyring .* EBB_ROOT_KEY"):
            attempt(url, other)


def test_a_missing_keyring_is_named(url: str, path: Path, root: RootKey) -> None:
    """Opening what is not there says where it looked and what to do, and makes no file."""
    with pytest.raises(KeyringError, match=r"no keyring at .*keyring.sqlite: run `ebb keys init`"):
        Keyring.open(url, root)
    assert not path.exists()


def test_an_empty_file_is_no_keyring(url: str, path: Path, root: RootKey) -> None:
    """A file without the tables is not taken for a keyring."""
    path.touch()
    assert not keyring_exists(url)
    with pytest.raises(KeyringError, match="no keyring"):
        Keyring.open(url, root)


def test_a_file_of_another_kind_is_refused(url: str, path: Path, root: RootKey) -> None:
    """A file that is no database raises an error of ours, without its content."""
    path.write_text("something else entirely, long enough to be read as a page " * 20)
    with pytest.raises(KeyringError, match="is not a keyring") as caught:
        Keyring.open(url, root)
    assert "entirely" not in str(caught.value)


def test_a_folder_that_is_missing_is_named(tmp_path: Path, root: RootKey) -> None:
    """Making a keyring in no folder says so."""
    with pytest.raises(KeyringError, match="cannot write in"):
        Keyring.create(f"sqlite:///{tmp_path}/nowhere/keyring.sqlite", root)


@pytest.mark.parametrize(
    "bad", ["sqlite://", "sqlite:///:memory:", "not a url", "nosuch://host/keys", "oracle://host/keys"]
)
def test_unusable_urls_are_refused(bad: str, root: RootKey) -> None:
    """A keyring in memory, what is no URL, and a database without its driver are usage errors."""
    with pytest.raises(UsageError):
        Keyring.create(bad, root)


def test_messages_hide_a_password() -> None:
    """Where the keyring lies is told without the password."""
    assert keyring_place("postgresql+psycopg://ebb:hunter2@db/keys") == "postgresql+psycopg://ebb:***@db/keys"


@pytest.mark.usefixtures("keyring")
def test_a_read_only_keyring_reads_and_says_why_it_cannot_write(url: str, path: Path, root: RootKey) -> None:
    """Stored keys are used from a read-only keyring; a new one raises a message that says what to change."""
    scope = ("statistics", "sepp", "", "account", "2026H2")
    tokens = Keyring.open(url, root).token_key(*scope).tokens(["x"])
    closed = Keyring.open(f"sqlite:///file:{path}?mode=ro&uri=true", root)
    assert closed.token_key(*scope).tokens(["x"]) == tokens
    with pytest.raises(KeyringError, match=r"read-only.*write access"):
        closed.token_key("statistics", "sepp", "", "account", "2027H1")


def test_a_locked_keyring_says_so(
    keyring: Keyring, path: Path, monkeypatch: pytest.MonkeyPatch, root: RootKey, url: str
) -> None:
    """Another process that holds the lock too long gives a message, not a traceback."""
    monkeypatch.setattr("governance.keys.store._BUSY_SECONDS", 0)
    impatient = Keyring.open(url, root)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(KeyringError, match="locked by another process"):
        impatient.event_keys("service_log")
    holder.close()
    assert keyring.event_keys("service_log")


def test_a_keyring_without_its_tables_says_so(keyring: Keyring, path: Path) -> None:
    """Whatever else the database reports is reworded."""
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE ebb_keys")
    with pytest.raises(KeyringError, match="cannot be used"):
        keyring.keys(WALL)


def test_another_keyring_under_the_same_root_is_unlike(tmp_path: Path, root: RootKey) -> None:
    """A stored key does not open in another keyring, nor moved to another scope of its own."""
    first, second = (Keyring.create(f"sqlite:///{tmp_path}/{name}", root) for name in ("a", "b"))
    first.token_key("statistics", "sepp", "", "account", "2026H2")
    (row,) = rows(tmp_path / "a")
    with sqlite3.connect(tmp_path / "b") as connection:
        connection.execute("INSERT INTO ebb_keys VALUES (?,?,?,?,?,?,NULL,'',NULL)", row)
    with sqlite3.connect(tmp_path / "a") as connection:
        connection.execute("UPDATE ebb_keys SET system = 'other'")
    with pytest.raises(KeyringError, match="does not open"):
        second.token_key("statistics", "sepp", "", "account", "2026H2")
    with pytest.raises(KeyringError, match="does not open"):
        first.token_key("statistics", "other", "", "account", "2026H2")


def test_windows_of_two_days_do_not_link(keyring: Keyring) -> None:
    """One cookie on two dates has two tokens, and two kinds of one date differ."""
    bodies = {
        window(keyring, WALL, date, kind).tokens(["c1"])[0].rpartition(".")[2]  # type: ignore[union-attr]
        for date in ("2026-11-22", "2026-11-23")
        for kind in ("cookie", "device")
    }
    assert len(bodies) == 4


def test_a_window_lasts_two_days_by_the_wall_clock(keyring: Keyring, url: str, root: RootKey) -> None:
    """Just before two days the key is the same; at two days a fresh one is made, cached or not, that does not link."""
    first = window(keyring, WALL).tokens(["c1"])
    assert window(keyring, WALL + timedelta(days=2, microseconds=-1)).tokens(["c1"]) == first
    later = window(keyring, WALL + timedelta(days=2)).tokens(["c1"])
    assert later != first
    assert window(Keyring.open(url, root), WALL + timedelta(days=2)).tokens(["c1"]) == later
    assert window(keyring, WALL + timedelta(days=3)).tokens(["c1"]) == later


def test_a_window_may_be_asked_for_in_any_zone(keyring: Keyring) -> None:
    """Expiry compares instants, not the text of zones."""
    china = WALL.astimezone(tz=datetime.fromisoformat("2026-01-01T00:00+08:00").tzinfo)
    assert window(keyring, china) is window(keyring, WALL)


def test_destroyed_is_gone(keyring: Keyring, path: Path) -> None:
    """Destruction removes the expired keys, no others; a fresh key of the same date does not link."""
    first = window(keyring, WALL).tokens(["c1"])
    window(keyring, WALL + timedelta(days=1), "2026-11-24")
    personal = keyring.token_key("statistics", "sepp", "", "account", "2026H2")
    assert keyring.destroy_expired(WALL + timedelta(days=1)) == 0
    assert keyring.destroy_expired(WALL + timedelta(days=2)) == 1
    assert keyring.destroy_expired(WALL + timedelta(days=2)) == 0
    assert {row[4] for row in rows(path) if row[0] == "window"} == {"2026-11-24"}
    assert keyring.token_key("statistics", "sepp", "", "account", "2026H2") is personal
    assert window(keyring, WALL).tokens(["c1"]) != first


def test_destroyed_leaves_no_bytes(keyring: Keyring, path: Path) -> None:
    """Not even the wrapped key is left in the file or its write-ahead log, though another process reads on."""
    reader = sqlite3.connect(path)
    reader.execute("SELECT count(*) FROM ebb_keys").fetchall()
    window(keyring, WALL)
    (wrapped,) = [bytes(row[5]) for row in rows(path) if row[0] == "window"]  # type: ignore[arg-type]
    files = [path, path.with_name(path.name + "-wal")]
    assert any(wrapped in file.read_bytes() for file in files)
    keyring.destroy_expired(WALL + timedelta(days=2))
    assert not any(wrapped in file.read_bytes() for file in files if file.exists())
    reader.close()


def test_a_reader_that_keeps_a_destroyed_key_is_told_of(
    url: str, root: RootKey, path: Path, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a long read the wrapped key stays: a warning says so, and the next destruction removes it."""
    window(keyring, WALL)
    (wrapped,) = [bytes(row[5]) for row in rows(path) if row[0] == "window"]  # type: ignore[arg-type]
    monkeypatch.setattr(store, "_BUSY_SECONDS", 0.1)
    impatient = Keyring.open(url, root)
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM ebb_keys").fetchall()
        with pytest.warns(EbbWarning, match="somebody reads the keyring"):
            assert impatient.destroy_expired(WALL + timedelta(days=2)) == 1
        assert any(wrapped in file.read_bytes() for file in path.parent.iterdir())
    assert impatient.destroy_expired(WALL) == 0
    assert not any(wrapped in file.read_bytes() for file in path.parent.iterdir())


def test_the_file_holds_no_key_in_the_clear(keyring: Keyring, path: Path) -> None:
    """Neither root key nor any key it wraps stands in the bytes of the keyring, and its files are closed to others."""
    reader = sqlite3.connect(path)
    reader.execute("SELECT count(*) FROM ebb_keys").fetchall()
    window(keyring, WALL)
    keyring.token_key("statistics", "sepp", "", "account", "2026H2")
    keyring.event_keys("service_log")
    keyring.sealer("dead_letters", WALL)
    secret = [ROOT_BYTES, OPS_BYTES, *unwrapped(keyring, path)]
    assert len(secret) == 6
    files = list(path.parent.iterdir())
    assert {file.name for file in files} == {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    for file in files:
        held = file.read_bytes()
        assert not any(key in held or key.hex().encode() in held.lower() for key in secret)
        assert file.stat().st_mode & 0o777 == 0o600
    reader.close()


def test_list_tells_scope_and_state_only(keyring: Keyring, path: Path) -> None:
    """The list names what each key is for, when it was made and whether it is live; no key, wrapped or not."""
    window(keyring, WALL)
    keyring.token_key("statistics", "sepp", "", "account", "2026H2")
    keyring.sealer("dead_letters", WALL)
    listed = keyring.keys(WALL)
    assert [key[:5] for key in listed] == sorted(row[:5] for row in rows(path))
    assert {(key.use, key.expires, key.state) for key in listed} == {
        ("personal", None, "active"),
        ("sealing", None, "active"),
        ("window", "2026-11-25T09:30:00.000000Z", "active"),
    }
    assert {key.made for key in listed} == {"2026-11-23T09:30:00.000000Z"}
    assert {key.state for key in keyring.keys(WALL + timedelta(days=2)) if key.use == "window"} == {"expired"}
    for row in rows(path):
        assert not row[5] or bytes(row[5]).hex() not in str(listed)  # type: ignore[arg-type]


def test_epochs_are_checked(keyring: Keyring) -> None:
    """A personal key is of a half-year, a window key of a date, and an instant has a zone."""
    with pytest.raises(ValueError, match="half-year"):
        keyring.token_key("statistics", "sepp", "", "account", DAY)
    with pytest.raises(ValueError, match="YYYY-MM-DD"):
        window(keyring, WALL, "2026H2")
    with pytest.raises(ValueError, match="time zone"):
        window(keyring, WALL.replace(tzinfo=None))


def test_the_machine_clock_dates_keys_by_default(url: str, root: RootKey) -> None:
    """Without a clock given, a key is dated by the machine's."""
    before = datetime.now(tz=UTC)
    keyring = Keyring.create(url, root)
    keyring.event_keys("service_log")
    made = datetime.fromisoformat(keyring.keys(WALL)[0].made)
    assert before <= made <= datetime.now(tz=UTC)


def test_the_ops_key_is_set_once(keyring: Keyring, ops: OpsKey) -> None:
    """The same ops key may be set again; another is refused."""
    keyring.set_ops_public(ops.public())
    assert keyring.ops_public() == ops.public()
    with pytest.raises(KeyringError, match="another ops key"):
        keyring.set_ops_public(OpsKey(bytes(32)).public())


def test_threads_share_a_keyring(keyring: Keyring) -> None:
    """Threads that need a key at once get the same one, and use it at once."""
    found: list[object] = []

    def work() -> None:
        for _ in range(20):
            tokens = window(keyring, WALL).tokens([str(number) for number in range(50)])
        found.append(tuple(tokens))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_the_handle_stays_and_hides(keyring: Keyring) -> None:
    """A keyring is not pickled, shows only its class, and its errors derive from one root."""
    with pytest.raises(TypeError, match="key material"):
        pickle.dumps(keyring)
    assert repr(keyring) == "<Keyring: hidden>"
    assert issubclass(KeyringError, EbbError)
