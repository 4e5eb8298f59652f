"""What is listed, as an open state or by a case, is found in columns of every type; by both readings alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from governance.errors import PolicyError, RefusedError
from pipelines.register_check import problems_of
from retention.datasets import Clock, Dataset, OpenStates
from retention.holds import Hold
from retention.stores.sql import SqlStore
from retention.survey import survey
from retention.witness.opinion import form_opinion
from tests.postgresql import run_sql
from tests.retention.rooms import REGISTER, make_room, query

if TYPE_CHECKING:
    from pathlib import Path

    from retention.plan import Share

NOW = datetime(2026, 11, 1, tzinfo=UTC)
UUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
# type, the value that is listed, another value, and the texts that list it
TYPES: list[tuple[str, str, str, tuple[bool | int | str, ...]]] = [
    ("BOOLEAN", "TRUE", "FALSE", (True, "true", "TRUE", 1, "1")),
    ("INTEGER", "42", "7", (42, "42", "42.00")),
    ("CHAR(10)", "'open'", "'closed'", ("open",)),
    ("VARCHAR(10)", "'open'", "'open '", ("open",)),
    ("NUMERIC(5,2)", "42.00", "42.01", (42, "42", "42.0", "42.00", "42.000")),
    ("NUMERIC(5,2)", "42.50", "42", ("42.5", "42.50")),
    ("NUMERIC", "0.5", "7", ("0.5", "0.50")),
    ("REAL", "42.0", "42.5", (42, "42", "42.00")),
    ("TEXT", "'open'", "'Open'", ("open",)),
    ("TEXT", "'042'", "'42'", ("042",)),
    ("BYTEA", r"'\xab01'", r"'\xab02'", ("ab01", "AB01", "Ab01")),
    ("UUID", f"'{UUID}'", "'00000000-0000-0000-0000-000000000000'", (UUID, UUID.upper())),
]


def shop(url: str, kind: str, values: tuple[str, ...]) -> None:
    """Make a table of orders that are due, but for what the column of that type says."""
    if url.startswith("sqlite") and kind == "BYTEA":
        kind, values = "BLOB", tuple(value.replace(r"'\x", "x'") for value in values)
    run_sql(
        url,
        f"CREATE TABLE orders(id INTEGER PRIMARY KEY, done TEXT, it {kind})",
        *(f"INSERT INTO orders VALUES ({n}, '2022-01-01 00:00:00', {value})" for n, value in enumerate(values)),
    )


def orders(**more: Any) -> Dataset:
    """Return the dataset."""
    return Dataset(
        id="shop.orders", store="shop", table="orders", system="sepp", role="record", retention="TXN", zone="UTC",
        clock=Clock(columns=("done",)), **more,
    )  # fmt: skip


def read(url: str, dataset: Dataset, holds: list[Hold]) -> Share:
    """Read the table twice; return what the first found, where the second agrees."""
    share = survey(dataset, SqlStore(url), NOW, holds)
    opinion = form_opinion(dataset, "sql", url, NOW, holds, wall=NOW)
    assert dict(opinion.due) == {cell.month: cell.rows for cell in share.cells if cell.status == "due"}
    assert opinion.total == share.rows
    return share


@pytest.mark.parametrize(("kind", "value", "other", "every"), TYPES)
def test_what_is_listed_is_found_in_a_column_of_its_type(
    database: str, kind: str, value: str, other: str, every: tuple[bool | int | str, ...]
) -> None:
    """Open, or held by the subject or by the record, it stays; the other row is due, and one without a value too."""
    shop(database, kind, (value, other, "NULL"))
    for listed in every:
        share = read(database, orders(open=OpenStates(column="it", values=(listed,))), [])
        assert (share.count("open"), share.due) == (1, 2), listed
        for name in ("shop.orders", "*") if not isinstance(listed, bool) else ():
            values = frozenset({str(listed), "x"} if name == "*" else {str(listed)})
            share = read(database, orders(subject="it"), [Hold("2026-1", name, "subject", values)])
            assert (share.count("case"), share.due) == (1, 2), listed
    run_sql(database, "DELETE FROM orders WHERE it IS NULL")
    for listed in every if kind != "BOOLEAN" else ():  # which has no order, so that nobody's key begins with it
        for key, text in ((("it",), str(listed)), (("it", "id"), f"{listed}/0")):
            share = read(database, orders(key=key), [Hold("2026-1", "shop.orders", "record", frozenset({text}))])
            assert (share.count("case"), share.due) == (1, 1), (listed, key)


@pytest.mark.parametrize(
    ("kind", "value", "listed"),
    [
        ("BOOLEAN", "TRUE", "open"),
        ("BOOLEAN", "TRUE", 2),
        ("INTEGER", "1", "open"),
        ("INTEGER", "1", True),
        ("INTEGER", "1", "1.5"),
        ("BYTEA", r"'\xab'", "open"),
        ("TEXT", "'on'", True),
    ],
)
def test_what_no_value_of_the_column_can_be_is_refused(
    tmp_path: Path, kind: str, value: str, listed: bool | int | str
) -> None:
    """Instead of finding nothing: an open state, and what a case lists for this dataset alone."""
    database = f"sqlite:///{tmp_path / 'shop.sqlite'}"
    shop(database, kind, (value,))
    with pytest.raises(RefusedError, match=r"cannot hold|in quotes"):
        survey(orders(open=OpenStates(column="it", values=(listed,))), SqlStore(database), NOW, [])
    if kind != "TEXT" and not isinstance(listed, bool):
        hold = Hold("2026-1", "shop.orders", "subject", frozenset({str(listed)}))
        with pytest.raises(RefusedError, match=r"case 2026-1 .* cannot hold"):
            survey(orders(subject="it"), SqlStore(database), NOW, [hold])


def test_true_in_a_register_is_no_one(tmp_path: Path) -> None:
    """YAML's true stays true, the check says where it cannot be one, and a number with a point is put in quotes."""
    room = make_room(tmp_path, 20, register=REGISTER.replace("[open, disputed]", "[open, on]"))
    assert room.dataset("shop.orders").open == OpenStates(column="state", values=("open", True))
    [told] = [line for line in problems_of(room) if "shop.orders" in line]
    assert "put it in quotes" in told
    query(tmp_path, "DROP TABLE order_lines")
    query(tmp_path, "ALTER TABLE orders ADD COLUMN flag BOOLEAN")
    columns = REGISTER.replace("column: state", "column: flag").replace("[open, disputed]", "[true, open]")
    [told] = [line for line in problems_of(make_again(tmp_path, columns)) if "flag" in line]
    assert "flag cannot hold" in told
    with pytest.raises(PolicyError, match=r"open.values"):
        _ = make_again(tmp_path, REGISTER.replace("[open, disputed]", "[1.5]")).register


def make_again(home: Path, register: str) -> Any:
    """Return the room of a home whose register was written anew."""
    from pipelines.settings import load_settings  # noqa: PLC0415 - the name is used here alone
    from pipelines.sweep_room import Room  # noqa: PLC0415 - the name is used here alone

    (home / "datasets.yaml").write_text(register.format(path=home / "shop.sqlite"), encoding="utf-8")
    return Room(load_settings(home=home))
