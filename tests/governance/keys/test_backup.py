"""A keyring's backup: consistent, wrapped, found out when damaged; restored without what was destroyed since."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import threading
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, text

from governance.errors import KeyringError, RefusedError, UsageError
from governance.keys import Keyring, OpsKey, RootKey, open_sealed
from governance.keys.backup import LIFE, Backup, read_backup
from governance.keys.restoring import Known, Restored, restore
from governance.keys.rotation import Chosen
from governance.keys.scopes import Scope
from tests.governance.keys.conftest import OPS_BYTES, ROOT_BYTES, WALL
from tests.postgresql import own_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEAD = (7, "ab" * 32)
DUE = "2026-11-20"
ROUTES = [("sqlite", "sqlite"), ("postgresql", "postgresql"), ("sqlite", "postgresql"), ("postgresql", "sqlite")]


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[str, str], str]]:
    """Return a function that gives the URL of an empty place for a keyring, by kind of database and name."""
    with ExitStack() as stack:

        def find(kind: str, name: str) -> str:
            if kind == "sqlite":
                return f"sqlite:///{tmp_path / name}.sqlite"
            return stack.enter_context(own_database(request.getfixturevalue("postgresql")))

        yield find


def filled(url: str, wall: datetime = WALL) -> Keyring:
    """Return a keyring with a key of every kind."""
    keyring = Keyring.create(url, RootKey(ROOT_BYTES), clock=lambda: wall)
    keyring.set_ops_public(OpsKey(OPS_BYTES).public())
    keyring.token_key("statistics", "sepp", "analysts", "account", "2026H2")
    keyring.cipher_key("statistics", "sepp", "analysts", "ip", "2026H2")
    keyring.window_key("statistics", "sepp", "", "cookie", "2026-11-23", wall)
    keyring.event_keys("service_log")
    keyring.due_date_public(DUE)
    return keyring


def made_with(keyring: Keyring) -> list[Any]:
    """Return something of each key: tokens, ciphertexts, event keys, probes, public halves."""
    events = keyring.event_keys("service_log")
    return [
        keyring.token_key("statistics", "sepp", "analysts", "account", "2026H2").tokens(["u-1"]),
        keyring.cipher_key("statistics", "sepp", "analysts", "ip", "2026H2").encrypt(["u-1"]),
        events.by_id(["sepp"], ["e-1"]),
        events.subject_probe("sepp", "account", "u-1"),
        keyring.due_date_publics([DUE]),
    ]


def backed_up(keyring: Keyring, path: Path, made: datetime = WALL) -> Backup:
    """Write a backup and read it back."""
    keyring.back_up(path, made, HEAD)
    return read_backup(path, RootKey(ROOT_BYTES))


def put_back(url: str, backup: Backup, known: Known = Known(), *, over: bool = False) -> Restored:  # noqa: B008 - frozen
    """Restore, and have it recorded nowhere."""
    return restore(url, backup, known, WALL, over=over, record=lambda _done: None)


def opened(url: str, wall: datetime = WALL) -> Keyring:
    """Open a keyring under the tests' root key."""
    return Keyring.open(url, RootKey(ROOT_BYTES), clock=lambda: wall)


def epoch_of(keyring: Keyring, system: str, half: str) -> str:
    """Return the epoch of a token that is made now."""
    token = keyring.token_key("statistics", system, "analysts", "account", half).tokens(["u"])[0]
    assert token is not None
    return token.split(".")[1]


@pytest.mark.parametrize(("source", "target"), ROUTES)
def test_a_lost_keyring_is_what_it_was(
    place: Callable[[str, str], str], tmp_path: Path, source: str, target: str
) -> None:
    """Same tokens, ciphertexts, event keys, probes and pairs, sealed rows open; from either database into either."""
    keyring = filled(place(source, "before"))
    sealer = keyring.sealer("dead_letters", WALL)
    sealed = sealer.seal(b"payload", b"bound")
    before = made_with(keyring)
    backup = backed_up(keyring, tmp_path / "backup.json")
    assert backup.made == WALL
    assert backup.ledger == HEAD
    url = place(target, "after")
    done = put_back(url, backup)
    assert len(done.keys) == 7
    assert not done.buried | done.lost
    after = opened(url)
    assert made_with(after) == before
    assert after.identity == keyring.identity
    parts = {"wrapped_key": sealer.wrapped_key(), "sealed": sealed, "associated": b"bound"}
    assert open_sealed(OpsKey(OPS_BYTES), after, purpose="dead_letters", day=sealer.day, **parts) == b"payload"


def test_the_file_is_its_owners_alone_and_holds_no_key_in_the_clear(tmp_path: Path, url: str) -> None:
    """Mode 0600, no draft beside it, and with another root key it does not even open."""
    keyring = filled(url)
    path = tmp_path / "out" / "backup.json"
    path.parent.mkdir()
    keyring.back_up(path, WALL, HEAD)
    assert [one.name for one in path.parent.iterdir()] == ["backup.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = json.loads(path.read_text())
    assert document["destroy_by"] == "2026-12-28"
    with pytest.raises(KeyringError, match="root key does not belong to the backup"):
        read_backup(path, RootKey(bytes(32)))
    with pytest.raises(UsageError, match="replaces none"):
        keyring.back_up(path, WALL, HEAD)


def test_window_keys_are_in_no_backup_and_do_not_come_back(tmp_path: Path, url: str) -> None:
    """After a restore their date gets a fresh key, which does not link to the old one."""
    keyring = filled(url)
    old = keyring.window_key("statistics", "sepp", "", "cookie", "2026-11-23", WALL).tokens(["c"])
    backup = backed_up(keyring, tmp_path / "backup.json")
    assert "window" not in {row["use"] for row in backup.tables["ebb_keys"]}
    put_back(url, backup, over=True)
    after = opened(url)
    assert "window" not in {key.use for key in after.keys(WALL)}
    assert after.window_key("statistics", "sepp", "", "cookie", "2026-11-23", WALL).tokens(["c"]) != old


def test_damage_is_found_and_nothing_changes(tmp_path: Path, url: str, path: Path) -> None:
    """A changed letter, a cut, another format, rows taken out with the digest made right: one sentence each."""
    keyring = filled(url)
    good = tmp_path / "backup.json"
    keyring.back_up(good, WALL, HEAD)
    before, whole = path.read_bytes(), good.read_text()
    document = json.loads(whole)
    shorn = {**document, "tables": {**document["tables"], "ebb_keys": document["tables"]["ebb_keys"][1:]}}
    other = {**document, "tables": {"ebb_keyring": []}}
    odd = {**document, "tables": 7}
    for wrong in (shorn, other, odd):
        body = {name: value for name, value in wrong.items() if name not in {"sha256", "mac"}}
        digest = hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        wrong["sha256"] = digest
    cases = {
        "damaged": whole.replace('"2026H2"', '"2026H1"', 1),
        "cut off": whole[: len(whole) // 2],
        "not a keyring's backup of this version": whole.replace("backup.v1", "backup.v9"),
        "was changed after it was made": json.dumps(shorn),
        "is of another version of ebb": json.dumps(other),
        "another version of ebb": json.dumps(odd),
    }
    for words, content in cases.items():
        good.write_text(content)
        with pytest.raises(KeyringError, match=words) as told:
            read_backup(good, RootKey(ROOT_BYTES))
        assert "\n" not in str(told.value)
    good.chmod(0o644)
    with pytest.raises(KeyringError, match="open to other users"):
        read_backup(good, RootKey(ROOT_BYTES))
    assert path.read_bytes() == before


def test_a_backup_is_restored_for_35_days(tmp_path: Path, url: str) -> None:
    """On the 35th day still, a moment later no more; nor one of a time to come (R-DEL-08)."""
    backup = backed_up(filled(url), tmp_path / "backup.json")
    backup.require_young(WALL + LIFE)
    with pytest.raises(RefusedError, match=r"35 days old.*take a younger one"):
        backup.require_young(WALL + LIFE + timedelta(seconds=1))
    with pytest.raises(RefusedError, match="clock"):
        backup.require_young(WALL - timedelta(hours=1))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_keys_that_are_there_are_replaced_only_when_said(
    place: Callable[[str, str], str], tmp_path: Path, kind: str
) -> None:
    """A keyring without keys is as good as none; another keyring's keys are never replaced."""
    url = place(kind, "one")
    keyring = filled(url)
    before = made_with(keyring)
    backup = backed_up(keyring, tmp_path / "backup.json")
    keyring.token_key("statistics", "mic_global", "analysts", "account", "2026H2")
    with pytest.raises(RefusedError, match="--over"):
        put_back(url, backup)
    assert len(put_back(url, backup, over=True).lost) == 1
    assert made_with(opened(url)) == before

    fresh = place(kind, "two")
    Keyring.create(fresh, RootKey(ROOT_BYTES))
    put_back(fresh, backup)
    assert made_with(opened(fresh)) == before

    foreign = place(kind, "three")
    there = filled(foreign)
    told = made_with(there)
    with pytest.raises(KeyringError, match="another one"):
        put_back(foreign, backup, over=True)
    assert made_with(opened(foreign)) == told


@pytest.mark.parametrize("known_by", ["ledger", "marks"])
def test_what_was_destroyed_since_stays_destroyed(tmp_path: Path, url: str, path: Path, known_by: str) -> None:
    """By the ledger where the keyring is lost, by its marks where it is there; not even a page of the file has them."""
    keyring = filled(url)
    day = keyring.sealer("dead_letters", WALL).day
    backup = backed_up(keyring, tmp_path / "backup.json")
    noted: list[Scope] = []
    made = keyring.rotate("2026H2", Chosen(), WALL)
    keyring.destroy_epoch("2026H2", Chosen(), WALL, blocking=lambda _: 0, note=noted.extend)
    keyring.destroy_due_date(DUE, WALL, blocking=lambda _: 0, note=noted.extend)
    keyring.destroy_day_key("dead_letters", day, blocking=lambda _: 0, note=noted.extend)
    assert len(noted) == 5
    if known_by == "ledger":
        path.unlink()
        done = put_back(url, backup, Known(frozenset(noted), frozenset(made)))
        assert done.buried == frozenset(noted)
    else:
        done = put_back(url, backup, over=True)
        assert done.buried == frozenset(scope for scope in noted if scope.purpose != "dead_letters")
    stored = path.read_bytes()
    halves = [row for name in ("ebb_keys", "ebb_sealed_keys") for row in backup.tables[name]]
    gone = [row for row in halves if Scope(*(row[name] for name in Scope._fields)) in done.buried]
    assert len(gone) == len(done.buried) + sum(scope.use == "sealing" for scope in done.buried)
    for row in gone:
        assert base64.b64decode(row.get("public") or row.get("wrapped") or row["sealed"]) not in stored
    after = opened(url)
    assert after.due_date_publics([DUE]) == {}
    assert after.half_year_keys("2026H2", Chosen()) == []
    assert epoch_of(after, "sepp", "2026H2") == "2026H2c"


def test_a_name_that_was_given_since_is_never_given_again(tmp_path: Path, url: str, path: Path) -> None:
    """Rotated keys by the ledger; a half-year's first key, which no ledger knows, by the restores there were."""
    keyring = filled(url)
    backup = backed_up(keyring, tmp_path / "backup.json")
    made: list[Scope] = []
    keyring.rotate("2026H2", Chosen(), WALL, note=made.extend)
    assert epoch_of(keyring, "mic_global", "2026H2") == "2026H2"
    path.unlink()
    done = put_back(url, backup, Known(made=frozenset(made)))
    assert done.lost == frozenset(made)
    after = opened(url)
    assert epoch_of(after, "mic_global", "2026H2") == "2026H2b"
    assert epoch_of(after, "mic_global", "2026H1") == "2026H1b"
    assert epoch_of(after, "mic_global", "2027H1") == "2027H1"
    assert epoch_of(after, "sepp", "2026H2") == "2026H2c"
    path.unlink()
    put_back(url, backup, Known(restores=1))
    assert epoch_of(opened(url), "mic_global", "2026H2") == "2026H2c"
    second = backed_up(opened(url), tmp_path / "second.json")
    path.unlink()
    put_back(url, second)
    assert epoch_of(opened(url), "index_site", "2026H2") == "2026H2d"


def test_a_restore_that_cannot_be_recorded_is_none(tmp_path: Path, url: str, path: Path) -> None:
    """The record comes first: when the ledger refuses, an old keyring stays and a lost one stays lost."""
    keyring = filled(url)
    backup = backed_up(keyring, tmp_path / "backup.json")
    keyring.rotate("2026H2", Chosen(), WALL)
    before = opened(url).keys(WALL)

    def refuse(_done: Restored) -> None:
        raise RefusedError("no")

    with pytest.raises(RefusedError):
        restore(url, backup, Known(), WALL, over=True, record=refuse)
    assert opened(url).keys(WALL) == before
    path.unlink()
    with pytest.raises(RefusedError):
        restore(url, backup, Known(), WALL, over=False, record=refuse)
    assert not path.exists()


def test_a_keyring_that_another_process_made_meanwhile_stands(tmp_path: Path, url: str, path: Path) -> None:
    """The restored file gets its name only where there is none."""
    backup = backed_up(filled(url), tmp_path / "backup.json")
    path.unlink()
    with pytest.raises(KeyringError, match="another process made"):
        restore(url, backup, Known(), WALL, over=False, record=lambda _done: path.touch())
    assert path.read_bytes() == b""


def test_a_log_without_its_file_stops_a_restore(tmp_path: Path, url: str, path: Path) -> None:
    """SQLite would play it into the new file."""
    backup = backed_up(filled(url), tmp_path / "backup.json")
    path.unlink()
    path.with_name(path.name + "-wal").write_bytes(b"x")
    with pytest.raises(KeyringError, match="move it away"):
        put_back(url, backup)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_beside_a_writer_holds_no_half_of_a_transaction(
    place: Callable[[str, str], str], tmp_path: Path, kind: str
) -> None:
    """Pairs of the vault are made two at a time: in every copy there are both or neither."""
    url = place(kind, "busy")
    keyring = filled(url)
    ended = threading.Event()

    def make_keys() -> None:
        writer = opened(url)
        for number in range(1, 1000):
            if ended.is_set():
                return
            writer.due_date_public(f"{2000 + number // 12}-{number % 12 + 1:02d}-01")

    thread = threading.Thread(target=make_keys)
    thread.start()
    sizes: set[int] = set()
    number = 0
    while thread.is_alive() and (number < 10 or len(sizes) < 2):
        backup = backed_up(keyring, tmp_path / f"{number}.json")
        halves = [scope.epoch for scope in backup.scopes() if scope.purpose.startswith("vault.")]
        assert all(halves.count(epoch) == 2 for epoch in halves)
        sizes.add(len(halves))
        number += 1
    ended.set()
    thread.join(60)
    assert len(sizes) > 1


def test_a_killed_restore_of_a_lost_keyring_leaves_none(tmp_path: Path, url: str, path: Path) -> None:
    """The draft has another name; the next restore clears it away when it is old."""
    backup = backed_up(filled(url), tmp_path / "backup.json")
    path.unlink()
    draft = path.with_name(f".{path.name}.0123456789abcdef")
    draft.write_bytes(b"half")
    os.utime(draft, (0, 0))
    put_back(url, backup)
    assert not draft.exists()
    with closing(create_engine(url).connect()) as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
