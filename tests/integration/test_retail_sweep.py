"""The drill of the runbook: half a year of a real shop's order lines, in vault and PostgreSQL, swept together."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from click.testing import CliRunner

from governance.errors import RefusedError
from pipelines.cli import ebb

if TYPE_CHECKING:
    from pathlib import Path

LINES = 245_903
NOW = "2014-03-15T00:00:00+08:00"
REGISTER = """\
stores: [{id: shop, kind: sql, url_from: SHOP_URL, ignore: [ebb_ledger, ebb_ledger_head, ebb_ledger_payloads]}]
datasets:
  - id: shop.order_lines
    store: shop
    table: retail_lines
    system: sepp
    role: record
    class: TXN
    zone: Europe/London
    clock: {columns: [completed_at]}
    subject: customer
"""
COLUMNS = ("InvoiceNo", "StockCode", "InvoiceDate", "CustomerID")


def ask(home: Path, *arguments: str) -> dict[str, Any]:
    """Run a command that must succeed and return its JSON."""
    result = CliRunner().invoke(ebb, [*arguments, "--home", str(home), "--json"])
    assert result.exception is None, (arguments, result.exception)
    document = json.loads(result.stdout)
    assert isinstance(document, dict)
    return document


def load_database(url: str, source: Path) -> None:
    """Copy the lines into a table; identical ones are all kept, so the key is a number."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(url.replace("+psycopg", "")) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS retail_lines, lots, lines, orders")
        cursor.execute(
            "CREATE TABLE retail_lines(line BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
            "invoice TEXT, stock_code TEXT, completed_at TIMESTAMP, customer TEXT)"
        )
        statement = "COPY retail_lines(invoice, stock_code, completed_at, customer) FROM STDIN"
        with gzip.open(source, "rt", encoding="utf-8") as lines, cursor.copy(statement) as copy:
            for row in csv.DictReader(lines):
                copy.write_row([row[name] or None for name in COLUMNS])


def due_by_duckdb(source: Path) -> int:
    """Count the lines that are due, from the file itself and in SQL."""
    east = "((InvoiceDate::TIMESTAMP AT TIME ZONE 'Europe/London') AT TIME ZONE 'UTC' + INTERVAL 8 HOUR)::DATE"
    query = f"SELECT count(*) FROM read_csv(?) WHERE {east} + INTERVAL 3 YEAR + INTERVAL 1 DAY <= DATE '2014-03-15'"
    with duckdb.connect() as connection:
        (found,) = connection.execute(query, [str(source)]).fetchall()
    return int(found[0])


@pytest.mark.slow
@pytest.mark.samples
def test_exactly_the_lines_whose_three_years_are_over_go(
    samples: Path, postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both stores lose the number that DuckDB counts; the default limit refuses; a second sweep finds nothing."""
    source, home = samples / "orders" / "online_retail_2010-12_2011-06.csv.gz", tmp_path / "home"
    monkeypatch.setenv("SHOP_URL", postgresql)
    load_database(postgresql, source)
    run = ["run", "transactions", "--from", f"files:{source}", "--format", "online_retail", "--system", "sepp"]
    ask(home, *run, "--now", "2011-07-01T00:00:00Z", "--drain")
    ask(home, "vault", "settle")
    (home / "datasets.yaml").write_text(REGISTER)
    due = due_by_duckdb(source)

    plan = ask(home, "sweep", "plan", "--now", NOW)
    shares = {share["dataset"]: share for share in plan["shares"]}
    for name in ("vault.transactions", "shop.order_lines"):
        assert shares[name]["rows"] == LINES
        assert sum(unit["rows"] for unit in shares[name]["units"]) == due
    ask(home, "sweep", "approve", plan["digest"])
    refused = CliRunner().invoke(ebb, ["sweep", "apply", plan["digest"], "--home", str(home)])
    assert isinstance(refused.exception, RefusedError)

    plan = ask(home, "sweep", "plan", "--now", NOW, "--limit-share", "0.5")
    ask(home, "sweep", "approve", plan["digest"])
    began = datetime.now(tz=UTC)
    applied = {line["dataset"]: line["rows"] for line in ask(home, "sweep", "apply", plan["digest"])["datasets"]}
    assert datetime.now(tz=UTC) - began < timedelta(minutes=4)
    assert applied["vault.transactions"] == applied["shop.order_lines"] == due
    report = {found["dataset"]: found for found in ask(home, "sweep", "verify", plan["digest"])["datasets"]}
    for name in ("vault.transactions", "shop.order_lines"):
        assert (report[name]["after"], report[name]["wrong"]) == (LINES - due, [])
    certificate = ask(home, "sweep", "certificate", plan["digest"])
    keys = {entry["dataset"]: entry["keys_destroyed"] for entry in certificate["datasets"]}
    assert keys["vault.transactions"] > 50
    assert ask(home, "sweep", "plan", "--now", NOW)["due"] == 0
