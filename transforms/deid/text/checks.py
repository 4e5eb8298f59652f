"""Check digits that are looked at often: the same answers as stdnum's, without an exception for each wrong number."""

from __future__ import annotations

from typing import Final

from stdnum import iban

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def is_luhn(digits: str) -> bool:
    """Say whether ASCII digits pass Luhn's check."""
    plain, doubled = map(int, digits[-1::-2]), map(int, digits[-2::-2])
    return (sum(plain) + sum(_DOUBLED[digit] for digit in doubled)) % 10 == 0


_CREDIT: Final = {char: place for place, char in enumerate("0123456789ABCDEFGHJKLMNPQRTUWXY")}
_CREDIT_WEIGHTS: Final = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


def is_credit_code(number: str) -> bool:
    """Say whether 18 ASCII letters and digits, with spaces or dashes, are a unified social credit code."""
    compact = number.replace(" ", "").replace("-", "").upper()
    values = [_CREDIT.get(char, -1) for char in compact]
    total = sum(weight * value for weight, value in zip(_CREDIT_WEIGHTS, values, strict=False))
    return min(values) >= 0 and (total + values[-1]) % 31 == 0


def is_iban(number: str) -> bool:
    """Say whether ASCII letters, digits and spaces are an international bank account number."""
    compact = number.replace(" ", "")
    rest = int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97
    return rest == 1 and bool(iban.is_valid(compact))


_ORG_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_ORG_CHECKS: Final = "0X987654321"


def is_org_code(number: str) -> bool:
    """Say whether nine capital ASCII letters and digits are an organization code as it was before credit codes."""
    total = sum(weight * int(char, 36) for weight, char in zip(_ORG_WEIGHTS, number, strict=False))
    return _ORG_CHECKS[total % 11] == number[-1]


def is_hong_kong_id(number: str) -> bool:
    """Say whether one or two capital letters, six digits and a digit or A are an identity card of Hong Kong."""
    values = [36 if char == " " else int(char, 36) for char in number.rjust(9)]
    return sum(weight * value for weight, value in zip(range(9, 0, -1), values, strict=True)) % 11 == 0


# 10 for A, 11 for B: in the order in which Taiwan's counties were given their letters.
_COUNTIES: Final = {char: place for place, char in enumerate("ABCDEFGHJKLMNPQRSTUVXYWZIO", 10)}


def is_taiwan_id(number: str) -> bool:
    """Say whether a capital letter, a digit or one of A to D, and eight digits are an identity card of Taiwan."""
    county, sex = _COUNTIES[number[0]], number[1]
    second = int(sex) if sex.isdigit() else _COUNTIES[sex] % 10
    total = county // 10 + county % 10 * 9 + second * 8 + int(number[9])
    return (
        total + sum(weight * int(digit) for weight, digit in zip(range(7, 0, -1), number[2:9], strict=True))
    ) % 10 == 0
