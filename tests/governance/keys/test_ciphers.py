"""Keys of treatments: reversible tokens, blocks, keyed choices."""

from __future__ import annotations

import base64
import copy
import pickle
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.keys.ciphers import CipherKey, _base32, aes_blocks, epoch_of
from tests.governance.keys.conftest import WALL

if TYPE_CHECKING:
    from governance.keys import Keyring

KEY = CipherKey(bytes(range(32)), "encrypt.phone", "2026H2")
SCOPE = ("statistics", "sepp", "analytics", "encrypt.phone")
TEXT = st.text(st.characters(codec="utf-8"), max_size=70)


@given(st.lists(st.one_of(TEXT, st.none()), max_size=6))
def test_a_token_turns_back_into_its_text(texts: list[str | None]) -> None:
    """Whatever the text, its token holds it all; nothing stays nothing."""
    tokens = KEY.encrypt(texts)
    assert KEY._decrypt(tokens) == texts
    assert [token is None for token in tokens] == [text is None for text in texts]


@given(TEXT, TEXT)
def test_equal_texts_have_equal_tokens(first: str, second: str) -> None:
    """Encryption is deterministic and one to one, and the length shows in steps of 16 bytes only."""
    one, two = KEY.encrypt([first, second])
    assert (one == two) == (first == second)
    assert one
    sealed = base64.b32decode(one.rpartition(".")[2] + "=" * (-len(one.rpartition(".")[2]) % 8))
    assert len(sealed) % 16 == 0
    assert 16 < len(sealed) - len(first.encode()) <= 32


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_letters_are_those_of_rfc_4648(blobs: list[bytes]) -> None:
    """The vectorised base32 agrees with the standard library's, for any mixture of lengths."""
    assert _base32(blobs) == [base64.b32encode(blob).decode().rstrip("=") for blob in blobs]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token[:-1] + chr(ord(token[-1]) + 1),  # a spare bit
        lambda token: token.replace("2026H2", "2026H1"),
        lambda token: token.replace("v1s", "v1"),
        lambda token: token[:-8],
        lambda token: token.lower(),
        lambda token: token + "A",
        lambda token: token[: len("v1s.2026H2.")],
        lambda token: token[: len("v1s.2026H2.")] + "***",
        lambda token: token[:0],
    ],
)
def test_a_spoiled_token_opens_as_nothing(spoil: object) -> None:
    """One changed sign, another epoch or format, cut or lengthened: no text, and no error that quotes it."""
    (token,) = KEY.encrypt(["13912345678"])
    assert KEY._decrypt([spoil(token)]) == [None]  # type: ignore[operator]


def test_kinds_and_epochs_have_keys_of_their_own() -> None:
    """Another kind, epoch or scope key gives another token, and opens none of the first."""
    (token,) = KEY.encrypt(["x"])
    for other in (
        CipherKey(bytes(range(32)), "encrypt.fax", "2026H2"),
        CipherKey(bytes(range(32)), "encrypt.phone", "2027H1"),
        CipherKey(bytes(range(1, 33)), "encrypt.phone", "2026H2"),
    ):
        assert other.encrypt(["x"]) != [token]
        assert other._decrypt([token]) == [None]


def test_uses_of_a_key_are_apart() -> None:
    """Blocks and messages under two uses do not match."""
    assert KEY.blocks("a")(bytes(16)) != KEY.blocks("b")(bytes(16))
    assert KEY.macs("a", [b"x"]) != KEY.macs("b", [b"x"])
    assert KEY.macs("a", [b"x", b"x"]) == KEY.macs("a", [b"x"]) * 2


def test_a_handle_stays_where_it_is() -> None:
    """It neither pickles nor copies, and shows nothing of itself."""
    assert str(KEY) == repr(KEY) == "<CipherKey: hidden>"
    for carry in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="setup"):
            carry(KEY)


def test_threads_may_share_a_handle() -> None:
    """Contexts live for one call: threads that use one handle at once get what one thread gets."""
    expected = (KEY.encrypt(["x"] * 50), KEY.macs("a", [b"x"] * 50), KEY.blocks("a")(bytes(1600)))
    found: list[object] = []
    blocks = KEY.blocks("a")

    def work() -> None:
        found.extend((KEY.encrypt(["x"] * 50), KEY.macs("a", [b"x"] * 50), blocks(bytes(1600))) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 80


@pytest.mark.parametrize("kind", ["", "a\0b"])
def test_a_kind_is_a_name(kind: str) -> None:
    """An empty kind or one with NUL is refused."""
    with pytest.raises(ValueError, match="without NUL"):
        CipherKey(bytes(32), kind, "2026H2")


@pytest.mark.parametrize("size", [0, 1, 8, 20, 31, 40, 64])
def test_an_aes_key_has_one_of_three_sizes(size: int) -> None:
    """Keys of other sizes are refused."""
    with pytest.raises(ValueError, match="16, 24 or 32"):
        aes_blocks(bytes(size))


def test_the_ring_keeps_a_key_and_makes_it_once(keyring: Keyring) -> None:
    """A half-year's key is made when first needed, listed, and found again; asking whether it is there makes none."""
    assert keyring.find_cipher_key(*SCOPE, "2026H2") is None
    key = keyring.cipher_key(*SCOPE, "2026H2")
    assert keyring.cipher_key(*SCOPE, "2026H2") is key
    found = keyring.find_cipher_key(*SCOPE, "2026H2")
    assert found
    assert found._decrypt(key.encrypt(["x"])) == ["x"]
    assert [(info.use, info.epoch) for info in keyring.keys(WALL)] == [("cipher", "2026H2")]
    with pytest.raises(ValueError, match="half-year"):
        keyring.cipher_key(*SCOPE, "2026-11-23")


def test_a_window_key_goes_after_two_days(keyring: Keyring) -> None:
    """Keyed treatments of the anonymous path do not link once their date's key is destroyed."""
    first = keyring.window_cipher_key(*SCOPE, "2026-11-23", wall=WALL)
    assert keyring.window_cipher_key(*SCOPE, "2026-11-23", wall=WALL + timedelta(days=1)) is first
    assert keyring.destroy_expired(WALL + timedelta(days=2)) == 1
    later = keyring.window_cipher_key(*SCOPE, "2026-11-23", wall=WALL + timedelta(days=2))
    assert later.macs("a", [b"x"]) != first.macs("a", [b"x"])
    with pytest.raises(ValueError, match="YYYY-MM-DD"):
        keyring.window_cipher_key(*SCOPE, "2026H2", wall=WALL)


def test_the_epoch_is_read_from_a_token() -> None:
    """Only reversible tokens have one."""
    assert epoch_of(KEY.encrypt(["x"])[0] or "") == "2026H2"
    assert [epoch_of(one) for one in ("v1.2026H2.AAAA", "v1s.2026H2", "x", "")] == [None] * 4
