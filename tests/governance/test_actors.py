"""Names of who acts."""

from __future__ import annotations

import pytest

from governance.actors import approvers, folded, require_name
from governance.errors import UsageError


@pytest.mark.parametrize("written", ["Lin", " lin ", "ｌｉｎ", "li\u200bn", "LIN\n"])
def test_one_person_is_one_however_written(written: str) -> None:
    """Capitals, blanks, wide letters and signs that nobody sees make no other person."""
    assert folded(written) == "lin"
    assert approvers([written], but="lin") == ()
    assert approvers(["lin", written, "wang"]) == ("lin", "wang")


def test_nobody_is_not_a_person() -> None:
    """A blank name approves nothing, whoever is left out."""
    assert approvers(["", " ", "\u200b\t"]) == ()
    assert approvers(["", "wang"], but="") == ("wang",)


@pytest.mark.parametrize(
    "name", ["", " ", "\u200b", "lin\nsweep approved by wang", "lin\x1b[2J", "lin\u2028", "\ud800"]
)
def test_a_name_is_one_line_of_text(name: str) -> None:
    """Blank names and such as would write lines of their own are refused, and not repeated."""
    with pytest.raises(UsageError, match="has a name") as caught:
        require_name(name)
    assert "wang" not in str(caught.value)


@pytest.mark.parametrize("name", ["lin", "Lin Wei", "林薇", "o'neill-42", "lin@example.com"])
def test_a_name_stays_as_it_is_written(name: str) -> None:
    """What is recorded is what somebody gave."""
    assert require_name(name) == name
