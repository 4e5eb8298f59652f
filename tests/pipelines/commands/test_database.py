"""`ebb database` as an administrator types it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from click.testing import CliRunner, Result

from governance.errors import UsageError
from pipelines.cli import ebb
from tests.postgresql import as_role, own_database, own_roles, run_sql

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def call(home: Path, *arguments: str) -> Result:
    """Run a command in a home."""
    return CliRunner().invoke(ebb, ["database", *arguments, "--home", str(home)])


def test_upgrade_tells_what_it_found(tmp_path: Path) -> None:
    """On files: the ledger is made, a keyring is not; run again, nothing changes."""
    first = call(tmp_path, "upgrade")
    assert "ledger: revision 0003, was empty" in first.output
    assert "none yet; `ebb keys init` makes it" in first.output
    assert not (tmp_path / "keyring.sqlite").exists()
    CliRunner().invoke(ebb, ["keys", "init", "--home", str(tmp_path)])
    assert call(tmp_path, "upgrade").output.count("as before") == 2
    told = json.loads(call(tmp_path, "upgrade", "--json").output)
    assert told["keyring"] == {"before": "0003", "now": "0003"}


def test_a_file_has_no_roles(tmp_path: Path) -> None:
    """The sentence says what decides instead."""
    found = call(tmp_path, "grant", "--role", "x", "--as", "stream")
    assert isinstance(found.exception, UsageError)
    assert "who may read the file may read all of it" in str(found.exception)


def test_grant_tells_what_a_role_may(postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Table by table; `--on` keeps to one of the two; a role that is not there is named."""
    with own_roles(postgresql, "a b") as roles, own_database(postgresql) as url:
        (role,) = roles.values()
        monkeypatch.setenv("EBB_LEDGER_URL", url)
        monkeypatch.setenv("EBB_KEYRING_URL", url)
        shown = call(tmp_path, "grant", "--role", role, "--as", "auditor")
        assert shown.exception is None, shown.exception
        assert f"ledger: {role} may\n" in shown.output
        assert f"keyring: {role} may nothing" in shown.output
        assert "ebb_ledger_payloads" in shown.output
        told = json.loads(call(tmp_path, "grant", "--role", role, "--as", "ops", "--on", "keyring", "--json").output)
        assert told["given"] == {
            "keyring": {
                "ebb_keyring_version": ["SELECT"],
                "ebb_keyring": ["SELECT", "INSERT"],
                "ebb_keys": ["SELECT", "INSERT", "DELETE"],
                "ebb_sealed_keys": ["SELECT", "INSERT", "DELETE"],
            }
        }
        may = "SELECT count(*) FROM ebb_sealed_keys"
        assert run_sql(as_role(url, role), may) == [(0,)]
        missing = call(tmp_path, "grant", "--role", "nobody", "--as", "ops")
        assert isinstance(missing.exception, UsageError)
        assert "no role nobody" in str(missing.exception)
