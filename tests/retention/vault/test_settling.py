"""Settling real tables: completed orders move, disputed ones come back, and twice is once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from governance.errors import KeyringError
from governance.keys import EnvelopeOpener, OpsKey
from governance.policy.retention import due_date
from retention.vault import settling
from retention.vault.layout import due_date_of, is_open, open_counts, rows_under
from retention.vault.moving import MovedAwayError, hold_rows
from retention.vault.settling import Settled, plan_settlement, settle, stale_keys
from tests.transactions import NOW, Place, step

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2025, 6, 16)
PAID_AND_DELIVERED = (step("order_created", "2025-05-01"), step("order_paid", "2025-05-02"),
                      step("order_delivered", "2025-05-20", consignee_name="王小明"))  # fmt: skip
DUE = "2028-05-21"


def settled(place: Place, today: date = TODAY) -> Settled:
    """Settle a place's vault."""
    table = place.table()
    plan = plan_settlement(table, today, place.wall.date())
    return settle(table, plan, place.opener, place.keyring, metadata={"ebb.run": "s"})


def test_a_completed_order_moves_whole(place: Place) -> None:
    """All events of the order lie under its due date, opened by its key, with what they said unchanged."""
    place.store(*PAID_AND_DELIVERED, step("order_created", "2025-05-01", order="B"))
    before = place.opened("identity"), place.opened("content")
    assert settled(place) == Settled(moved=3)
    assert (place.opened("identity"), place.opened("content")) == before
    rows = place.rows().to_pylist()
    moved = [row for row in rows if row["due_date"]]
    expected = due_date("TXN", date(2025, 5, 20))
    assert expected is not None
    assert {(row["due_date"], row["due_month"], row["key_id"], row["completed_date"]) for row in moved} == {
        (expected.isoformat(), "2028-05", DUE, "2025-05-20")
    }
    assert [row["due_month"] for row in rows if not row["due_date"]] == ["open-2025-06"]
    assert {due_date_of(file) for file in place.table().files()} == {DUE, None}


def test_settling_twice_is_once(place: Place) -> None:
    """The second time finds nothing and commits nothing."""
    place.store(*PAID_AND_DELIVERED)
    settled(place)
    version = place.table().version
    assert settled(place) == Settled()
    assert place.table().version == version


def test_what_came_today_waits(place: Place) -> None:
    """Rows received today are left for tomorrow: only closed dates are worked on."""
    place.store(*PAID_AND_DELIVERED)
    assert settled(place, NOW.date()) == Settled()
    assert settled(place) == Settled(moved=3)


def test_a_later_refund_moves_the_order_on(place: Place) -> None:
    """The latest clock wins, also over a due date that the order had already (R-RET-06)."""
    place.store(*PAID_AND_DELIVERED)
    settled(place)
    place.store(step("order_refunded", "2025-06-10"))
    assert settled(place) == Settled(moved=4)
    assert set(place.rows()["due_date"].to_pylist()) == {"2028-06-11"}
    assert rows_under(place.table(), DUE) == 0


@pytest.mark.parametrize("kind", ["order_refunded", "dispute_closed"])
def test_a_clock_that_states_its_completion_moves_the_order_on(place: Place, kind: str) -> None:
    """A refund that arrives with its due date leaves no older row of the order under an earlier one (R-RET-06)."""
    place.store(*PAID_AND_DELIVERED)
    settled(place)
    place.store(step(kind, "2025-06-10", transaction_completed_at="2025-06-10T12:00:00+08:00"))
    assert settled(place) == Settled(moved=3)
    dates = {(row["completed_date"], row["due_date"], row["key_id"]) for row in place.rows().to_pylist()}
    assert dates == {("2025-06-10", "2028-06-11", "2028-06-11")}
    assert settled(place) == Settled()


def test_an_order_whose_rows_all_arrived_with_dates_is_made_one(place: Place) -> None:
    """The latest counts for all of them; the same number in another system is another order, and stays."""
    said = {"order": "B", "transaction_completed_at": "2025-06-01T12:00:00+08:00"}
    place.store(
        step("order_paid", "2025-06-01", **said),
        step("order_refunded", "2025-06-10", **said | {"transaction_completed_at": "2025-06-10T12:00:00+08:00"}),
        step("order_closed", "2025-06-01", system="mic_domestic", **said),
        step("order_paid", "2025-06-01", **said | {"order": "C"}),
    )
    assert settled(place) == Settled(moved=1)
    dates = sorted((row["system"], row["event_type"], row["due_date"]) for row in place.rows().to_pylist())
    assert dates == [
        ("mic_domestic", "order_closed", "2028-06-02"),
        ("sepp", "order_paid", "2028-06-02"),
        ("sepp", "order_paid", "2028-06-11"),
        ("sepp", "order_refunded", "2028-06-11"),
    ]


def test_a_dispute_takes_the_order_back_until_it_is_closed(place: Place) -> None:
    """A disputed order has no due date; the end of the dispute is its new completion."""
    place.store(*PAID_AND_DELIVERED)
    settled(place)
    place.store(step("order_disputed", "2025-06-01"))
    assert settled(place) == Settled(reopened=3)
    assert place.rows()["due_date"].null_count == 4
    assert set(place.rows()["due_month"].to_pylist()) == {"open-2025-06"}
    assert settled(place) == Settled()
    place.store(step("dispute_closed", "2025-06-12"))
    assert settled(place) == Settled(moved=5)
    assert set(place.rows()["due_date"].to_pylist()) == {"2028-06-13"}


def test_orders_of_two_systems_do_not_mix(place: Place) -> None:
    """The same number in two systems is two orders."""
    place.store(step("order_paid", "2025-05-02"), step("order_delivered", "2025-05-20", system="mic_domestic"))
    assert settled(place) == Settled()


def test_killed_between_two_units(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends after its first commit is taken up by the next; the end is that of an undisturbed one."""
    for number in range(4):
        place.store(*(step(kind, day, order=f"O{number}") for kind, day in
                      (("order_paid", "2025-05-02"), ("order_delivered", f"2025-05-2{number}"))))  # fmt: skip
    monkeypatch.setattr(settling, "FILES_IN_A_UNIT", 1)
    seen: list[int] = []

    def killed(rows: int) -> None:
        seen.append(rows)
        if len(seen) == 2:
            raise KeyboardInterrupt

    table = place.table()
    plan = plan_settlement(table, TODAY, NOW.date())
    with pytest.raises(KeyboardInterrupt):
        settle(table, plan, place.opener, place.keyring, metadata={}, progress=killed)
    done = settled(place)
    assert done.moved == 4
    rows = place.rows()
    assert rows.num_rows == len(set(rows["event_key"].to_pylist())) == 8
    assert sorted(set(rows["due_date"].to_pylist())) == [f"2028-05-2{number + 1}" for number in range(4)]
    assert len(place.opened()) == 8


def test_a_replaced_file_stops_the_unit(place: Place) -> None:
    """Two settlements at once: the second sees that its files are gone and changes nothing."""
    place.store(*PAID_AND_DELIVERED)
    slow = place.table()
    plan = plan_settlement(slow, TODAY, NOW.date())
    settled(place)
    with pytest.raises(MovedAwayError):
        settle(slow, plan, place.opener, place.keyring, metadata={})
    assert place.rows().num_rows == 3


def test_a_stream_that_goes_on_writing_is_not_disturbed(place: Place) -> None:
    """A commit between plan and settlement is kept; the settlement lands behind it."""
    place.store(*PAID_AND_DELIVERED)
    table = place.table()
    plan = plan_settlement(table, TODAY, NOW.date())
    place.store(step("order_paid", "2025-06-14", order="C"))
    assert settle(table, plan, place.opener, place.keyring, metadata={}) == Settled(moved=3)
    assert place.rows().num_rows == 4


def test_old_open_keys_give_way(tmp_path: Path) -> None:
    """What stays open goes under a fresh key, so that the old one can go, and with it every copy from before."""
    first = Place(tmp_path)
    first.store(*PAID_AND_DELIVERED, step("order_created", "2025-06-01", order="B"))
    later = replace(first, now=NOW + timedelta(days=70), wall=NOW + timedelta(days=70))
    table = later.table()
    copy = first.rows()
    plan = plan_settlement(table, later.now.date(), later.wall.date())
    assert settle(table, plan, later.opener, later.keyring, metadata={}) == Settled(moved=3, renewed=1)
    open_rows = [row for row in later.rows().to_pylist() if row["due_date"] is None]
    assert [(row["due_month"], row["key_id"]) for row in open_rows] == [("open-2025-06", "open-2025-08")]
    alive = [info.key_id for info in later.keyring.due_keys() if info.destroyed is None]
    assert stale_keys(alive, plan) == ["open-2025-06"]
    later.keyring.destroy_due_date("open-2025-06", later.wall, blocking=lambda one: rows_under(table, one))
    row = copy.to_pylist()[0]
    with pytest.raises(KeyringError):
        EnvelopeOpener(first.ops, later.keyring).open(
            "content", row["key_id"], row["content_key"], row["content"], row["event_key"]
        )
    assert len(later.opened()) == 4


def test_held_rows_keep_their_case_and_get_the_later_date(place: Place) -> None:
    """A row held for a case is not taken from its key, but never stays under a due date that is too early."""
    place.store(*PAID_AND_DELIVERED)
    settled(place)
    table = place.table()
    hold_rows(table, table.files(), lambda rows: [True] * rows.num_rows, "2025-7",  # type: ignore[arg-type,return-value]
              opener=place.opener, keyring=place.keyring, metadata={})  # fmt: skip
    place.store(step("order_refunded", "2025-06-10"))
    settled(place)
    rows = place.rows().to_pylist()
    assert {row["due_date"] for row in rows} == {"2028-06-11"}
    assert sorted(row["key_id"] for row in rows) == ["2028-06-11", *["case:2025-7"] * 3]
    assert len(place.opened()) == 4


def test_an_order_whose_day_was_swept_waits_for_the_sweep(tmp_path: Path) -> None:
    """A due date whose key is gone already takes no rows under it: they lie there under the open key."""
    place = Place(tmp_path)
    place.store(step("order_paid", "2011-01-01", order="X", transaction_completed_at="2011-01-01T00:00:00Z"))
    place.keyring.destroy_due_date("2014-01-02", NOW, blocking=lambda _one: 0)
    place.store(step("order_paid", "2011-01-01"), step("order_delivered", "2011-01-01"))
    assert settled(place) == Settled(moved=2)
    rows = [row for row in place.rows().to_pylist() if row["received_date"] == "2025-06-15" and row["key_id"][0] == "o"]
    assert {(row["due_date"], row["key_id"]) for row in rows} == {("2014-01-02", "open-2025-06")}
    assert settled(place) == Settled()


def test_another_ops_key_settles_nothing(place: Place) -> None:
    """Without the right key nothing moves and nothing is lost."""
    place.store(*PAID_AND_DELIVERED)
    table = place.table()
    plan = plan_settlement(table, TODAY, NOW.date())
    wrong = EnvelopeOpener(OpsKey(bytes(range(70, 102))), place.keyring)
    with pytest.raises(KeyringError):
        settle(table, plan, wrong, place.keyring, metadata={})
    assert all(is_open(file.partition) for file in place.table().files())


def test_what_waits_is_counted_without_opening(place: Place) -> None:
    """Records without a clock are listed by month of arrival, system and event type (R-RET-07)."""
    place.store(step("order_created", "2025-06-01"), step("order_created", "2025-06-01", order="B"))
    assert open_counts(place.table()).to_pylist() == [
        {"due_month": "open-2025-06", "system": "sepp", "event_type": "order_created", "rows": 2}
    ]


def test_an_empty_vault_settles(place: Place) -> None:
    """Nothing to do is no error."""
    place.writer()
    assert settled(place) == Settled()
