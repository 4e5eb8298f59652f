"""FF1, the format-preserving encryption of NIST SP 800-38G Rev. 1, for many texts at once.

Texts of one length run through the ten rounds together: AES sees one long row of blocks, and the halves are arrays.
Halves below 2^56 are 64-bit words; longer ones are Python's integers, in the same arrays and the same lines of code.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Blocks = Callable[[bytes], bytes]
    Octets = npt.NDArray[np.uint8]
    Numbers = npt.NDArray[Any]  # uint64, or Python integers

FEWEST_VALUES, LONGEST, _ROUNDS, _BLOCK = 1_000_000, 4096, 10, 16
_WORD = 2**56  # what a round adds to stays below 2^57


class FF1:
    """Encrypts texts over one alphabet, under one key and one tweak.

    Guarantees:
        One to one within a length. A text with a sign outside the alphabet, or so short that fewer than a million
        texts have its length, gives None in both directions: it is never passed through.
    """

    def __init__(self, blocks: Blocks, alphabet: str, tweak: bytes = b"", *, fewest: int = FEWEST_VALUES) -> None:
        """Take AES over whole blocks, the signs in the order of their digits, and the tweak.

        `fewest` is for the vectors of the standard's first edition alone, which allowed 100.
        """
        if not alphabet.isascii() or len(set(alphabet)) != len(alphabet) or len(alphabet) < len("01"):
            raise ValueError("an alphabet is made of different ASCII signs")
        self._blocks = blocks
        self._tweak = tweak
        self._radix = len(alphabet)
        self._signs = np.frombuffer(alphabet.encode(), np.uint8)
        self._digits = np.zeros(128, np.uint8)
        self._digits[self._signs] = np.arange(self._radix)
        shortest = next(length for length in range(2, 21) if self._radix**length >= fewest)
        self._fits = re.compile(f"[{re.escape(alphabet)}]{{{shortest},{LONGEST}}}").fullmatch

    def encrypt(self, texts: Sequence[str | None]) -> list[str | None]:
        """Return each text encrypted; None for what cannot be."""
        return self._each(texts, self._encrypt)

    def decrypt(self, texts: Sequence[str | None]) -> list[str | None]:
        """Return each text decrypted; None for what cannot be."""
        return self._each(texts, self._decrypt)

    def _each(
        self, texts: Sequence[str | None], run: Callable[[_Round, Numbers, Numbers], tuple[Numbers, Numbers]]
    ) -> list[str | None]:
        found: list[str | None] = [None] * len(texts)
        lengths: defaultdict[int, list[int]] = defaultdict(list)
        for place, text in enumerate(texts):
            if text is not None and self._fits(text):
                lengths[len(text)].append(place)
        for length, places in lengths.items():
            joined = "".join(text for place in places if (text := texts[place]) is not None)
            digits = self._digits[np.frombuffer(joined.encode(), np.uint8)].reshape(-1, length)
            step = _Round.of(self._blocks, self._tweak, self._radix, length)
            left, right = run(step, step.number(digits[:, : step.u]), step.number(digits[:, step.u :]))
            made = np.concatenate([step.digits(left, step.u), step.digits(right, step.v)], axis=1)
            letters = self._signs[made].tobytes().decode()
            for number, place in enumerate(places):
                found[place] = letters[number * length : (number + 1) * length]
        return found

    @staticmethod
    def _encrypt(step: _Round, left: Numbers, right: Numbers) -> tuple[Numbers, Numbers]:
        for number in range(_ROUNDS):
            modulus = step.modulus(number)
            left, right = right, (left + step.mixed(number, right, modulus)) % modulus
        return left, right

    @staticmethod
    def _decrypt(step: _Round, left: Numbers, right: Numbers) -> tuple[Numbers, Numbers]:
        for number in reversed(range(_ROUNDS)):
            modulus = step.modulus(number)
            left, right = (right + (modulus - step.mixed(number, left, modulus))) % modulus, left
        return left, right


@dataclass(frozen=True, slots=True, repr=False)
class _Round:
    """The round function for one length; names are the standard's.

    Attributes:
        u: digits of the left half.
        v: digits of the right half.
        b: bytes that hold a number of v digits.
        d: bytes that a round draws.
        start: the state of the CBC-MAC behind P and the whole blocks of Q that are the same for all.
        rest: the bytes of Q between those and the number of the round.
        small: numbers fit a 64-bit word.
    """

    blocks: Blocks
    radix: int
    u: int
    v: int
    b: int
    d: int
    start: bytes
    rest: bytes
    small: bool

    @classmethod
    def of(cls, blocks: Blocks, tweak: bytes, radix: int, length: int) -> _Round:
        u = length // 2
        v = length - u
        b = ((radix**v - 1).bit_length() + 7) // 8
        head = b"\x01\x02\x01" + radix.to_bytes(3, "big") + bytes((_ROUNDS, u % 256))
        fixed = tweak + bytes((-len(tweak) - b - 1) % _BLOCK)
        whole = len(fixed) // _BLOCK * _BLOCK
        state = blocks(head + length.to_bytes(4, "big") + len(tweak).to_bytes(4, "big"))
        for at in range(0, whole, _BLOCK):
            state = blocks(bytes(one ^ two for one, two in zip(state, fixed[at : at + _BLOCK], strict=True)))
        return cls(blocks, radix, u, v, b, 4 * ((b + 3) // 4) + 4, state, fixed[whole:], radix**v <= _WORD)

    def modulus(self, number: int) -> int:
        """Return radix^u in even rounds, radix^v in odd ones."""
        return int(self.radix ** (self.v if number % 2 else self.u))

    def mixed(self, number: int, half: Numbers, modulus: int) -> Numbers:
        """Return what a round adds to the other half, below the modulus."""
        count = len(half)
        tail = np.empty((count, len(self.rest) + 1 + self.b), np.uint8)
        tail[:, : len(self.rest)] = np.frombuffer(self.rest, np.uint8)
        tail[:, len(self.rest)] = number
        tail[:, len(self.rest) + 1 :] = self._octets(half)
        state = np.broadcast_to(np.frombuffer(self.start, np.uint8), (count, _BLOCK))
        for at in range(0, tail.shape[1], _BLOCK):
            state = self._aes(state ^ tail[:, at : at + _BLOCK])
        counters = (number.to_bytes(_BLOCK, "big") for number in range(1, (self.d + _BLOCK - 1) // _BLOCK))
        more = [self._aes(state ^ np.frombuffer(counter, np.uint8)) for counter in counters]
        return self._reduced(np.concatenate([state, *more], axis=1)[:, : self.d], modulus)

    def _aes(self, state: Octets) -> Octets:
        return np.frombuffer(self.blocks(state.tobytes()), np.uint8).reshape(-1, _BLOCK)

    def _octets(self, half: Numbers) -> Octets:
        if self.small:
            return half.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 8 - self.b :]
        joined = b"".join(int(one).to_bytes(self.b, "big") for one in half)
        return np.frombuffer(joined, np.uint8).reshape(-1, self.b)

    def _reduced(self, drawn: Octets, modulus: int) -> Numbers:
        """Return the drawn bytes as a number modulo `modulus`: limb by limb, as large as a word allows."""
        if not self.small:
            whole = (int.from_bytes(one.tobytes(), "big") % modulus for one in drawn)
            return np.fromiter(whole, object, len(drawn))
        bits = next(bits for bits in (32, 16, 8) if modulus <= 2 ** (64 - bits))
        limbs = np.ascontiguousarray(drawn).view(f">u{bits // 8}").astype(np.uint64)
        rest = np.zeros(len(drawn), np.uint64)
        for limb in limbs.T:
            rest = (rest << np.uint64(bits) | limb) % np.uint64(modulus)
        return rest

    def number(self, digits: Octets) -> Numbers:
        """Return the numbers that rows of digits stand for."""
        total: Numbers = np.zeros(len(digits), np.uint64 if self.small else object)
        for column in digits.T:
            total = total * self.radix + column.astype(total.dtype)
        return total

    def digits(self, numbers: Numbers, count: int) -> Octets:
        """Return each number as `count` digits."""
        found = np.empty((len(numbers), count), np.uint8)
        for place in reversed(range(count)):
            found[:, place] = numbers % self.radix
            numbers = numbers // self.radix
        return found
