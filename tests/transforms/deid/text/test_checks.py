"""Check digits against the library that everybody uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum import iban, luhn
from stdnum.cn import uscc

from transforms.deid.text.checks import (
    is_credit_code,
    is_hong_kong_id,
    is_iban,
    is_luhn,
    is_org_code,
    is_taiwan_id,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CODE = st.from_regex(r"[19][1-9][0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}", fullmatch=True)


@given(st.from_regex(r"[0-9]{12,19}", fullmatch=True))
@example("4392531317862987")
def test_luhn(digits: str) -> None:
    """The same digits pass."""
    assert is_luhn(digits) == luhn.is_valid(digits)


@given(CODE)
@example("91320100MA1T4W7K2C")
@example("91320100ma1t4w7k2c")
@example("91320100 MA1T4W7K2C")
@example("91320100MA1T4W7K2I")
def test_credit_codes(code: str) -> None:
    """Every code that the library takes passes; a letter outside the alphabet does not."""
    assert is_credit_code(code) or not uscc.is_valid(code)
    head = code[:-1]
    assert sum(is_credit_code(head + last) for last in "0123456789ABCDEFGHJKLMNPQRTUWXY") == ("I" not in head)


@given(st.from_regex(r"DE[0-9]{20}|[A-Z]{2}[0-9]{2}[0-9A-Z]{12,20}", fullmatch=True))
@example("DE89370400440532013000")
@example("GB82WEST12345698765432")
def test_ibans(number: str) -> None:
    """The same numbers pass, in groups too."""
    assert is_iban(number) == iban.is_valid(number)
    assert is_iban(number[:4] + " " + number[4:]) == iban.is_valid(number)


@pytest.mark.parametrize(
    ("right", "number", "places", "check"),
    [
        (is_hong_kong_id, "A123456", "0123456789A", "3"),
        (is_hong_kong_id, "K538164", "0123456789A", "9"),
        (is_hong_kong_id, "AB987654", "0123456789A", "3"),
        (is_hong_kong_id, "Z683365", "0123456789A", "A"),
        (is_taiwan_id, "A12345678", "0123456789", "9"),
        (is_taiwan_id, "F13110409", "0123456789", "3"),
        (is_taiwan_id, "AC0123456", "0123456789", "7"),  # a resident's, of two letters
        (is_taiwan_id, "A80000001", "0123456789", "4"),
        (is_org_code, "69471803", "0123456789X", "2"),
        (is_org_code, "D2143569", "0123456789X", "X"),  # the standard's own example
    ],
)
def test_other_check_digits(right: Callable[[str], bool], number: str, places: str, check: str) -> None:
    """Of all check digits only the published one passes."""
    assert [digit for digit in places if right(number + digit)] == [check]
