"""A database's rows are locked a few at a time, however many are due, and reached over no open wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from governance.errors import RefusedError
from retention.datasets import Clock, Dataset
from retention.stores import sql
from retention.stores.sql import SqlStore
from retention.survey import survey
from retention.witness.opinion import form_opinion
from tests.postgresql import run_sql
from tests.retention.rooms import NOW, make_room, query

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa


def test_rows_are_locked_a_few_at_a_time(tmp_path: Path) -> None:
    """A batch is read without a lock; what is judged again under one, and goes in one transaction, is bounded."""
    orders = 3 * sql.LOCKED
    room = make_room(tmp_path, orders)
    seen: list[tuple[int, int]] = []

    def choose(rows: pa.Table) -> np.ndarray:
        seen.append((rows.num_rows, query(tmp_path, "SELECT count(*) FROM orders")[0][0]))
        return np.ones(rows.num_rows, bool)

    store = SqlStore(f"sqlite:///{tmp_path / 'shop.sqlite'}")
    removal = store.edit(room.dataset("shop.orders"), None, ["completed_at"], choose, mark="m")
    assert removal.rows == orders
    assert seen == [(orders, orders), *((sql.LOCKED, orders - n * sql.LOCKED) for n in range(3))]


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DATE"])
def test_the_end_of_a_calendar_is_no_day_on_which_a_clock_starts(database: str, kind: str) -> None:
    """Infinity and its like in a clock, also in an optional one: the row is held, and the sweep goes on beside it."""
    ends = ["9999-12-31 23:59:59", "0001-01-01 00:00:00"]
    if database.startswith("postgresql"):
        ends += ["infinity", "-infinity", "0044-03-15 12:00:00 BC", "20000-01-01 00:00:00"]
    rows = [(end, None) for end in ends] + [("2022-01-01", end) for end in ends] + [("2022-01-01", None)]
    run_sql(
        database,
        f"CREATE TABLE orders(id INTEGER PRIMARY KEY, done {kind}, refunded {kind})",
        *(
            f"INSERT INTO orders VALUES ({n}, '{done}', {'NULL' if end is None else repr(end)})"
            for n, (done, end) in enumerate(rows)
        ),
    )
    dataset = Dataset(
        id="shop.orders", store="shop", table="orders", system="sepp", role="record", retention="TXN", zone="UTC",
        clock=Clock(columns=("done",), optional=("refunded",)),
    )  # fmt: skip
    share = survey(dataset, SqlStore(database), NOW, [])
    assert {cell.status: cell.rows for cell in share.cells} == {"RET_NO_CLOCK": len(rows) - 1, "due": 1}
    opinion = form_opinion(dataset, "sql", database, NOW, [], wall=NOW)
    assert (dict(opinion.due), opinion.total) == ({share.units[0].part: 1}, len(rows))


def test_a_database_on_another_machine_is_reached_by_tls_or_not_at_all() -> None:
    """A URL that would send rows over a network in the clear is refused before anything connects (R-ADM-02)."""
    with pytest.raises(RefusedError, match="without encryption"):
        SqlStore("postgresql+psycopg://ebb@database.example/shop")
    assert SqlStore("postgresql+psycopg://ebb@database.example/shop?sslmode=verify-full").place
