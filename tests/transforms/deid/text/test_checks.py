"""Check digits against the library that everybody uses."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from stdnum import iban, luhn
from stdnum.cn import uscc

from transforms.deid.text.checks import is_credit_code, is_iban, is_luhn

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
