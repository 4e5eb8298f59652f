"""What stands in the ledger: holds and endings, as they were at an instant; what is missing is not ignored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from governance.errors import LedgerError, RefusedError
from governance.ledger import Ledger
from retention.endings import Ending
from retention.holds import Hold
from retention.ledger_use import LEDGER, in_use
from retention.sweeps import endings_at, holds_at, list_ending, may_defer, place_hold, release_holds
from tests.postgresql import take_payload

if TYPE_CHECKING:
    from pathlib import Path

HOLD = Hold("C-1", "shop.content", "subject", frozenset({"u7"}))
ENDING = Ending("e1", "account", "*", datetime(2021, 2, 1, tzinfo=UTC), frozenset({"probe"}))
MOMENT = timedelta(seconds=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Return an empty ledger."""
    return Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


def on(year: int, month: int = 1, day: int = 1) -> datetime:
    """Return an instant."""
    return datetime(year, month, day, tzinfo=UTC)


def place(ledger: Ledger, wall: datetime, hold: Hold = HOLD) -> int:
    """Place a hold; return the entry's number."""
    place_hold(ledger, hold, by="wu", reason="claim", wall=wall)
    return ledger.head()[0]


def test_a_standing_case_whose_list_is_gone_is_no_case_that_keeps_nothing(ledger: Ledger, tmp_path: Path) -> None:
    """Ebb never forgets it, so somebody removed it: nothing is deleted on such a ledger until the case is released."""
    number = place(ledger, on(2021))
    place(ledger, on(2021, 2), Hold("C-2", "*", "dataset"))
    take_payload(f"sqlite:///{tmp_path / 'ledger.sqlite'}", number)
    for instant in (None, on(2021, 1, 15), on(2026)):
        with pytest.raises(LedgerError, match=r"case C-1 stands.*ebb ledger verify"):
            holds_at(ledger, instant)
    assert release_holds(ledger, "C-1", by="wu", wall=on(2022)) == 1
    assert [hold.case for hold in holds_at(ledger)] == ["C-2"]


def test_what_a_released_case_listed_may_be_gone(ledger: Ledger) -> None:
    """It was deleted when it was due; a look back at the days when it stood finds the others."""
    number = place(ledger, on(2021))
    place(ledger, on(2021, 2), Hold("C-2", "*", "dataset"))
    release_holds(ledger, "C-1", by="wu", wall=on(2022))
    assert [hold.case for hold in holds_at(ledger, on(2021, 6))] == ["C-1", "C-2"]
    assert ledger.forget(number)
    assert [hold.case for hold in holds_at(ledger, on(2021, 6))] == ["C-2"]


def test_the_number_of_a_released_case_is_not_used_again(ledger: Ledger) -> None:
    """Its key of the vault may be gone for good; a case that stands takes more holds, and so does a longer number."""
    longer = Hold("C-10", "*", "dataset")
    place(ledger, on(2021), longer)
    release_holds(ledger, "C-10", by="wu", wall=on(2022))
    for _ in range(2):
        place(ledger, on(2023))
    with pytest.raises(RefusedError, match=r"^case C-10 was released, .*: give the hold another number$"):
        place(ledger, on(2023), longer)
    assert holds_at(ledger) == [HOLD, HOLD]


def test_a_clock_that_runs_back_by_minutes_hides_no_entry(ledger: Ledger) -> None:
    """An entry of another machine, recorded earlier than the one before it, counts at an instant between the two."""
    ledger.append("noise", "x", {}, on(2021))
    place(ledger, on(2021) + timedelta(minutes=3), Hold("C-2", "*", "dataset"))
    number = place(ledger, on(2021))
    list_ending(ledger, ENDING, by="lin", wall=on(2021) + timedelta(minutes=4))
    list_ending(ledger, Ending("e2", "account", "*", ENDING.until, ENDING.values), by="lin", wall=on(2021) + MOMENT)
    between = on(2021) + timedelta(minutes=1)
    assert holds_at(ledger, between) == [HOLD]
    assert [ending.id for ending in endings_at(ledger, between)] == ["e2"]
    assert HOLD.case in {hold.case for hold in in_use(ledger, on(2025), between)}
    assert str(number) in {value for hold in in_use(ledger, on(2025), between) for value in hold.values}


def test_an_ending_counts_for_as_long_as_a_hold_may_defer_it(ledger: Ledger) -> None:
    """R-RET-10: held for longer than three years, its rows are due after the release; the list is there until then."""
    place(ledger, on(2021))
    list_ending(ledger, ENDING, by="lin", wall=on(2021, 2, 2))
    number = ledger.head()[0]
    kept = Hold("ending-e1", LEDGER, "record", frozenset({str(number)}))
    assert kept not in in_use(ledger, on(2022))
    for year in (2022, 2024, 2030):
        assert endings_at(ledger, on(year, 6)) == [ENDING]
    assert kept in in_use(ledger, on(2030, 6))
    release_holds(ledger, "C-1", by="wu", wall=on(2030, 6))
    assert endings_at(ledger, on(2030, 6, 2)) == endings_at(ledger, on(2033, 5, 31)) == [ENDING]
    assert kept in in_use(ledger, on(2033, 5, 31))
    assert endings_at(ledger, on(2033, 6, 2)) == []
    assert kept not in in_use(ledger, on(2033, 6, 2))
    assert kept in in_use(ledger, on(2033, 6, 2), on(2029))


def test_without_a_hold_an_ending_goes_after_three_years(ledger: Ledger) -> None:
    """Nothing defers it: it has taken what it lists long ago."""
    list_ending(ledger, ENDING, by="lin", wall=on(2021, 2, 2))
    assert not may_defer(ledger, on(2024, 6))
    assert endings_at(ledger, on(2024, 6)) == []
    assert in_use(ledger, on(2024, 6)) == []
