"""Addresses that keep their networks."""

from __future__ import annotations

import ipaddress

import pyarrow as pa
import pytest

from tests.transforms.deid.treatments.keys import key
from transforms.deid.treatments.prefix_preserving_ip import prefix_preserving_ip


def treated(*texts: str | None) -> list[str | None]:
    """Return the texts after the treatment."""
    made: list[str | None] = prefix_preserving_ip(pa.array(texts, pa.string()), key()).to_pylist()
    return made


def shared(first: str | None, second: str | None) -> int:
    """Return how many leading bits two addresses share."""
    one, two = ipaddress.ip_address(first or ""), ipaddress.ip_address(second or "")
    return one.max_prefixlen - (int(one) ^ int(two)).bit_length()


def test_neighbours_stay_neighbours() -> None:
    """Two addresses share as many leading bits after as before, whatever else is in the batch."""
    addresses = ("83.149.9.216", "83.149.9.217", "83.149.200.1", "9.9.9.9", "2001:db8::1", "2001:db8::2", "fe80::1")
    made = treated(*addresses)
    for one, first in zip(addresses, made, strict=True):
        assert treated(one) == [first]
        for two, second in zip(addresses, made, strict=True):
            if (":" in one) == (":" in two):
                assert shared(one, two) == shared(first, second)


@pytest.mark.parametrize("text", ["[2001:db8::1]:443", "2001:db8::1%eth0", " 2001:DB8::1 "])
def test_one_address_in_other_clothes(text: str) -> None:
    """Brackets, port, zone and case make no difference."""
    assert treated(text) == treated("2001:db8::1")


def test_a_carried_address_counts_as_itself() -> None:
    """Mapped and 6to4 addresses are the IPv4 ones that they carry."""
    assert treated("::ffff:8.8.8.8") == treated("2002:808:808::1") == treated("8.8.8.8:53") == treated("8.8.8.8")


@pytest.mark.parametrize("text", ["", "no", "1.2.3", "1.2.3.4.5", "01.2.3.4", "999.1.1.1", "1.2.3.4\0", None])
def test_what_is_no_address_is_null(text: str | None) -> None:
    """Nothing else passes."""
    assert treated(text) == [None]


def test_an_empty_column() -> None:
    """No value, no result."""
    assert treated() == []
