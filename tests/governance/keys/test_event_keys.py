"""Event keys: equal for one event, different for any two."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.keys import EventKeys

if TYPE_CHECKING:
    from governance.keys import Keyring

KEYS = EventKeys(bytes(range(32)), bytes(range(32, 64)))


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), unique=True))
def test_two_events_have_two_keys(events: list[tuple[str, str]]) -> None:
    """Distinct (system, event_id) have distinct 16-byte keys, also where the parts joined are equal."""
    found = KEYS.by_id([system for system, _ in events], [event for _, event in events])
    assert len(set(found)) == len(events)
    assert all(len(key) == 16 for key in found)


def test_parts_do_not_run_together() -> None:
    """("a", "bc") is not ("ab", "c")."""
    first, second = KEYS.by_id(["a", "ab"], ["bc", "c"])
    assert first != second


@given(st.lists(st.tuples(st.text(max_size=4), st.integers(0, 2**62)), unique=True))
def test_two_positions_have_two_keys(positions: list[tuple[str, int]]) -> None:
    """Distinct (source, offset) have distinct keys."""
    found = KEYS.by_position([base for base, _ in positions], [offset for _, offset in positions])
    assert len(set(found)) == len(positions)


def test_uses_do_not_meet() -> None:
    """An id that spells a position's input still has another key, and so have files and probes."""
    offset = int.from_bytes(b"12345678", "big")
    (by_id,) = KEYS.by_id(["base"], ["12345678"])
    (by_position,) = KEYS.by_position(["base"], [offset])
    file = bytes.fromhex(KEYS.file_id("base"))
    probe = KEYS.subject_probe("base", "account", "12345678")
    assert len({by_id, by_position, file, probe}) == 4


def test_columns_of_different_length_are_refused() -> None:
    """A system is never paired with another event's id."""
    with pytest.raises(ValueError, match="zip"):
        KEYS.by_id(["a"], ["b", "c"])


def test_probes_know_canonical_forms() -> None:
    """Two writings of one identifier have one probe, so that erasure finds both (R-ADM-03)."""
    probe = KEYS.subject_probe("sepp", "phone", "139 1234 5678")
    assert probe == KEYS.subject_probe("sepp", "phone", "+8613912345678")
    assert probe != KEYS.subject_probe("sepp", "account", "+8613912345678")
    assert len(probe) == 16


def test_streams_have_keys_of_their_own(keyring: Keyring) -> None:
    """One event in two streams has two keys; the same stream always gives the same one."""
    first = keyring.event_keys("service_log")
    second = keyring.event_keys("equipment")
    assert first.by_id(["a"], ["b"]) != second.by_id(["a"], ["b"])
    assert first.file_id("f") != second.file_id("f")
    assert first.subject_probe("a", "account", "b") != second.subject_probe("a", "account", "b")
    assert keyring.event_keys("service_log") is first


def test_the_handle_stays_and_hides() -> None:
    """Event keys are not pickled and show only their class."""
    with pytest.raises(TypeError, match="key material"):
        pickle.dumps(KEYS)
    assert repr(KEYS) == "<EventKeys: hidden>"
