"""What messages of errors share."""

from __future__ import annotations

import pytest

from governance.errors import counted


@pytest.mark.parametrize(("number", "told"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (239_020, "239,020 rows")])
def test_one_is_one_and_the_others_are_many(number: int, told: str) -> None:
    """Thousands have commas, and a plural of another kind is given."""
    assert counted(number, "row") == told
    assert counted(number, "entry", "entries") == told.replace("rows", "entries").replace("row", "entry")
