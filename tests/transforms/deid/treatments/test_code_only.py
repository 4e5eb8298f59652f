"""Code only: a code at the head, or none."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.deid.treatments.code_only import code_only


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("ERR_TIMEOUT: member 13800138000", "ERR_TIMEOUT"), ("[E42] no answer", "E42"), ("503 upstream", "503"),
        ("java.io.IOException: /data/zhang", "java.io.IOException"), ("ERROR while saving", "ERROR"),
        ("PaymentTimeout", "PaymentTimeout"), ("HTTP-500;", "HTTP-500"),
    ],
)  # fmt: skip
def test_a_leading_code_stays(message: str, code: str) -> None:
    """What looks like a code at the head of a message is kept."""
    assert code_only(pa.array([message]))[0].to_pylist() == [code]


@pytest.mark.parametrize(
    "message",
    ["Zhang reported a fault", "ZHANG WEI", "13800138000", "a@b.cn failed", "张伟", "", "u7: no", "E123456", "1.2.3.4"],
)
def test_a_sentence_has_no_code(message: str) -> None:
    """Names, numbers and addresses are no codes; only the length remains."""
    code, length = code_only(pa.array([message]))
    assert code.to_pylist() == [None]
    assert length.to_pylist() == [len(message)]


def test_length_is_that_of_the_rest() -> None:
    """The length counts what follows the code; null stays null."""
    assert code_only(pa.array(["E42: abc", None]))[1].to_pylist() == [5, None]
