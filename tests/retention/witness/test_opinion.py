"""Both readings of a table agree, whatever its times look like and whatever else their columns are read for."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.policy.treatments import Categorize, Keep, Suppress
from retention.datasets import Anonymize, Clock, Dataset, OpenStates
from retention.endings import Ending, in_dataset
from retention.holds import Hold
from retention.stores.sql import SqlStore
from retention.survey import survey
from retention.witness.opinion import form_opinion

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2021, 1, 1), datetime(2026, 10, 30))  # noqa: DTZ001 - a database's naive times
TIMES = st.one_of(
    st.none(),
    st.sampled_from(["", "unknown", "2024-13-01"]),
    MOMENTS.map(lambda moment: moment.date().isoformat()),
    MOMENTS.map(str),
    MOMENTS.map(lambda moment: f"{moment:%Y%m%d}"),
    MOMENTS.map(lambda moment: f"{moment:%G-W%V-%u}"),
    st.sampled_from(["9999-12-31 23:59:59", "9999-12-31", "0001-01-01 00:00:00", "0001-01-01", "8999-12-31T23:00:00"]),
    st.builds(lambda moment, hours: f"{moment.isoformat()}{hours:+03d}:00", MOMENTS, st.integers(-12, 12)),
)
SUMS = st.sampled_from([None, 0, 1, 1.0, 1.5, "1.50", "n/a"])
ROWS = st.lists(
    st.tuples(
        TIMES, TIMES, st.sampled_from(["open", "closed", "unknown", None]), st.sampled_from("abc"), st.booleans(), SUMS
    ),
    min_size=10,
    max_size=20,
)


def datasets(role: str, zone: str, retention: str) -> list[Dataset]:
    """Return registers that read the clock's columns for nothing else, and for each other thing as well."""
    plain = Dataset(
        id="shop.orders", store="shop", table="orders", system="sepp", role=role, retention=retention, zone=zone,
        clock=Clock(columns=("done",), optional=("refunded",)), open=OpenStates(column="state", values=("open",)),
        subject="customer",
    )  # fmt: skip
    treatments = {
        "refunded": Suppress(),
        "customer": Keep(values=("a",)),
        "state": Categorize(bands={"closed": ("closed",)}, other="unknown"),
    }
    emptied = Anonymize(treatments=treatments, keep=("id", "done", "flag", "sum"))
    return [
        plain,
        plain.model_copy(update={"event": "refunded"}),
        plain.model_copy(update={"subject": "refunded"}),
        plain.model_copy(update={"open": OpenStates(column="refunded", values=("unknown",))}),
        plain.model_copy(update={"open": OpenStates(column="flag", values=(True,))}),
        plain.model_copy(update={"open": OpenStates(column="sum", values=("1.50", 1))}),
        plain.model_copy(update={"clock": Clock(columns=("done",), optional=("refunded",), due="refunded")}),
        plain.model_copy(update={"clock": Clock(columns=("done",), ended="refunded")}),
        plain.model_copy(update={"clock": Clock(columns=("done",), last_changed="refunded")}),
        plain.model_copy(update={"action": "anonymize", "anonymize": emptied}),
    ]


def nothing(values: pa.Array) -> pa.Array:
    """Empty a column."""
    return pa.nulls(len(values), values.type)


def shop(path: Path, rows: Sequence[tuple[Any, ...]]) -> str:
    """Write a database of orders and return its URL."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE orders(id INTEGER PRIMARY KEY, done TEXT, refunded TEXT, state TEXT, customer, flag BOOLEAN,"
            " sum DECIMAL(5, 2))"
        )
        connection.executemany(
            "INSERT INTO orders(done, refunded, state, customer, flag, sum) VALUES (?, ?, ?, ?, ?, ?)", rows
        )
    return f"sqlite:///{path}"


@settings(max_examples=40)
@given(
    ROWS,
    st.sampled_from(["record", "copy"]),
    st.sampled_from(["+08:00", "Europe/London", "America/New_York"]),
    st.sampled_from(["TXN", "PROFILE", "LOG"]),
    st.sets(st.sampled_from("ab")),
)
def test_the_second_reading_counts_what_the_first_does(
    rows: list[tuple[Any, ...]], role: str, zone: str, retention: str, named: set[str]
) -> None:
    """Due rows by month, and all of them, over every register; `a` and `unknown` are held, `b` is listed, if named."""
    with tempfile.TemporaryDirectory() as folder:
        url = shop(Path(folder) / "shop.sqlite", rows)
        for dataset in datasets(role, zone, retention):
            holds = [Hold("2026-1", dataset.id, "subject", frozenset({"a", "unknown"}))] if "a" in named else []
            ending = Ending("n1", "account", dataset.id, NOW - timedelta(days=30), frozenset("b"))
            endings = in_dataset([ending] if "b" in named else [], dataset)
            treatments = dict.fromkeys(dataset.anonymize.treatments, nothing) if dataset.anonymize else None
            share = survey(dataset, SqlStore(url), NOW, holds, treatments, endings=endings)
            opinion = form_opinion(dataset, "sql", url, NOW, holds, wall=NOW, endings=endings)
            planned = {cell.month: cell.rows for cell in share.cells if cell.status == "due"}
            assert (dict(opinion.due), opinion.total) == (planned, share.rows), dataset
