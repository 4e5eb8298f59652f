"""The vault's sink against real tables: each record once, wherever the first one lies by now."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pipelines.sinks.sums import Sum
from retention.stores.commit_log import CommitLog
from retention.stores.delta import open_table
from retention.vault.settling import plan_settlement, settle
from tests.transactions import NOW, Place, step

if TYPE_CHECKING:
    from pathlib import Path

ORDER = (step("order_created", "2025-05-01"), step("order_paid", "2025-05-02"), step("order_delivered", "2025-05-20"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A real keyring and an empty lake."""
    return Place(tmp_path)


def test_every_record_is_accounted_for(place: Place) -> None:
    """Rows, dead letters, duplicates: the sum holds, and stands in the commit with the file's range."""
    total = place.store(*ORDER, ORDER[0], b"{", step("page_view", "2025-06-01"))
    assert total == Sum(
        6, 3, 0, {"SCHEMA_MALFORMED": 1, "EVENT_TYPE_UNKNOWN": 1}, {"DUPLICATE": 1}, {}, {"RET_NO_CLOCK": 3}
    )
    assert total.balanced
    table = open_table(place.table().uri)
    assert table.transaction("file:id-base") == 6
    assert '"held": {"RET_NO_CLOCK": 3}' in table.commits(1)[0]["ebb.sum"]


def test_a_repeat_is_dropped_next_month_and_after_settling(place: Place) -> None:
    """The first one is found although the second arrives in another month, and although it was moved."""
    place.store(*ORDER)
    later = replace(place, now=NOW + timedelta(days=40), wall=NOW + timedelta(days=40))
    again = later.store(*ORDER)
    assert (again.rows, again.dropped) == (0, {"DUPLICATE": 3})
    table = place.table()
    plan = plan_settlement(table, later.now.date(), later.wall.date())
    assert settle(table, plan, place.opener, place.keyring, metadata={}).moved == 3
    moved = later.store(*ORDER, step("order_refunded", "2025-05-30"))
    assert (moved.rows, moved.dropped) == (1, {"DUPLICATE": 3})
    assert place.rows().num_rows == 4


def test_a_running_writer_sees_what_others_did(place: Place) -> None:
    """A writer that keeps its index drops what another one committed, and what settling moved meanwhile."""
    first, second = place.writer(), place.writer()
    first.write(place.enclosed(ORDER[:2]))
    assert second.write(place.enclosed(ORDER)).rows == 1
    table = place.table()
    plan = plan_settlement(table, (NOW + timedelta(days=1)).date(), NOW.date())
    settle(table, plan, place.opener, place.keyring, metadata={})
    total = first.write(place.enclosed(ORDER))
    assert (total.rows, total.dropped) == (0, {"DUPLICATE": 3})


def test_identical_lines_are_all_kept(place: Place) -> None:
    """Records without an id are named by where they stand; read again, they are repeats."""
    line = step("order_closed", "2025-05-01").replace(b'"event_id": "A-1/order_closed/2025-05-01", ', b"")
    assert place.store(line, line, line).rows == 3
    assert place.store(line, line, line).dropped == {"DUPLICATE": 3}


def test_a_commit_that_raised_after_landing_is_not_made_twice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer asks the table whether its commit is there before it tries again."""
    sink = place.writer()
    real = CommitLog.put

    def land_then_raise(self: CommitLog, *args: Any) -> None:
        real(self, *args)
        raise OSError("the connection broke")

    monkeypatch.setattr(CommitLog, "put", land_then_raise)
    assert sink.write(place.enclosed(ORDER)).rows == 3
    assert place.rows().num_rows == 3


def test_a_crash_before_the_commit_leaves_nothing_and_the_next_try_all(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files without a commit are no rows; the redelivered bundle is stored whole, opened by the ops key."""
    sink = place.writer()

    def crash(*_args: Any, **_kwargs: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CommitLog, "put", crash)
        with pytest.raises(KeyboardInterrupt):
            sink.write(place.enclosed(ORDER))
    assert place.rows().num_rows == 0
    assert place.store(*ORDER).rows == 3
    assert len(place.opened("identity")) == 3


def test_dead_letters_of_records_have_no_end_of_their_own(place: Place) -> None:
    """They are settled first: no due date after 30 days as for logs."""
    place.store(b"{")
    letters = open_table(f"{place.lake}/dead_letters").dataset().to_table().to_pylist()
    assert [(row["stream"], row["due_date"]) for row in letters] == [("transactions", None)]


def test_an_empty_bundle_commits_nothing(place: Place) -> None:
    """Idle streams do not grow the log."""
    sink = place.writer()
    batch = place.enclosed([])
    batch.ranges = ()
    assert sink.write(batch) == Sum()
    assert place.table().version == 0
