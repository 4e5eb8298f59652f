"""A real schema: the invoices of Chinook, three years after they were issued, with their lines."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from governance.errors import StoreError
from retention.datasets import Child, Clock, Dataset
from retention.judging import Judge
from retention.rules import Status
from retention.stores.sql import SqlStore
from retention.survey import survey

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, tzinfo=UTC)
INVOICES = Dataset(
    id="chinook.invoices",
    store="chinook",
    table="Invoice",
    system="sepp",
    role="record",
    retention="TXN",
    zone="UTC",
    clock=Clock(columns=("InvoiceDate",)),
    subject="CustomerId",
    children=(Child(table="InvoiceLine", column="InvoiceId"),),
)


@pytest.fixture
def chinook(samples: Path, tmp_path: Path) -> Path:
    """Return a copy of the database."""
    path = tmp_path / "chinook.sqlite"
    shutil.copyfile(samples / "orders" / "chinook.sqlite", path)
    path.chmod(0o600)
    return path


def ask(path: Path, statement: str) -> int:
    """Return one number."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(statement).fetchone()[0])


def sweep(path: Path, dataset: Dataset) -> tuple[int, int]:
    """Remove what is due; return rows and lines."""
    store, judge = SqlStore(f"sqlite:///{path}"), Judge(dataset, NOW)
    done = store.edit(dataset, None, judge.columns, lambda rows: judge(rows).is_status(Status.DUE), mark="m")
    return done.rows, done.children


def test_due_invoices_go_with_their_lines(chinook: Path) -> None:
    """As many as SQLite itself counts; foreign keys hold afterwards."""
    due = "date(InvoiceDate, '+8 hours', '+3 years') < '2026-03-01'"
    invoices = ask(chinook, f"SELECT count(*) FROM Invoice WHERE {due}")
    lines = ask(
        chinook, f"SELECT count(*) FROM InvoiceLine WHERE InvoiceId IN (SELECT InvoiceId FROM Invoice WHERE {due})"
    )
    share = survey(INVOICES, SqlStore(f"sqlite:///{chinook}"), NOW, ())
    assert (share.due, share.children) == (invoices, lines) == sweep(chinook, INVOICES)
    assert invoices > 100
    assert ask(chinook, "SELECT count(*) FROM pragma_foreign_key_check") == 0
    assert ask(chinook, "SELECT count(*) FROM Invoice") == 412 - invoices


def test_a_forgotten_child_stops_the_sweep_and_says_so(chinook: Path) -> None:
    """The database's foreign keys are respected; nothing of the batch goes."""
    with pytest.raises(StoreError, match="register that table among the children"):
        sweep(chinook, INVOICES.model_copy(update={"children": ()}))
    assert ask(chinook, "SELECT count(*) FROM Invoice") == 412
