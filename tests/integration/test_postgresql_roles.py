"""A stream and a sweep as docs/keys.md sets them up: keyring and ledger on PostgreSQL, each under a role of its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from governance.errors import KeyringError, LedgerError
from governance.keys import china_date, half_year
from pipelines.cli import ebb
from tests.postgresql import as_role, own_database, own_roles, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KINDS = ("stream", "ops", "auditor")
BEGAN = datetime.now(tz=UTC).replace(microsecond=0) - timedelta(days=200)

HALF = half_year(china_date(BEGAN))


class Site:
    """A home, and a database in which commands are run as one role or another."""

    def __init__(self, home: Path, url: str, roles: dict[str, str], patch: pytest.MonkeyPatch) -> None:
        self.home, self.url, self.roles, self._patch = home, url, roles, patch

    def call(self, kind: str, *arguments: str) -> dict[str, Any]:
        """Run a command under a role and return its JSON; its error is raised."""
        for name in ("EBB_LEDGER_URL", "EBB_KEYRING_URL"):
            self._patch.setenv(name, as_role(self.url, self.roles[kind]))
        result = CliRunner().invoke(ebb, [*arguments, "--home", str(self.home), "--json"])
        if result.exception is not None:
            raise result.exception
        document = json.loads(result.stdout)
        assert isinstance(document, dict)
        return document


@pytest.fixture
def site(postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Set up from nothing by the commands of the documentation."""
    with own_roles(postgresql, "owner", *KINDS) as roles, own_database(postgresql) as url:
        run_sql(url, f"ALTER DATABASE {url.rpartition('/')[2]} OWNER TO {roles['owner']}")
        made = Site(tmp_path / "home", url, roles, monkeypatch)
        assert made.call("owner", "database", "upgrade")["ledger"]["before"] is None
        for kind in KINDS:
            given = made.call("owner", "database", "grant", "--role", roles[kind], "--as", kind)["given"]
            assert ("ebb_sealed_keys" in given["keyring"]) is (kind != "auditor")
        assert made.call("owner", "database", "upgrade")["keyring"] == {"before": "0003", "now": "0003"}
        made.call("ops", "keys", "init")
        yield made


@pytest.mark.slow
def test_a_stream_writes_and_operations_sweep_each_under_its_role(site: Site, tmp_path: Path) -> None:
    """Last year's events come in under one role, go under another, and a third one checks the record."""
    source, ops_key = tmp_path / "events.ndjson", site.home / "ops.key"
    start = ["--start", BEGAN.isoformat(), "--days", "2", "--seed", "3", "--defects", "0.05"]
    CliRunner().invoke(ebb, ["generate", "service-logs", "--events", "400", *start, "--to", f"files:{source}"])
    ops_key.rename(tmp_path / "ops.key")  # it belongs on no host that streams
    run = ["run", "service-logs", "--from", f"files:{source}", "--drain", "--authorization", "operator"]
    ran = site.call("stream", *run, "--authorized-systems", "sepp", "--now", (BEGAN + timedelta(days=3)).isoformat())
    assert ran["rows"] > 200
    for arguments in (["keys", "destroy", HALF, "--yes"], ["sweep", "list"], ["ledger", "show"]):
        with pytest.raises(LedgerError, match="refuses this role"):
            site.call("stream", *arguments)
    show = ["dead-letters", "show", "--ops-key", str(tmp_path / "ops.key")]
    with pytest.raises(KeyringError, match="refuses this role"):
        site.call("stream", *show)  # not even with the ops key
    assert site.call("ops", *show)
    (tmp_path / "ops.key").rename(ops_key)

    hold = ["2026-17", "--dataset", "analytics.service_log"]
    site.call("ops", "hold", "place", *hold, "--whole", "--reason", "claim", "--by", "lin")
    site.call("ops", "hold", "release", "2026-17", "--by", "lin")
    plan = site.call("ops", "sweep", "plan", "--limit-share", "1", "--by", "lin")
    assert plan["due"] >= ran["rows"]
    site.call("ops", "sweep", "approve", plan["digest"], "--by", "wang")
    assert site.call("ops", "sweep", "apply", plan["digest"])["state"] == "applied"
    assert site.call("ops", "sweep", "verify", plan["digest"])["ok"]
    assert site.call("ops", "sweep", "certificate", plan["digest"])
    site.call("ops", "compact")
    assert site.call("ops", "keys", "rotate", "--epoch", HALF)["made"]
    assert site.call("ops", "keys", "destroy", HALF, "--yes")["destroyed"]

    assert site.call("auditor", "ledger", "verify")["ok"]
    assert site.call("auditor", "ledger", "show", "--kind", "sweep.plan")["entries"]
    with pytest.raises(LedgerError, match="refuses this role"):
        site.call("auditor", "hold", "place", "2026-18", *hold[1:], "--whole", "--reason", "x")
    with pytest.raises(KeyringError, match="refuses this role"):
        site.call("auditor", "keys", "list")
