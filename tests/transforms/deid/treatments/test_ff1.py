"""FF1 for many texts at once."""

from __future__ import annotations

from string import ascii_lowercase, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.keys.ciphers import aes_blocks
from transforms.deid.treatments.ff1 import FF1

BLOCKS = aes_blocks(bytes(range(32)))
ALPHABETS = (digits, digits + ascii_lowercase, "01")


@given(st.sampled_from(ALPHABETS), st.data(), st.binary(max_size=40))
def test_a_batch_is_its_texts_one_by_one(alphabet: str, data: st.DataObject, tweak: bytes) -> None:
    """Length, company and order of texts make no difference; what is encrypted decrypts to itself."""
    texts = data.draw(st.lists(st.one_of(st.none(), st.text(alphabet, max_size=70)), max_size=6))
    cipher = FF1(BLOCKS, alphabet, tweak)
    made = cipher.encrypt(texts)
    assert made == [cipher.encrypt([text])[0] for text in texts]
    long_enough = [text is not None and len(alphabet) ** len(text) >= 1_000_000 for text in texts]
    assert [one is not None for one in made] == long_enough
    assert cipher.decrypt(made) == [text if fits else None for text, fits in zip(texts, long_enough, strict=True)]
    for text, one in zip(texts, made, strict=True):
        assert one is None or (text is not None and len(one) == len(text) and set(one) <= set(alphabet))


def test_it_is_one_to_one() -> None:
    """A million numbers of six digits are the same million after it."""
    numbers = [f"{number:06}" for number in range(1_000_000)]
    assert len(set(FF1(BLOCKS, digits).encrypt(numbers))) == 1_000_000


@pytest.mark.parametrize("text", ["12345", "123456a", "１２３４５６", "123 456", "", "-123456", "1" * 4097, "123456\n"])
def test_another_form_is_nothing(text: str) -> None:
    """Too short, too long, or a sign outside the alphabet: null in both directions."""
    cipher = FF1(BLOCKS, digits)
    assert cipher.encrypt([text]) == cipher.decrypt([text]) == [None]


def test_tweaks_and_keys_part_the_results() -> None:
    """One text under two tweaks or two keys gives two results."""
    other = aes_blocks(bytes(32))
    made = {FF1(blocks, digits, tweak).encrypt(["123456"])[0] for blocks in (BLOCKS, other) for tweak in (b"", b"x")}
    assert len(made) == 4


@pytest.mark.parametrize("alphabet", ["", "0", "00", "01é"])
def test_an_alphabet_has_different_plain_signs(alphabet: str) -> None:
    """Other alphabets are refused."""
    with pytest.raises(ValueError, match="ASCII"):
        FF1(BLOCKS, alphabet)
