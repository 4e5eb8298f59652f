"""Files of the vault: one due date each; holds, counts and due files without opening a payload."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from governance.errors import KeyringError, RefusedError
from retention.stores.commit_log import DataFile
from retention.vault.layout import CLEAR, SCHEMA, ByClockMonth, due_date_of, rows_under
from retention.vault.moving import files_due, hold_rows
from tests.transactions import NOW, Place, step

if TYPE_CHECKING:
    from retention.stores.delta import FencedTable


def sale(day: str, order: str = "A") -> bytes:
    """Return a record that states its completion."""
    return step("order_closed", day, order=order, transaction_completed_at=f"{day}T12:00:00+08:00")


def hold(place: Place, table: FencedTable, order_tokens: set[bytes], case: str = "2014-17") -> int:
    """Hold the rows of some orders."""

    def held(rows: pa.Table) -> np.ndarray:
        return np.array([token in order_tokens for token in rows["order_token"].to_pylist()])

    table.refresh()
    return hold_rows(
        table, table.files(), held, case, opener=place.opener, keyring=place.keyring, metadata={"ebb.run": "h"}
    )


def test_a_file_holds_one_due_date_and_its_name_tells_it(place: Place) -> None:
    """What is due is found by names; rows of two days never share a file."""
    place.store(sale("2011-03-14"), sale("2011-03-15", "B"), sale("2011-03-14", "C"), step("order_paid", "2025-06-01"))
    table = place.table()
    for file in table.files():
        dates = set(table.rows_of(file)["due_date"].to_pylist())
        assert dates == {due_date_of(file)}
    assert {due_date_of(file) for file in files_due(table, "2014-03-15")} == {"2014-03-15"}
    assert sum(file.rows for file in files_due(table, "2014-03-16")) == 3
    assert files_due(table, "2014-03-14") == []


def test_no_personal_byte_in_files_or_log(place: Place) -> None:
    """Neither data files nor the log of the table hold what a record says."""
    fields = {"consignee_name": "王小明", "order_goods": "PLANTED-GOODS", "email": "planted@example.org"}
    place.store(step("order_paid", "2025-06-01", order="PLANTED-77", **fields))
    everything = b"".join(one.read_bytes() for one in place.folder.rglob("*") if one.is_file())
    for planted in ("王小明", "PLANTED-GOODS", "planted@example.org", "PLANTED-77"):
        assert planted.encode() not in everything


def test_held_rows_outlive_their_due_dates_key(place: Place) -> None:
    """After a hold the date's key can go: held rows open under their case, the others and every copy do not."""
    place.store(sale("2011-03-14", "A"), sale("2011-03-14", "B"))
    copy, table = place.rows(), place.table()
    held = {copy["order_token"].to_pylist()[0]}

    def blocking(key_id: str) -> int:
        table.refresh()
        under = table.dataset().to_table(columns=["order_token"], filter=pc.field("key_id") == key_id)
        return sum(token in held for token in under["order_token"].to_pylist())

    with pytest.raises(RefusedError, match="1 record is held or not due"):
        place.keyring.destroy_due_date("2014-03-15", NOW, blocking=blocking)
    assert hold(place, table, held) == 1
    assert place.keyring.destroy_due_date("2014-03-15", NOW, blocking=blocking)
    for row in place.rows().to_pylist():
        values = (row["key_id"], row["content_key"], row["content"], row["event_key"])
        if row["order_token"] in held:
            assert row["key_id"] == "case:2014-17"
            assert place.opener.open("content", *values)
        else:
            with pytest.raises(KeyringError):
                place.opener.open("content", *values)
    for row in copy.to_pylist():
        with pytest.raises(KeyringError):
            place.opener.open("identity", row["key_id"], row["identity_key"], row["identity"], row["event_key"])


def test_holding_twice_is_once(place: Place) -> None:
    """Rows under their case's key are left alone; other columns and rows never change."""
    place.store(sale("2011-03-14", "A"), sale("2011-03-14", "B"), sale("2011-03-20", "C"))
    before = place.rows()
    table = place.table()
    token = before["order_token"].to_pylist()[0]
    assert hold(place, table, {token}) == 1
    version = place.table().version
    assert hold(place, table, {token}) == 0
    assert place.table().version == version
    untouched = [name for name in SCHEMA.names if name not in ("key_id", "identity", "content")]
    untouched = [name for name in untouched if not name.endswith("_key") or name in ("event_key", "subject_key")]
    assert place.rows().select(untouched).equals(before.select(untouched))
    kept = before.filter(pc.not_equal(before["order_token"], token))
    after = place.rows().filter(pc.not_equal(place.rows()["order_token"], token))
    assert after.equals(kept)
    assert rows_under(place.table(), "case:2014-17") == 1


def test_counts_need_only_clear_columns(place: Place) -> None:
    """A sweep's counts come from columns in clear; no payload is among them."""
    assert not {"identity", "content", "identity_key", "content_key"} & set(CLEAR)
    place.store(sale("2011-03-14", "A"), sale("2011-03-15", "B"))
    counted = place.table().dataset().to_table(columns=list(CLEAR))
    assert sorted(counted["due_date"].to_pylist()) == ["2014-03-15", "2014-03-16"]


def test_months_of_a_file_whose_name_tells_nothing(place: Place) -> None:
    """A file that something else wrote is read to see which months its events are of."""
    place.store(sale("2011-03-14"), step("order_paid", "2025-06-01"))
    table = place.table()
    rows = place.rows()
    strange = table.write_files(rows)
    view = ByClockMonth(table)
    months = {month for file in strange for month in view.months(file)}
    assert months == {"2011-03", "2025-06"}
    assert due_date_of(strange[0]) is None
    one = DataFile(table.files()[0].path, "2011-03", 1)
    assert len(view.column(one, "event_key")) in (0, 1)
