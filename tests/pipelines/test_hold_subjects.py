"""What `ebb hold place` reads from a list, and what it says of the rows that the list matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelines.sweeping import approve_sweep, plan_sweep
from retention.plan import Limit
from tests.pipelines.calling import answer, call, code
from tests.retention.rooms import NOW, REGISTER, apply_here, make_room, query
from tests.transactions import step

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

ORDERS = ("--dataset", "shop.orders")


def place(home: Path, listed: bytes, *more: str, by: str = "--subjects-from") -> Result:
    """Place a hold on what a file lists."""
    path = home / "listed.txt"
    path.write_bytes(listed)
    return call(home, "hold", "place", "2026-17", by, str(path), "--reason", "claim", *more)


@pytest.mark.parametrize(
    "listed", [b"\xef\xbb\xbfcustomer-1\n", b"customer-1 \r\n", b" \n\tcustomer-1"], ids=["mark", "blank", "tab"]
)
def test_a_list_holds_whom_it_names_however_an_editor_saved_it(tmp_path: Path, listed: bytes) -> None:
    """A byte order mark or a blank at an end holds the person all the same: not one of the rows goes."""
    room = make_room(tmp_path)
    statement = "SELECT count(*) FROM orders WHERE customer = 'customer-1'"
    placed = place(tmp_path, listed, *ORDERS)
    assert placed.exception is None, placed.exception
    assert "shop.orders: 40 rows match now" in placed.stdout
    assert not placed.stderr
    plan = plan_sweep(room, now=NOW, by="lin", limit=Limit(share=1.0))
    approve_sweep(room, plan.digest, "wang")
    apply_here(room, plan.digest)
    assert query(tmp_path, statement) == [(40,)]
    assert query(tmp_path, "SELECT count(*) FROM orders WHERE customer = 'customer-2'") < [(40,)]


@pytest.mark.parametrize("listed", [b"", b"\xef\xbb\xbf", b" \n\r\n"])
@pytest.mark.parametrize("command", ["hold", "ended"])
def test_a_list_of_nothing_is_refused(tmp_path: Path, listed: bytes, command: str) -> None:
    """Nobody is held or ended by an empty file, and nothing says so."""
    make_room(tmp_path)
    path = tmp_path / "listed.txt"
    path.write_bytes(listed)
    more = ("place", "C1", "--reason", "r") if command == "hold" else ("account", "--at", "2026-01-01T00:00:00+08:00")
    result = call(tmp_path, command, *more, "--subjects-from", str(path))
    assert code(result) == 2
    assert "lists nothing" in str(result.exception)
    assert "Nothing is held" in call(tmp_path, "hold", "list").output


def test_a_list_that_matches_nothing_is_placed_with_a_warning(tmp_path: Path) -> None:
    """Rows may come later, so that the hold stands; and who is listed is not said."""
    make_room(tmp_path)
    placed = place(tmp_path, b"customer-x\n", *ORDERS)
    assert placed.exception is None
    assert "shop.orders: 0 rows match now" in placed.stdout
    assert placed.stderr.startswith("Warning: nothing that is there now matches")
    assert "customer-x" not in placed.output
    assert "2026-17" in call(tmp_path, "hold", "list").output


def test_records_are_counted_by_their_keys(tmp_path: Path) -> None:
    """A key that is there counts, another does not."""
    make_room(tmp_path)
    placed = place(tmp_path, b"7 \n9999\n", *ORDERS, by="--records-from")
    assert "shop.orders: 1 rows match now" in placed.stdout
    assert not placed.stderr


def test_a_store_that_cannot_be_read_does_not_put_a_hold_off(tmp_path: Path) -> None:
    """The hold stands; its rows were not counted, and a warning says that."""
    make_room(tmp_path)
    (tmp_path / "shop.sqlite").unlink()
    placed = place(tmp_path, b"customer-1\n", *ORDERS)
    assert placed.exception is None
    assert "Warning: shop.orders could not be read" in placed.stderr
    assert "nothing that is there" not in placed.stderr
    assert "2026-17" in call(tmp_path, "hold", "list").output


def test_a_wrong_column_in_the_register_does_not_put_a_hold_off(tmp_path: Path) -> None:
    """The same for a subject column that the table does not have."""
    make_room(tmp_path, register=REGISTER.replace("subject: customer", "subject: client"))
    placed = place(tmp_path, b"customer-1\n", *ORDERS)
    assert placed.exception is None
    assert "Warning: shop.orders could not be read" in placed.stderr


def test_names_that_cannot_match_in_the_lake_are_warned_of_and_a_person_is_counted(tmp_path: Path) -> None:
    """The vault knows people by probes: a name listed for all datasets holds nobody there, `--person` does."""
    home = tmp_path / "home"
    make_room(home)
    (home / "orders.ndjson").write_bytes(step("order_closed", "2026-11-08", order="o1"))
    source = f"files:{home / 'orders.ndjson'}"
    run = call(home, "run", "transactions", "--from", source, "--now", "2026-11-13T00:00:00Z", "--drain")
    assert run.exception is None, run.exception
    placed = place(home, b"customer-1\nu1\n")
    assert "shop.orders: 40 rows match now" in placed.stdout
    assert "vault" not in placed.stdout
    assert (
        "Warning: 2 of 2 listed are no tokens or probes, by which alone dead_letters, vault.transactions"
        in placed.stderr
    )
    assert "--person" in placed.stderr
    told = answer(home, "hold", "place", "2026-18", "--person", "sepp:account:u1", "--reason", "claim")
    assert told["rows"]["vault.transactions"] == 1
    assert told["warnings"] == []


def test_a_person_is_held_in_tables_that_are_not_there_yet(tmp_path: Path) -> None:
    """Without a lake nothing matches, which is said; the hold stands for what comes."""
    make_room(tmp_path)
    assert call(tmp_path, "keys", "init").exception is None
    placed = call(tmp_path, "hold", "place", "2026-17", "--person", "sepp:account:u1", "--reason", "claim")
    assert placed.exception is None
    assert "vault.transactions" in placed.stdout
    assert "Warning: nothing that is there now matches" in placed.stderr
    assert "vault.transactions" in call(tmp_path, "hold", "list").output


def test_a_person_is_held_in_databases_too(tmp_path: Path) -> None:
    """A register alone, no lake: the account's name is the subject there, for tables of its own system only."""
    home = tmp_path / "home"
    make_room(home)
    assert call(home, "keys", "init").exception is None
    told = answer(home, "hold", "place", "2026-17", "--person", "sepp:account:customer-1", "--reason", "claim")
    assert (told["rows"]["shop.orders"], told["warnings"]) == (40, [])
    for other in ("mic_global:account:customer-1", "sepp:device:customer-1"):
        told = answer(home, "hold", "place", f"2026-{len(other)}", "--person", other, "--reason", "claim")
        assert "shop.orders" not in told["rows"]
    plan = answer(home, "sweep", "plan", "--now", "2026-06-01T00:00:00Z", "--limit-share", "1")
    (share,) = (share for share in plan["shares"] if share["dataset"] == "shop.orders")
    assert sum(cell["rows"] for cell in share["cells"] if cell["status"] == "case") == 40
