"""The registry of treatments."""

from __future__ import annotations

from typing import get_args

from governance.policy.treatments import Treatment
from transforms.deid.treatments.registry import REGISTRY


def test_every_treatment_of_the_policy_is_registered() -> None:
    """No treatment can be written in a pack that the engine does not know, nor the reverse."""
    union, _ = get_args(Treatment)
    assert set(REGISTRY) == set(get_args(union))
