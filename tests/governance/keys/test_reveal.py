"""Reversals and their record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from governance.keys import Revealed, reveal

if TYPE_CHECKING:
    from governance.keys import Keyring

FOR: dict[str, Any] = {"purpose": "statistics", "system": "sepp", "recipient": "analytics", "field": "phone"}
BY: dict[str, Any] = {"actor": "li", "reason": "ticket 7"}


def made(keyring: Keyring, texts: list[str | None], epoch: str = "2026H2") -> list[str | None]:
    """Return tokens of the field phone."""
    return keyring.cipher_key("statistics", "sepp", "analytics", "encrypt.phone", epoch).encrypt(texts)


def test_who_holds_the_ring_reads_and_leaves_a_record(keyring: Keyring) -> None:
    """Texts come back in order, over epochs; the record says who, what for, how many, and holds no value."""
    records: list[Revealed] = []
    tokens = [*made(keyring, ["13912345678", None]), *made(keyring, ["13800138000"], "2027H1"), "rubbish"]
    assert reveal(keyring, tokens, **FOR, **BY, record=records.append) == ["13912345678", None, "13800138000", None]
    assert records == [Revealed(**FOR, epochs=("2026H2", "2027H1"), count=3, **BY)]
    assert "139" not in repr(records)


def test_every_call_is_recorded(keyring: Keyring) -> None:
    """A call that opens nothing is recorded too, and makes no key."""
    records: list[Revealed] = []
    assert reveal(keyring, ["v1s.2026H2.AAAA"], **FOR, **BY, record=records.append) == [None]
    assert reveal(keyring, [], **FOR, **BY, record=records.append) == []
    assert [one.count for one in records] == [1, 0]
    assert keyring.find_cipher_key("statistics", "sepp", "analytics", "encrypt.phone", "2026H2") is None


def test_without_a_record_nothing_opens(keyring: Keyring) -> None:
    """If the record cannot be written, the call fails before a token is opened."""

    def refuse(_: Revealed) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        reveal(keyring, made(keyring, ["x"]), **FOR, **BY, record=refuse)


def test_another_scope_opens_nothing(keyring: Keyring) -> None:
    """Tokens of one system, recipient, purpose or field are nothing to another."""
    tokens = made(keyring, ["x"])
    for name in FOR:
        assert reveal(keyring, tokens, **{**FOR, name: "other"}, **BY, record=lambda _: None) == [None]


@pytest.mark.parametrize("by", [{"actor": " ", "reason": "x"}, {"actor": "x", "reason": ""}])
def test_a_reversal_has_a_person_and_a_reason(keyring: Keyring, by: dict[str, Any]) -> None:
    """Without either it is refused."""
    with pytest.raises(ValueError, match="who asks and why"):
        reveal(keyring, [], **FOR, **by, record=lambda _: None)
