"""The job of transactions from end to end: real order lines, a run that dies, and settling afterwards."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner, Result

from governance.errors import KeyringError, RefusedError
from governance.keys import OpsKey
from pipelines.cli import ebb
from pipelines.settings import load_settings
from retention.stores.delta import open_table
from retention.vault.layout import vault_spec
from retention.vault.payloads import open_rows
from tests.kill.crashing import EXIT

LINES = 245_903
FORMAT = ("--system", "sepp", "--format", "online_retail", "--now", "2011-07-01T00:00:00Z", "--drain")
HEADER = b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
DUE = """
    SELECT count(*) FROM read_csv('{file}', all_varchar = true)
    WHERE CAST(CAST(InvoiceDate AS timestamp) AT TIME ZONE 'Europe/London' AT TIME ZONE 'Asia/Shanghai' AS date)
          + INTERVAL 3 YEAR + INTERVAL 1 DAY <= DATE '2014-03-15'
"""


def call(*arguments: object) -> Result:
    """Call `ebb` in this process."""
    return CliRunner().invoke(ebb, [str(argument) for argument in arguments])


def ran(source: Path, home: Path, *options: object) -> dict[str, Any]:
    """Drain a file into the vault and return the report."""
    result = call("run", "transactions", "--from", f"files:{source}", "--home", home, "--json", *options)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def rows_of(home: Path) -> Any:
    """Return the rows of a home's vault."""
    return open_table(vault_spec(str(home / "lake")).uri).dataset()


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """Return 3,000 order lines of 20 days, every tenth twice, without an id."""
    lines = [
        f'{number // 4},P{number % 50},"pump, red",{number % 9 + 1},2011-03-{number % 20 + 1:02d} 10:00:00,2.5,'
        f"{number % 300}.0,Norway\n".encode()
        for number in range(2_700)
    ]
    lines += lines[::9]
    path = tmp_path / "orders.csv"
    path.write_bytes(HEADER + b"".join(lines))
    return path


@pytest.mark.samples
@pytest.mark.slow
def test_every_real_order_line_is_kept_and_due_on_its_day(samples: Path, tmp_path: Path) -> None:
    """All lines arrive, identical ones among them, and as many are due as an independent query says."""
    file = samples / "orders" / "online_retail_2010-12_2011-06.csv.gz"
    total = ran(file, tmp_path, *FORMAT)
    assert (total["read"], total["rows"], total["dropped"].get("DUPLICATE", 0)) == (LINES, LINES, 0)
    assert (total["dead_letters"], total["held"], total["fields_dropped"]) == ({}, {}, {})
    assert total["seconds"] < 120
    dataset = rows_of(tmp_path)
    clear = dataset.to_table(columns=["event_key", "due_date"])
    assert len(set(clear["event_key"].to_pylist())) == LINES
    row = duckdb.sql(DUE.format(file=file)).fetchall()[0]
    assert sum(due <= "2014-03-15" for due in clear["due_date"].to_pylist()) == row[0]
    settings = load_settings(home=tmp_path)
    some = dataset.to_table(filter=pc.field("clock_date") == "2011-03-01").slice(0, 500)
    content = open_rows(some, OpsKey.from_file(settings.ops_key_file), settings.opener(), "content")
    with gzip.open(file, "rt", encoding="utf-8") as text:
        numbers = {line.partition(",")[0] for line in text}
    assert all(one["order_number"] in numbers and "order_amount" in one for one in content)


@pytest.mark.parametrize(
    ("seam", "nth"),
    [("after the pull of files", 2), ("after the write, before the commit", 3), ("after a commit", 2)],
)
def test_a_run_that_dies_is_finished_by_the_next(orders: Path, tmp_path: Path, seam: str, nth: int) -> None:
    """Killed before, at and after a commit: run again, every line is there once, under the day of its own date."""
    home = tmp_path / "home"
    options = ["--from", f"files:{orders}", "--home", str(home), "--max-events", "500", *FORMAT]
    died = subprocess.run(
        [sys.executable, "-m", "tests.kill.crashing", seam, str(nth), "run", "transactions", *options],
        cwd=Path(__file__).resolve().parents[2], capture_output=True, check=False,
    )  # fmt: skip
    assert died.returncode == EXIT, died.stderr
    ran(orders, home, "--max-events", 500, *FORMAT)
    rows = rows_of(home).to_table(columns=["event_key", "due_date"])
    assert rows.num_rows == len(set(rows["event_key"].to_pylist())) == 3_000
    expected = [f"2014-03-{day + 2:02d}" for day in range(20)]
    assert sorted(set(rows["due_date"].to_pylist())) == expected


def test_a_second_run_takes_nothing(orders: Path, tmp_path: Path) -> None:
    """What was taken stands in the vault's commits; the file renamed or read again adds no row."""
    assert ran(orders, tmp_path / "home", *FORMAT)["rows"] == 3_000
    renamed = orders.rename(orders.with_name("renamed.csv"))
    assert ran(renamed, tmp_path / "home", *FORMAT)["read"] == 0


def test_generated_orders_settle(tmp_path: Path) -> None:
    """Orders with their lives: held on arrival, settled the next day; a second settlement finds nothing."""
    file, home = tmp_path / "orders.ndjson", tmp_path / "home"
    made = call("generate", "transactions", "--events", 1500, "--seed", 5, "--start", "2025-01-01T00:00:00Z",
                "--days", 60, "--to", f"files:{file}")  # fmt: skip
    assert made.exit_code == 0, made.output
    total = ran(file, home, "--drain", "--now", "2025-03-05T00:00:00Z")
    assert total["read"] == 1500
    assert total["held"]["RET_NO_CLOCK"] == total["rows"] > 1400
    first = json.loads(call("vault", "settle", "--home", home, "--now", "2025-03-06T02:00:00Z", "--json").stdout)
    assert first["moved"] > 1000
    assert 0 < sum(first["waiting"].values()) == total["rows"] - first["moved"]
    assert set(first["waiting"]) <= {
        f"open-2025-03 {name}" for name in ("mic_domestic", "mic_global", "sepp", "index_site")
    }
    second = call("vault", "settle", "--home", home, "--now", "2025-03-06T02:00:00Z")
    assert second.exit_code == 0, second.output
    assert "moved to their due month              0" in second.output
    assert "RET_NO_CLOCK" in second.output
    assert rows_of(home).count_rows() == total["rows"]


def test_settling_refuses_what_it_cannot_do(orders: Path, tmp_path: Path) -> None:
    """A day to come, another ops key: a clear error, and nothing changes."""
    home = tmp_path / "home"
    call("keys", "init", "--home", home)
    ran(orders, home, *FORMAT)
    version = open_table(vault_spec(str(home / "lake")).uri).version
    assert isinstance(call("vault", "settle", "--home", home, "--now", "2999-01-01T00:00:00Z").exception, RefusedError)
    other = tmp_path / "other.key"
    OpsKey.write_new(other)
    refused = call("vault", "settle", "--home", home, "--ops-key", other)
    assert isinstance(refused.exception, KeyringError)
    assert open_table(vault_spec(str(home / "lake")).uri).version == version


def test_a_dry_run_shows_what_is_sealed(orders: Path, tmp_path: Path) -> None:
    """Ten lines before and after; payloads as their size, and nothing is written."""
    result = call("run", "transactions", "--from", f"files:{orders}", "--home", tmp_path / "h", "--dry-run", *FORMAT)
    assert result.exit_code == 0, result.output
    after = "\n".join(line for line in result.output.splitlines() if line.startswith("vault "))
    assert "bytes" in after
    assert "pump" not in after
    assert not (tmp_path / "h").exists()


def test_the_report_for_people(orders: Path, tmp_path: Path) -> None:
    """The report names the vault and its rows, in words."""
    result = call("run", "transactions", "--from", f"files:{orders}", "--home", tmp_path / "h", *FORMAT)
    assert "rows, vault                 3,000" in result.output
    assert "anonymous" not in result.output
