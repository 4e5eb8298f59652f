"""`ebb compact` on a lake that a job wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from governance.policy import load_catalogue
from pipelines.cli import ebb
from pipelines.compacting import rules_of
from retention.stores.delta import open_table
from tests.pipelines.sinks.test_lake import batch, rows, tables, writer

if TYPE_CHECKING:
    from pathlib import Path


def compacted(home: Path, *more: str) -> dict[str, Any]:
    """Run the command and return its tables by name."""
    result = CliRunner().invoke(ebb, ["compact", "--home", str(home), "--json", *more], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return {one["table"]: one for one in json.loads(result.stdout)["tables"]}


def test_a_lake_is_compacted_once(tmp_path: Path) -> None:
    """Files of an old date become one, keys are blanked, and a second run changes nothing."""
    sink = writer(tmp_path / "lake")
    for number in range(4):
        sink.write(batch(rows(number, date="2026-01-01"), letters=(number,)))
    first = compacted(tmp_path)
    assert (first["analytics/service_log"]["files_before"], first["analytics/service_log"]["files_after"]) == (4, 1)
    assert first["analytics/service_log"]["blanked"] == 4
    table = open_table(tables(tmp_path / "lake").anonymous.uri)
    assert table.dataset().to_table()["event_key"].null_count == 4
    again = compacted(tmp_path)
    assert again["analytics/service_log"]["files_before"] == again["analytics/service_log"]["blanked"] == 0
    assert len(open_table(table.uri).commits()) >= 5


def test_an_empty_home_says_what_makes_tables(tmp_path: Path) -> None:
    """No lake is no error."""
    result = CliRunner().invoke(ebb, ["compact", "--home", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "`ebb run` makes them" in result.output


def test_what_is_blanked_follows_from_the_catalogue() -> None:
    """Window tokens stand on the anonymous path only; permissions go on both; the vault is not merged."""
    catalogue = load_catalogue()
    anonymous, personal = rules_of("analytics/service_log", catalogue), rules_of("personal/service_log", catalogue)
    assert anonymous is not None
    assert personal is not None
    assert {"cookie_id", "device_id", "subject"} <= set(anonymous.tokens)
    assert personal.tokens == ()
    assert set(anonymous.permanent) == set(personal.permanent) == {"gps_location", "location_feature"}
    assert rules_of("vault/transactions", catalogue) is None
    assert rules_of("aggregates/daily", catalogue) is None
