"""Values that keep their form."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from tests.transforms.deid.treatments.keys import key
from transforms.deid.treatments.format_preserving import format_preserving


def treated(
    texts: list[str | None], field: str = "phone", alphabet: str = "digits", lengths: tuple[int, ...] = (11,)
) -> pa.Array:
    """Return the texts after the treatment."""
    return format_preserving(pa.array(texts, pa.string()), key(), field=field, alphabet=alphabet, lengths=lengths)


def test_a_number_stays_a_number() -> None:
    """Eleven digits become eleven others, the same each time."""
    first, second, again = treated(["13912345678", "13912345679", "13912345678"]).to_pylist()
    assert all(re.fullmatch("[0-9]{11}", one) for one in (first, second))
    assert first == again not in (second, "13912345678")


@pytest.mark.parametrize(
    "text", ["1391234567", "139123456789", "1391234567x", "+86139123456", "１３９１２３４５６７８", "", None]
)
def test_another_form_is_null(text: str | None) -> None:
    """Another length or another sign: null, never the value."""
    assert treated([text]).to_pylist() == [None]


def test_the_field_is_the_tweak() -> None:
    """One number in two fields has two results."""
    assert treated(["13912345678"]) != treated(["13912345678"], field="fax")


@pytest.mark.parametrize(
    ("alphabet", "text", "form"),
    [
        ("base36", "ab12cd34", "[0-9a-z]{8}"),
        ("base36_upper", "AB12CD34", "[0-9A-Z]{8}"),
        ("base62", "aB12", "[0-9A-Za-z]{4}"),
    ],
)
def test_alphabets(alphabet: str, text: str, form: str) -> None:
    """Each alphabet stays within itself."""
    (made,) = treated([text], alphabet=alphabet, lengths=(len(text),)).to_pylist()
    assert re.fullmatch(form, made)
