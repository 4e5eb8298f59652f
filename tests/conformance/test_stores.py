"""What a sweep relies on, on every store: a new store is added to KINDS and passes all of it."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from governance.errors import EbbError
from retention.endings import Ending, in_dataset
from retention.judging import Judge
from retention.rules import Status
from retention.survey import survey
from retention.window import window_of, window_over
from retention.witness.opinion import form_opinion
from tests.conformance.conftest import NOW, Case, orders

if TYPE_CHECKING:
    from collections.abc import Iterable

    from retention.stores.base import Store

CUT = date(2023, 10, 31)
LAST = date(2025, 6, 1)


def due_ids() -> set[int]:
    """Work out with plain dates which orders are due at `NOW`."""
    return {row[0] for row in orders() if row[2] != "open" and row[3] is not None and row[3].date() <= CUT}


def ids(case: Case, store: Store | None = None) -> set[int]:
    """Return the ids that are in the store."""
    return {value for rows in (store or case.store).scan(case.dataset, ["id"]) for value in rows["id"].to_pylist()}


def choose(case: Case) -> tuple[Judge, object]:
    """Return a judge, and what chooses the rows that it calls due."""
    judge = Judge(case.dataset, NOW, (), ("id",))
    return judge, lambda rows: judge(rows).is_status(Status.DUE)


def parts(case: Case) -> Iterable[str | None]:
    """Return the parts to edit, one that is None for a table of one piece."""
    found = case.store.parts("orders")
    return [None] if found is None else list(found)


def edit(case: Case, store: Store | None = None, within: Iterable[str | None] | None = None) -> tuple[int, int]:
    """Remove what is due; return rows and rows of children."""
    judge, chosen = choose(case)
    done = [
        (store or case.store).edit(case.dataset, part, [*judge.columns, "id"], chosen, mark=f"m:{part}")  # type: ignore[arg-type]
        for part in (parts(case) if within is None else within)
    ]
    return sum(one.rows for one in done), sum(one.children for one in done)


def test_tables_columns_and_key_are_told(case: Case) -> None:
    """A store lists its tables, and a table its columns and key."""
    assert "orders" in case.store.tables()
    shape = case.store.shape("orders")
    assert {"id", "customer", "state", "completed_at", "day"} == set(shape.columns)
    assert shape.key == ("id",)


def test_a_missing_table_is_an_error_that_says_so(case: Case) -> None:
    """No traceback of a driver, but ebb's own error."""
    with pytest.raises(EbbError, match="no table"):
        case.store.shape("nothing")


def test_a_survey_counts_every_row_once_and_finds_what_plain_dates_find(case: Case) -> None:
    """Due, kept, open and unknown rows add up; due ones are those that three calendar years say."""
    share = survey(case.dataset, case.store, NOW, ())
    assert share.rows == len(orders()) == sum(cell.rows for cell in share.cells)
    assert share.due == len(due_ids())
    assert share.children == (4 * len(due_ids()) if case.nested else 0)
    assert share.count("RET_NO_CLOCK") + share.count("open") == sum(r[2] == "open" or r[3] is None for r in orders())


def test_exactly_the_chosen_rows_go_and_their_children_with_them(case: Case) -> None:
    """Nothing more, nothing less; two levels of children go before their parents."""
    rows, children = edit(case)
    assert rows == len(due_ids())
    assert children == (4 * rows if case.nested else 0)
    assert ids(case, case.again()) == {row[0] for row in orders()} - due_ids()


def test_twice_is_once(case: Case) -> None:
    """A second call changes nothing; a store that records its mark gives the first call's number again."""
    before = list(parts(case))
    rows, _ = edit(case, within=before)
    again, children = edit(case, case.again(), within=before)
    assert again in {0, rows}
    assert children == 0
    assert len(ids(case)) == len(orders()) - rows


def test_a_row_that_is_no_longer_chosen_when_asked_again_stays(case: Case) -> None:
    """`choose` is asked with fresh rows; one that says no is heeded."""
    judge, _ = choose(case)
    for part in parts(case):
        case.store.edit(
            case.dataset, part, [*judge.columns, "id"], lambda rows: np.zeros(rows.num_rows, bool), mark=f"none:{part}"
        )
    assert len(ids(case)) == len(orders())


def test_rows_are_anonymized_in_place(case: Case) -> None:
    """The chosen rows keep their number and their other columns; the treated one is empty."""
    judge, chosen = choose(case)

    def treat(rows: pa.Table) -> pa.Table:
        place = rows.column_names.index("customer")
        return rows.set_column(place, rows.schema.field(place), pa.nulls(rows.num_rows, rows.schema.field(place).type))

    for part in parts(case):
        case.store.edit(case.dataset, part, [*judge.columns, "id"], chosen, mark=f"t:{part}", treat=treat)  # type: ignore[arg-type]
    found = pa.concat_tables(list(case.again().scan(case.dataset, ["id", "customer", "state"])))
    emptied = {row["id"] for row in found.to_pylist() if row["customer"] is None}
    assert found.num_rows == len(orders())
    assert emptied == due_ids()
    assert {row["state"] for row in found.to_pylist()} == {"open", "closed"}


def test_a_window_leaves_out_no_row_that_is_due(case: Case) -> None:
    """Reading a due month through its window finds the same rows as reading everything."""
    judge, _ = choose(case)
    share = survey(case.dataset, case.store, NOW, ())
    for month in {cell.month for cell in share.cells if cell.status == "due"}:
        window = window_of(case.dataset, month)
        assert window is not None
        found = 0
        for rows in case.store.scan(case.dataset, [*judge.columns, "id"], None, window):
            verdicts = judge(rows)
            months = verdicts.due.astype("datetime64[M]").astype(str)
            found += int(np.count_nonzero(verdicts.is_status(Status.DUE) & (months == month)))
        assert found == sum(c.rows for c in share.cells if c.status == "due" and c.month == month)


def test_units_are_the_same_through_a_window_over_their_months(case: Case) -> None:
    """What is compared before apply may be read through the window of all units of a plan, or of some."""
    units = survey(case.dataset, case.store, NOW, ()).units
    for some in (units, units[2:5]):
        window = window_over(case.dataset, [unit.part for unit in some])
        assert window is not None
        again = {unit.part: unit for unit in survey(case.dataset, case.store, NOW, (), window=window).units}
        assert [again[unit.part] for unit in some] == list(some)
    assert window_over(case.dataset, ["2026-01", "unknown"]) is None


def test_the_witness_counts_the_same_before_and_nothing_due_afterwards(case: Case) -> None:
    """The second reading agrees, and sees no orphan and no due row in any file, live or not, after the purge."""
    if case.place is None:
        pytest.skip("memory has no bytes to read a second time")
    share = survey(case.dataset, case.store, NOW, ())
    before = form_opinion(case.dataset, *case.place, NOW, (), wall=NOW)
    planned = {cell.month: cell.rows for cell in share.cells if cell.status == "due"}
    assert (dict(before.due), before.total) == (planned, share.rows)
    rows, _ = edit(case)
    case.store.purge("orders", history=True)
    after = form_opinion(case.dataset, *case.place, NOW, (), wall=NOW)
    assert (sum(after.due.values()), after.total) == (0, share.rows - rows)
    assert (after.orphans, after.stale_due, after.stale_files) == (0, 0, 0)


def test_what_an_ending_lists_is_found_by_both_readings(case: Case) -> None:
    """Copies of a listed customer go with what is due anyway, whatever month they are of; open orders stay."""
    until = datetime(2025, 6, 1, tzinfo=UTC)
    copies = case.dataset.model_copy(update={"role": "copy"})
    listed = in_dataset([Ending("n1", "orders", "shop.orders", until, frozenset({"customer-3"}))], copies)
    share = survey(copies, case.store, NOW, (), endings=listed)
    ended = {
        row[0] for row in orders() if row[1] == "customer-3" and row[2] != "open" and row[3] and row[3].date() <= LAST
    }
    assert share.due == len(due_ids() | ended) > len(due_ids())
    if case.place is not None:
        planned = {cell.month: cell.rows for cell in share.cells if cell.status == "due"}
        before = form_opinion(copies, *case.place, NOW, (), wall=NOW, endings=listed)
        assert (dict(before.due), before.total) == (planned, share.rows)
    judge = Judge(copies, NOW, (), ("id",), endings=listed)
    for part in parts(case):
        case.store.edit(
            copies, part, [*judge.columns, "id"], lambda rows: judge(rows).is_status(Status.DUE), mark=f"e:{part}"
        )
    assert ids(case) == {row[0] for row in orders()} - due_ids() - ended


def test_no_byte_of_a_removed_customer_is_left(case: Case) -> None:
    """After the purge the files of the store hold no value of a row that went, logs included."""
    if case.kind in {"memory", "postgresql"}:
        pytest.skip("memory has no files; a server's write-ahead log is said not to be looked at")
    sentinel = "sentinel-of-customer"
    chosen = min(due_ids())
    if case.kind == "sqlite":
        with sqlite3.connect(case.folder / "shop.sqlite") as connection:
            connection.execute("UPDATE orders SET customer = ? WHERE id = ?", (sentinel, chosen))
        connection.close()
    else:
        judge = Judge(case.dataset, NOW, (), ("id",))

        def rename(rows: pa.Table) -> pa.Table:
            place = rows.column_names.index("customer")
            return rows.set_column(place, rows.schema.field(place), pa.array([sentinel] * rows.num_rows))

        for part in parts(case):
            case.store.edit(
                case.dataset,
                part,
                [*judge.columns, "id"],
                lambda rows: np.array([value == chosen for value in rows["id"].to_pylist()], bool),
                mark=f"rename:{part}",
                treat=rename,
            )
    assert any(sentinel.encode() in path.read_bytes() for path in case.folder.rglob("*") if path.is_file())
    edit(case)
    case.store.purge("orders", history=True)
    assert not [path for path in case.folder.rglob("*") if path.is_file() and sentinel.encode() in path.read_bytes()]
