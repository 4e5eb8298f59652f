"""A database's rows are locked a few at a time, however many are due, and reached over no open wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from governance.errors import RefusedError
from retention.stores import sql
from retention.stores.sql import SqlStore
from tests.retention.rooms import make_room, query

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


def test_a_database_on_another_machine_is_reached_by_tls_or_not_at_all() -> None:
    """A URL that would send rows over a network in the clear is refused before anything connects (R-ADM-02)."""
    with pytest.raises(RefusedError, match="without encryption"):
        SqlStore("postgresql+psycopg://ebb@database.example/shop")
    assert SqlStore("postgresql+psycopg://ebb@database.example/shop?sslmode=verify-full").place
