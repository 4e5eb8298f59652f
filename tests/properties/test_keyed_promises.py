"""What each keyed treatment promises for itself: ways back, forms, intervals, noise, invented values."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from governance.keys import Keyring, Revealed, RootKey, reveal
from governance.policy.keyed import RADIX, SMALLEST_DOMAIN, FormatPreserving
from tests.transforms.deid.treatments.keys import key
from transforms.deid.treatments.date_shift import date_shift
from transforms.deid.treatments.encrypt import encrypt
from transforms.deid.treatments.ff1 import FF1
from transforms.deid.treatments.format_preserving import ALPHABETS, format_preserving
from transforms.deid.treatments.planar_laplace import planar_laplace
from transforms.deid.treatments.surrogate import pool, surrogate

if TYPE_CHECKING:
    from governance.policy.keyed import Alphabet

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
SCOPE = {"purpose": "statistics", "system": "sepp", "recipient": "analytics", "field": "phone"}
DAY = timedelta(days=1)


@cache
def keyring() -> Keyring:
    """Return a real keyring."""
    return Keyring.create(f"sqlite:///{Path(mkdtemp()) / 'keyring.sqlite'}", RootKey(bytes(range(32))))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.one_of(st.none(), TEXT), max_size=5), st.text("ab7", min_size=1), st.text("xy9", min_size=1))
def test_a_reversal_is_exact_and_recorded_first(texts: list[str | None], actor: str, reason: str) -> None:
    """What was encrypted comes back letter by letter, after one record of who, why and how many that holds no text."""
    ring = keyring().cipher_key("statistics", "sepp", "analytics", "encrypt.phone", "2026H2")
    tokens = encrypt(pa.array(texts, pa.string()), ring).to_pylist()
    assert not {text for text in texts if text} & set(tokens)
    records: list[Revealed] = []
    assert reveal(keyring(), tokens, **SCOPE, actor=actor, reason=reason, record=records.append) == texts
    count = sum(text is not None for text in texts)
    epochs = ("2026H2",) if count else ()
    assert records == [Revealed(**SCOPE, epochs=epochs, count=count, actor=actor, reason=reason)]

    def refuse(_: Revealed) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        reveal(keyring(), tokens, **SCOPE, actor=actor, reason=reason, record=refuse)


@given(st.sampled_from(sorted(RADIX)), st.lists(st.integers(2, 30), min_size=1, max_size=4))
def test_a_small_domain_is_refused(alphabet: Alphabet, lengths: list[int]) -> None:
    """A pack may name a length only if a million values or more have it."""
    if RADIX[alphabet] ** min(lengths) >= SMALLEST_DOMAIN:
        assert FormatPreserving(alphabet=alphabet, lengths=tuple(lengths)).lengths == tuple(sorted(set(lengths)))
    else:
        with pytest.raises(ValidationError, match="fewer than a million"):
            FormatPreserving(alphabet=alphabet, lengths=tuple(lengths))


@given(st.sampled_from(sorted(RADIX)), st.data())
def test_a_form_is_preserved(alphabet: str, data: st.DataObject) -> None:
    """Length and alphabet stay, equal values alone are equal after it, and only the key and field turn it back."""
    signs = ALPHABETS[alphabet]
    texts = data.draw(st.lists(st.text(signs, min_size=5, max_size=12) | TEXT, min_size=1, max_size=6))
    made = format_preserving(pa.array(texts), key(), field="phone", alphabet=alphabet, lengths=(7, 11)).to_pylist()
    fits = [len(text) in {7, 11} and set(text) <= set(signs) for text in texts]
    assert [one is not None for one in made] == fits
    assert len({one for one in made if one}) == len({text for text, fit in zip(texts, fits, strict=True) if fit})
    assert all(
        one is None or (len(one) == len(text) and set(one) <= set(signs)) for one, text in zip(made, texts, strict=True)
    )
    back = FF1(key().blocks("ff1"), signs, b"ebb:phone").decrypt(made)
    assert back == [text if fit else None for text, fit in zip(texts, fits, strict=True)]


INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.timezones())  # noqa: DTZ001 - Hypothesis adds the zone
DATES = st.one_of(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.sampled_from([date(2024, 2, 29), date(2023, 2, 28)]))


@given(st.lists(st.tuples(st.sampled_from("abc"), DATES | INSTANTS), min_size=2, max_size=6), st.integers(1, 3650))
def test_intervals_of_a_subject_stay(lines: list[tuple[str, Any]], most: int) -> None:
    """Dates and instants of one subject move together, by whole days: what lies between them is what lay before."""
    texts = [moment.isoformat() for _, moment in lines]
    made = date_shift(pa.array(texts), key(), [who for who, _ in lines], max_days=most).to_pylist()
    moved: dict[str, set[timedelta]] = {}
    for (who, before), after in zip(lines, made, strict=True):
        by = type(before).fromisoformat(after) - before
        assert abs(by) <= most * DAY
        assert by % DAY == timedelta(0)
        moved.setdefault(who, set()).add(by)
    assert all(len(one) == 1 for one in moved.values())


@pytest.mark.parametrize("epsilon", [0.2, 1.0, 5.0])
def test_noise_is_as_far_as_it_says(epsilon: float) -> None:
    """Over many subjects a place moves by 2/ε km on average, to all sides; a subject's day has one noise."""
    count = 4000
    who: list[str | None] = [f"subject {number}" for number in range(count)]
    home = pa.array(["32.060,118.790"] * count)
    first, again = (planar_laplace(home, key(), who, ["2026-11-22"] * count, epsilon=epsilon) for _ in range(2))
    assert first.equals(again)
    points = np.radians([[float(part) for part in text.split(",")] for text in first.to_pylist()])
    north, east = (points - np.radians([32.06, 118.79])).T * 6371
    east *= np.cos(np.radians(32.06))
    assert np.hypot(north, east).mean() == pytest.approx(2 / epsilon, rel=0.05)
    assert abs(north.mean()) + abs(east.mean()) < 0.15 / epsilon


@settings(deadline=None)  # the first call draws the pool
@given(st.data())
def test_a_surrogate_is_the_subjects_and_never_the_truth(data: st.DataObject) -> None:
    """One subject has one invented name, whatever is written, unless it would be the name that is written."""
    names = pool("name", "zh_CN")
    texts = data.draw(st.lists(st.sampled_from(names) | TEXT, min_size=1, max_size=6))
    who = data.draw(st.lists(st.sampled_from(["li", "wu"]), min_size=len(texts), max_size=len(texts)))
    made = surrogate(pa.array(texts), key(), who, of="name", locale="zh_CN").to_pylist()
    assert set(made) <= set(names)
    assert not any(one == text.strip() for one, text in zip(made, texts, strict=True))
    own = {one: surrogate(pa.array([""]), key(), [one], of="name", locale="zh_CN")[0].as_py() for one in set(who)}
    assert all(
        one == own[whose] or own[whose] == text.strip() for one, whose, text in zip(made, who, texts, strict=True)
    )


@settings(deadline=None)
@given(st.lists(TEXT, min_size=2, max_size=5, unique=True), st.sampled_from(["company", "city"]))
def test_a_surrogate_by_value_is_the_values(texts: list[str], of: str) -> None:
    """Without a subject, equal values share one, in every column and batch."""
    assume(len(texts) > 1)
    made = surrogate(pa.array([*texts, *texts[::-1]]), key(), None, of=of, locale="en_US").to_pylist()
    assert made == [*made[: len(texts)], *made[: len(texts)][::-1]]
