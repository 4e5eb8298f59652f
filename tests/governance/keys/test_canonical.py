"""Canonical forms: what counts as one identifier."""

from __future__ import annotations

from unicodedata import normalize

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.keys import canonical
from governance.keys.canonical import _parsed_phone, phone


@pytest.mark.parametrize(
    ("kind", "value", "form"),
    [
        ("account", "  A1 ", "A1"),
        ("account", "\u3000ＡＢＣ１\u00a0", "ABC1"),
        ("account", " \t", ""),
        ("email", "Li.Na@Mail.EXAMPLE.Com ", "Li.Na@mail.example.com"),
        ("email", "李娜＠例子.CN", "李娜@例子.cn"),
        ("email", "a@b@C.ORG", "a@b@c.org"),
        ("email", "no address", "no address"),
        ("phone", "13912345678", "+8613912345678"),
        ("phone", "８６ １３９-1234-5678", "+8613912345678"),
        ("phone", "+8613912345678", "+8613912345678"),
        ("phone", "(010) 6250-1234", "+861062501234"),
        ("phone", "+44 020 7946 0018", "+442079460018"),
        ("phone", "00 1 650 253 0000", "+16502530000"),
        ("phone", "1", "+1"),
        ("phone", "+999 12 34", "+9991234"),
        ("phone", "unknown", "unknown"),
        ("phone", "", ""),
        ("mac", "00-1A-2b-3C-4d-5E", "001a2b3c4d5e"),
        ("mac", "001A.2B3C.4D5E", "001a2b3c4d5e"),
        ("mac", "00:1a:2b:ff:fe:3c:4d:5e", "001a2bfffe3c4d5e"),
        ("mac", "not A mac", "not A mac"),
    ],
)
def test_forms(kind: str, value: str, form: str) -> None:
    """Each kind has its form; what does not look like the kind keeps its text."""
    assert canonical(kind, value) == form


@given(st.sampled_from(["account", "email", "mac", "order"]), st.text())
def test_a_form_is_its_own_form(kind: str, value: str) -> None:
    """Canonicalising twice changes nothing, and compatible characters make no difference."""
    once = canonical(kind, value)
    assert canonical(kind, once) == once
    assert canonical(kind, normalize("NFKC", value)) == once


@given(st.text())
def test_any_text_has_a_phone_form(value: str) -> None:
    """No text makes the reading of telephone numbers fail."""
    assert isinstance(canonical("phone", value), str)


@given(st.from_regex(r"(\+?86)?1[3-9][0-9]{9}", fullmatch=True))
def test_the_short_way_for_chinese_mobiles_agrees(value: str) -> None:
    """The short way gives what phonenumbers gives, and its result is E.164."""
    assert phone(value) == _parsed_phone(value)
    assert phone(phone(value)) == phone(value)


@pytest.mark.parametrize("region", ["CN", "GB", "US", "DE", "JP", "IT", "HK"])
def test_every_way_to_write_a_number_gives_one_form(region: str) -> None:
    """A number in international, E.164 and RFC 3966 writing has one canonical form."""
    number = phonenumbers.example_number(region)
    forms = {
        phone(phonenumbers.format_number(number, way))
        for way in (
            phonenumbers.PhoneNumberFormat.E164,
            phonenumbers.PhoneNumberFormat.INTERNATIONAL,
            phonenumbers.PhoneNumberFormat.RFC3966,
        )
    }
    assert forms == {phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)}


@given(st.binary(min_size=6, max_size=6))
def test_separators_of_an_address_make_no_difference(raw: bytes) -> None:
    """A hardware address has one form, however it is grouped and cased."""
    for separator in ":-. ":
        assert canonical("mac", raw.hex(separator).upper()) == raw.hex()
