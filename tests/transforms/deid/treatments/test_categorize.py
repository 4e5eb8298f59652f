"""Categories by words."""

from __future__ import annotations

import pyarrow as pa

from transforms.deid.treatments.categorize import categorize


def test_the_first_band_whose_word_occurs_wins() -> None:
    """Order decides, case does not; what fits no band is the word for the rest."""
    bands = {"core": ("core i",), "intel": ("Intel",), "straße": ("STRASSE",)}
    values = pa.array(["Intel(R) CORE i7", "intel atom", "ARM", "Straße", None])
    assert categorize(values, bands=bands, other="rest").to_pylist() == ["core", "intel", "rest", "straße", None]
