"""`ebb keys`."""

from __future__ import annotations

import json
import sqlite3
import stat
import sys
import warnings
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from governance.errors import KeyringError
from governance.keys import store
from pipelines import cli
from pipelines.commands.keys import keys
from pipelines.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that is not made yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EBB_ROOT_KEY", raising=False)
    return tmp_path / "home"


def ebb(*arguments: str) -> str:
    """Run `ebb keys …` and return what it printed."""
    result = CliRunner().invoke(keys, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_init_says_what_it_made_and_is_repeatable(home: Path) -> None:
    """The first call names each thing made, the second that nothing was missing; both say where things lie."""
    first = ebb("init", "--home", str(home))
    assert "Made the root key" in first
    assert "Move it off every host that streams" in first
    second = ebb("init", "--home", str(home))
    assert "Nothing to make" in second
    assert str(home / "keyring.sqlite") in second
    assert stat.S_IMODE((home / "ops.key").stat().st_mode) == 0o600


def test_init_answers_machines(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --json the answer is one document, and tells from where the root key comes."""
    monkeypatch.setenv("EBB_ROOT_KEY", "11" * 32)
    answer = json.loads(ebb("init", "--home", str(home), "--json"))
    assert len(answer["made"]) == 3
    assert answer["root_key"] == "environment EBB_ROOT_KEY"
    (home / "ops.key").unlink()
    again = json.loads(ebb("init", "--home", str(home), "--json"))
    assert again["made"] == []
    assert "moved away" in again["ops_key"]
    assert "11" * 32 not in str(answer)


def test_list_shows_scopes_without_keys(home: Path) -> None:
    """Each key is listed with what it is for and its state; no file's secret appears."""
    ebb("init", "--home", str(home))
    assert "No keys yet" in ebb("list", "--home", str(home))
    keyring = load_settings(home=home).opener()
    keyring.token_key("statistics", "sepp", "analysts", "account", "2026H2")
    keyring.window_key("statistics", "sepp", "", "cookie", "2026-11-23", datetime(2020, 1, 1, tzinfo=UTC))
    listed = json.loads(ebb("list", "--home", str(home), "--json"))["keys"]
    assert [(key["use"], key["system"], key["epoch"], key["state"]) for key in listed] == [
        ("personal", "sepp", "2026H2", "active"),
        ("window", "sepp", "2026-11-23", "expired"),
    ]
    assert set(listed[0]) == {"use", "purpose", "system", "recipient", "epoch", "made", "expires", "state"}
    shown = ebb("list", "--home", str(home))
    assert "statistics" in shown
    assert "2026H2" in shown
    for secret in ("root.key", "ops.key"):
        assert (home / secret).read_text().strip() not in shown


def test_list_without_a_keyring_says_what_to_do(home: Path) -> None:
    """Before init, list raises the error that names it."""
    with pytest.raises(KeyringError, match="run `ebb keys init`"):
        ebb("list", "--home", str(home))


@pytest.mark.parametrize("command", ["init", "list"])
def test_help_has_an_example(command: str) -> None:
    """The help of each command shows how to call it."""
    assert "Example: ebb keys" in ebb(command, "--help")


def test_what_a_destruction_leaves_for_later_is_one_line_for_the_operator(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While somebody reads the keyring: the key is destroyed, the command succeeds, and the answer stays a document."""
    ebb("init", "--home", str(home))
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    load_settings(home=home).opener().window_key("statistics", "sepp", "", "cookie", "2020-01-01", long_ago)
    monkeypatch.setattr(store, "_BUSY_SECONDS", 0.1)
    monkeypatch.setattr(sys, "argv", ["ebb", "keys", "destroy", "--expired", "--home", str(home), "--json"])
    with warnings.catch_warnings(), closing(sqlite3.connect(home / "keyring.sqlite")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM ebb_keys").fetchall()
        cli.main()
    told = capsys.readouterr()
    assert json.loads(told.out)["expired"] == 1
    assert told.err.startswith(f"Warning: somebody reads the keyring {home / 'keyring.sqlite'}: until that ends")
    assert len(told.err.splitlines()) == 1
