"""Dates that move together."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.deid.treatments.keys import key
from transforms.deid.treatments.date_shift import date_shift


def shifted(texts: list[str | None], who: list[str | None], max_days: int = 30) -> list[str | None]:
    """Return the texts after the treatment."""
    made: list[str | None] = date_shift(pa.array(texts, pa.string()), key(), who, max_days=max_days).to_pylist()
    return made


DATES = st.dates(date(1990, 1, 1), date(2060, 1, 1))


@given(st.lists(DATES, min_size=2, max_size=5), st.integers(1, 400))
def test_intervals_stay(dates: list[date], most: int) -> None:
    """All dates of one subject move by the same number of days, of at most the given size."""
    made = shifted([one.isoformat() for one in dates], ["li"] * len(dates), most)
    moved = {date.fromisoformat(after or "") - before for before, after in zip(dates, made, strict=True)}
    assert len(moved) == 1
    assert 1 <= abs(moved.pop().days) <= most


def test_instants_move_by_whole_days() -> None:
    """The time of day stays, in +08:00, and an instant moves as a date of the same subject does."""
    day, instant = shifted(["2026-10-01", "2026-10-01T05:30:00Z"], ["li", "li"])
    assert datetime.fromisoformat(instant or "").isoformat() == f"{day}T13:30:00+08:00"


@pytest.mark.parametrize("most", [1, 2, 3])
def test_subjects_move_apart(most: int) -> None:
    """Shifts of many subjects fill the range evenly, both ends included; nobody's dates stay where they are."""
    people: list[str | None] = [f"subject {number}" for number in range(3000)]
    made = shifted(["2026-10-15"] * len(people), people, max_days=most)
    counts = {move: made.count(f"2026-10-{15 + move}") for move in range(-most, most + 1) if move}
    assert sum(counts.values()) == len(people)
    assert min(counts.values()) > 0.85 * len(people) / len(counts)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "2026-10-01T05:30:00", "9999-12-31", "0001-01-01", None]
)
def test_what_cannot_move_is_null(text: str | None) -> None:
    """No date, no offset, or beyond the calendar: null."""
    made = {one for number in range(9) for one in shifted([text], [f"{number}"], 3650)}
    assert None in made
    assert text not in made - {None} or text is None


def test_without_a_subject_there_is_no_date() -> None:
    """Nobody's date is not shown."""
    assert shifted(["2026-10-01"], [None]) == [None]
