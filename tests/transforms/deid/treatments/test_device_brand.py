"""Brands of devices."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.deid.treatments.device_brand import device_brand


@pytest.mark.parametrize(
    ("model", "brand"),
    [
        ("SM-G973F", "Samsung"), ("Samsung Galaxy S21", "Samsung"), ("iPhone 12", "Apple"), ("iPad13,4", "Apple"),
        ("MacBookPro7,1", "Apple"), ("Redmi Note 8", "XiaoMi"), ("HUAWEI P30", "Huawei"), ("Pixel 4", "Google"),
        ("zhang's phone", "other"), ("13800138000", "other"), ("", "other"), ("水", "other"), (None, None),
        ("x) Chrome/1 (iPhone", "other"),
    ],
)  # fmt: skip
def test_a_model_becomes_its_brand(model: str | None, brand: str | None) -> None:
    """A known model or prefix gives its brand, anything else `other`."""
    assert device_brand(pa.array([model], pa.string())).to_pylist() == [brand]
