"""Prefix-preserving addresses (Crypto-PAn): two addresses that share exactly n leading bits share n after it.

Each bit is flipped or not by AES over the bits before it, so a block is ciphered once for each distinct prefix, all
of one length together. IPv4 and IPv6 are treated alike; an IPv6 address that carries an IPv4 one (mapped, 6to4) counts
as that one, as in `truncate_ip`.

Warnings:
    The structure of networks stays, and with it what is known of it: who can make the product treat an address of
    their choice learns the prefix of its neighbours. Truncation tells less; prefer it where it is enough.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from transforms.deid.treatments.truncate_ip import PLAIN_V4, parse_address

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from governance.keys import CipherKey

    Blocks = Callable[[bytes], bytes]
    Words = npt.NDArray[np.uint64]

_V4_BITS, _V6_BITS, _WORD = 32, 128, 64
_ALL = 2**_WORD - 1
_PLAIN_V4 = re.compile(PLAIN_V4, re.ASCII)


def prefix_preserving_ip(values: pa.Array, key: CipherKey) -> pa.Array:
    """Return another address for each address; what is no address becomes null."""
    pad = key.macs("crypto-pan pad", [b""])[0][:16]
    return anonymize(values, key.blocks("crypto-pan"), pad)


def anonymize(values: pa.Array, blocks: Blocks, pad: bytes) -> pa.Array:
    """Return Crypto-PAn of each address.

    Args:
        values: distinct texts.
        blocks: AES over whole blocks.
        pad: 16 secret bytes; in the published scheme, the second half of the key under the first.
    """
    found: list[str | None] = [None] * len(values)
    numbers: dict[int, dict[int, int]] = {_V4_BITS: {}, _V6_BITS: {}}
    for place, text in enumerate(values.to_pylist()):
        bits, number = (0, 0) if text is None else _number(text)
        if bits:
            numbers[bits][place] = number
    for bits, here in numbers.items():
        made = _scrambled(list(here.values()), bits, blocks, int.from_bytes(pad, "big"))
        for place, number in zip(here, made, strict=True):
            found[place] = _written(number, bits)
    return pa.array(found, pa.string())


def _number(text: str) -> tuple[int, int]:
    """Return (bits, number) of an address; 0 bits if it is none."""
    if _PLAIN_V4.fullmatch(text):  # nearly all of a log
        return _V4_BITS, int.from_bytes(socket.inet_aton(text), "big")
    address = parse_address(text)
    return (0, 0) if address is None else (address.max_prefixlen, int(address))


def _written(number: int, bits: int) -> str:
    if bits == _V4_BITS:
        return socket.inet_ntop(socket.AF_INET, number.to_bytes(4, "big"))
    return str(ipaddress.IPv6Address(number))


def _scrambled(numbers: list[int], bits: int, blocks: Blocks, pad: int) -> list[int]:
    """Return the numbers of `bits` bits with each bit flipped or not as the bits before it decide."""
    if not numbers:
        return []
    distinct = sorted(set(numbers))
    left = b"".join((number << (_V6_BITS - bits)).to_bytes(16, "big") for number in distinct)
    words = np.frombuffer(left, ">u8").reshape(-1, 2).astype(np.uint64)
    flips = np.zeros((len(distinct), _V6_BITS), np.uint8)
    for bit in range(bits):
        flips[:, bit] = _flip(words, bit, blocks, pad)
    size = bits // 8
    packed = np.packbits(flips[:, :bits], axis=1).tobytes()
    masks = (int.from_bytes(packed[at : at + size], "big") for at in range(0, len(packed), size))
    mask_of = dict(zip(distinct, masks, strict=True))
    return [number ^ mask_of[number] for number in numbers]


def _flip(words: Words, bit: int, blocks: Blocks, pad: int) -> npt.NDArray[np.uint8]:
    """Return the flip of a bit for each of the sorted addresses: one AES block for each distinct prefix."""
    prefix = (_ALL << _WORD | _ALL) ^ ((1 << (_V6_BITS - bit)) - 1)
    mask = np.array([prefix >> _WORD, prefix & _ALL], np.uint64)
    rest = pad & ~prefix
    block = words & mask
    first = np.ones(len(words), bool)
    first[1:] = (block[1:] != block[:-1]).any(axis=1)
    plain = (block[first] | np.array([rest >> _WORD, rest & _ALL], np.uint64)).astype(">u8").tobytes()
    top = np.frombuffer(blocks(plain), np.uint8)[::16] >> 7
    flip: npt.NDArray[np.uint8] = top[np.cumsum(first) - 1]
    return flip
