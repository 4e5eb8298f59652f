"""`ebb keys rotate` and `ebb keys destroy` over a real lake."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from governance.errors import KeyringError, RefusedError, UsageError
from governance.keys import RootKey
from governance.ledger import Ledger
from pipelines import key_work
from pipelines.cli import ebb
from pipelines.epoch_rows import rows_under
from pipelines.settings import load_settings, wall_clock
from retention.holds import Hold
from retention.stores.delta import open_table
from retention.sweeps import place_hold
from tests.pipelines.calling import set_clock

if TYPE_CHECKING:
    from pathlib import Path

HALF = "2026H2"
NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
"""When the commands are called: on New Year's day the last half-year's keys would be in question."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, whose streams are idle: nothing needs to be waited for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EBB_ROOT_KEY", raising=False)
    monkeypatch.setattr(key_work, "SETTLED_AFTER", timedelta(seconds=0.2))
    set_clock(monkeypatch, NOW)
    return tmp_path / "home"


def call(home: Path, *arguments: object, text: str = "") -> Result:
    """Call `ebb keys …`."""
    return CliRunner().invoke(ebb, ["keys", *map(str, arguments), "--home", str(home)], input=text)


def stored(home: Path, name: str, time: str, now: str | None = None) -> str:
    """Take one event of a member down the personal path; return the token of its row."""
    event: dict[str, Any] = {"system": "sepp", "event_type": "page_view", "event_time": time, "event_id": name}
    event |= {"subject": {"account": "u-4711"}, "fields": {"page_url": "/a"}}
    path = home.parent / f"{name}.ndjson"
    path.write_text(json.dumps(event) + "\n")
    more = ["--now", now] if now else []
    result = CliRunner().invoke(
        ebb,
        ["run", "service-logs", "--from", f"files:{path}", "--drain", "--home", str(home), "--json", *more,
         "--authorization", "operator", "--authorized-systems", "sepp"],
    )  # fmt: skip
    assert json.loads(result.stdout)["personal"] == 1, result.output
    rows = open_table(f"{home}/lake/personal/service_log").dataset().to_table().to_pylist()
    return str(next(row["subject"] for row in rows if row["event_date"] == time[:10] and row["subject"]))


def test_rotating_keeps_old_tokens_findable_and_their_key_undestroyed(home: Path) -> None:
    """After a rotation rows of both keys are found; the old key goes only when its rows are due, whatever is typed."""
    first = stored(home, "first", "2026-11-19T09:00:00+08:00")
    result = call(home, "rotate", "--system", "sepp", "--json")
    assert [one["epoch"] for one in json.loads(result.stdout)["made"]] == [f"{HALF}b"]
    second = stored(home, "second", "2026-11-18T09:00:00+08:00")
    keyring = load_settings(home=home).opener()
    tokens = keyring.subject_tokens("statistics", "sepp", "analytics", "account", "u-4711")
    assert tokens == {HALF: first, f"{HALF}b": second}
    for epoch in (HALF, f"{HALF}b"):
        refused = call(home, "destroy", epoch, "--yes")
        assert isinstance(refused.exception, RefusedError)
        assert "1 of sepp" in str(refused.exception)
    assert len(keyring.half_year_keys(HALF, key_work_any())) == 1
    assert [one.state for one in keyring.keys(wall_clock()) if one.use == "personal"] == ["active", "active"]


def key_work_any() -> Any:
    """Return the choice of every key."""
    from governance.keys.rotation import Chosen  # noqa: PLC0415

    return Chosen()


def test_what_is_due_does_not_block(home: Path) -> None:
    """A key whose rows are all due is destroyed; its tokens are made no more, the rows stay unlinkable."""
    token = stored(home, "old", "2025-01-05T08:00:00+08:00", "2025-01-06T00:00:00+08:00")
    assert token.startswith("v1.2025H1.")
    assert rows_under(load_settings(home=home), "2025H1") == {}
    result = call(home, "destroy", "2025H1", "--yes", "--json")
    assert [one["system"] for one in json.loads(result.stdout)["destroyed"]] == ["sepp"]
    keyring = load_settings(home=home).opener()
    assert keyring.subject_tokens("statistics", "sepp", "analytics", "account", "u-4711") == {}
    again = keyring.token_key("statistics", "sepp", "analytics", "account", "2025H1").tokens(["u-4711"])[0]
    assert again != token
    gone = call(home, "destroy", "2025H1", "--yes")
    assert isinstance(gone.exception, UsageError)
    assert "no longer" in str(gone.exception)
    assert "destroyed" in call(home, "list").output


def test_a_hold_keeps_the_key_of_due_rows(home: Path) -> None:
    """Rows that are due but held by a case still need their key (R-RET-10)."""
    stored(home, "old", "2026-01-05T08:00:00+08:00", "2026-01-06T00:00:00+08:00")
    settings = load_settings(home=home)
    place_hold(
        Ledger.open(settings.ledger_url), Hold("2026-17", "*", "dataset"), by="ops", reason="case", wall=wall_clock()
    )
    refused = call(home, "destroy", "2026H1", "--yes")
    assert isinstance(refused.exception, RefusedError)


def test_the_name_is_typed_back(home: Path) -> None:
    """Any other answer destroys nothing; the name does. A key in use is given a successor first."""
    call(home, "init")
    keyring = load_settings(home=home).opener()
    keyring.token_key("statistics", "sepp", "analytics", "account", HALF)
    refused = call(home, "destroy", HALF, text="yes\n")
    assert isinstance(refused.exception, UsageError)
    assert "nothing was destroyed" in str(refused.exception)
    done = call(home, "destroy", HALF, text=f"{HALF}\n")
    assert f"destroyed: {HALF}, personal key of sepp" in done.output
    assert "waiting" in done.output
    states = {one.epoch: one.state for one in keyring.keys(wall_clock())}
    assert states == {HALF: "destroyed", f"{HALF}b": "active"}


def test_expired_window_keys_can_be_destroyed_where_nothing_streams(home: Path) -> None:
    """--expired destroys windows past their two days, and nothing else."""
    call(home, "init")
    keyring = load_settings(home=home).opener()
    for days in (3, 1):
        keyring.window_key("s", "sepp", "a", "cookie", f"2026-01-0{days}", wall_clock() - timedelta(days=days))
    assert json.loads(call(home, "destroy", "--expired", "--json").stdout) == {"expired": 1}
    assert "0 expired" in call(home, "destroy", "--expired").output
    assert [one.epoch for one in keyring.keys(wall_clock())] == ["2026-01-01"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rotate",), "the first is made when needed"),
        (("rotate", "--epoch", "2026H2b"), "rotate a half-year"),
        (("rotate", "--epoch", "soon"), "such as 2026H2"),
        (("destroy", "2026H2", "--yes"), "no such key"),
        (("destroy", "2026-11-23", "--yes"), "such as 2026H2"),
        (("destroy",), "name the epoch"),
        (("destroy", "2026H2", "--expired"), "name the epoch"),
    ],
)
def test_a_wrong_call_says_what_to_do(home: Path, arguments: tuple[str, ...], words: str) -> None:
    """Mistakes are named, and nothing is destroyed."""
    call(home, "init")
    result = call(home, *arguments)
    assert isinstance(result.exception, UsageError)
    assert words in str(result.exception)


def test_keys_that_are_missing_wrong_or_closed_each_have_their_message(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No keyring, no root key, another root key, and a keyring that cannot be written to: what to do is said."""
    for arguments in (("rotate",), ("destroy", "2026H2", "--yes")):
        nothing = call(home, *arguments)
        assert isinstance(nothing.exception, KeyringError)
        assert "run `ebb keys init`" in str(nothing.exception)
    call(home, "init")
    load_settings(home=home).opener().token_key("statistics", "sepp", "analytics", "account", HALF)
    monkeypatch.setenv("EBB_KEYRING_URL", f"sqlite:///file:{home}/keyring.sqlite?mode=ro&uri=true")
    for arguments in (("rotate",), ("destroy", HALF, "--yes")):
        closed = call(home, *arguments)
        assert isinstance(closed.exception, KeyringError)
        assert "give this user write access" in str(closed.exception)
    monkeypatch.delenv("EBB_KEYRING_URL")
    root = (home / "root.key").read_text()
    (home / "root.key").unlink()
    missing = call(home, "rotate")
    assert isinstance(missing.exception, KeyringError)
    assert "root.key is missing: restore it" in str(missing.exception)
    RootKey.write_new(home / "root.key")
    wrong = call(home, "rotate")
    assert isinstance(wrong.exception, KeyringError)
    assert "does not belong to the keyring" in str(wrong.exception)
    (home / "root.key").write_text(root)
    assert call(home, "rotate").exit_code == 0


def test_rows_that_tell_no_epoch_count_by_their_half_year(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column treated with a key that leaves no name in it keeps every key of its half-year."""
    stored(home, "first", "2026-11-19T09:00:00+08:00")
    settings = load_settings(home=home)
    assert rows_under(settings, f"{HALF}c") == {}
    monkeypatch.setattr("pipelines.epoch_rows._unmarked", lambda *_: frozenset({"page_url"}))
    assert rows_under(settings, f"{HALF}c") == {"sepp": 1}
    assert rows_under(settings, "2020H1") == {}
