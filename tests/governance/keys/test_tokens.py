"""Tokens: linkable within one key, not beyond."""

from __future__ import annotations

import copy
import itertools
import pickle
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.keys import TokenKey

if TYPE_CHECKING:
    from governance.keys import Keyring

KEY = bytes(range(32))
FORM = re.compile(r"v1\.2026H2\.[A-Z2-7]{26}")


@given(st.lists(st.none() | st.text()))
def test_tokens_align_with_values(values: list[str | None]) -> None:
    """Each value has its token at its place; None and white space have none."""
    tokens = TokenKey(KEY, "account", "2026H2").tokens(values)
    assert [token is None for token in tokens] == [value is None or not value.strip() for value in values]
    assert all(FORM.fullmatch(token) for token in tokens if token)
    by_value = {value.strip(): token for value, token in zip(values, tokens, strict=True) if value and value.isascii()}
    assert len(set(by_value.values())) == len(by_value)


def test_a_lone_surrogate_does_not_raise() -> None:
    """Broken text has a token: an encoding error would quote the value."""
    assert TokenKey(KEY, "account", "2026H2").tokens(["a\ud800"])[0]


def test_every_part_of_the_scope_separates(keyring: Keyring) -> None:
    """Purpose, system, recipient, kind and epoch each give the same identifier another token (R-EXP-11)."""
    scopes = list(
        itertools.product(
            ("statistics", "security"),
            ("mic_global", "sepp"),
            ("", "partner"),
            ("account", "cookie", "order"),
            ("2026H1", "2026H2"),
        )
    )
    bodies = {keyring.token_key(*scope).tokens(["1000234567"])[0].rpartition(".")[2] for scope in scopes}
    assert len(bodies) == len(scopes) == 48


def test_parts_of_a_scope_do_not_run_together(keyring: Keyring) -> None:
    """("ab", "c") and ("a", "bc") are two scopes."""
    first = keyring.token_key("ab", "c", "", "account", "2026H2")
    second = keyring.token_key("a", "bc", "", "account", "2026H2")
    assert first.tokens(["x"]) != second.tokens(["x"])


def test_a_raised_generation_gives_another_token() -> None:
    """After an erasure the same identifier starts afresh (R-CANC-02)."""
    key = TokenKey(KEY, "account", "2026H2")
    assert len({key.tokens(["x"], generation)[0] for generation in range(5)}) == 5
    assert key.tokens(["x"]) == key.tokens(["x"], 0)


@pytest.mark.parametrize("kind", ["", "a\0b"])
def test_a_kind_is_a_name(kind: str) -> None:
    """A kind that is empty or holds NUL is refused, since NUL ends it in the input."""
    with pytest.raises(ValueError, match="kind of id"):
        TokenKey(KEY, kind, "2026H2")


@pytest.mark.parametrize("carry", [pickle.dumps, copy.copy, copy.deepcopy])
def test_the_handle_stays_and_hides(carry: object) -> None:
    """A token key is neither pickled nor copied, and shows only its class."""
    key = TokenKey(KEY, "account", "2026H2")
    with pytest.raises(TypeError, match="key material"):
        carry(key)  # type: ignore[operator]
    assert repr(key) == str(key) == f"{key}" == "<TokenKey: hidden>"
    assert not hasattr(key, "__dict__")
