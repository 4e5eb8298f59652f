"""The registry of treatments."""

from __future__ import annotations

from typing import get_args

import pyarrow as pa

from governance.policy.treatments import Treatment
from tests.transforms.deid.chain import CATALOGUE
from transforms.deid.treatments.registry import REGISTRY, Context, bind, columns_of


def test_every_treatment_of_the_policy_is_registered() -> None:
    """No treatment can be written in a pack that the engine does not know, nor the reverse."""
    union, _ = get_args(Treatment)
    assert set(REGISTRY) == set(get_args(union))


def test_numbers_and_flags_pass_as_they_are() -> None:
    """Kept columns of numbers and flags keep type and value."""
    for kind, values in (("bool", [True, False, None]), ("int64", [1, 2**40, None])):
        row = CATALOGUE.inventory["response_bytes"].model_copy(update={"type": kind})
        (kept,) = bind(row.analytics, Context(row))(pa.array(values))
        assert kept.to_pylist() == values
        assert kept.type == columns_of(row.analytics, row)[0].type
