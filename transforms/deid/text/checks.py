"""Check digits that are looked at often: the same answers as stdnum's, without an exception for each wrong number."""

from __future__ import annotations

from typing import Final

from stdnum import iban

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def is_luhn(digits: str) -> bool:
    """Say whether ASCII digits pass Luhn's check."""
    plain, doubled = map(int, digits[-1::-2]), map(int, digits[-2::-2])
    return (sum(plain) + sum(_DOUBLED[digit] for digit in doubled)) % 10 == 0


def is_iban(number: str) -> bool:
    """Say whether ASCII letters, digits and spaces are an international bank account number."""
    compact = number.replace(" ", "")
    rest = int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97
    return rest == 1 and bool(iban.is_valid(compact))
