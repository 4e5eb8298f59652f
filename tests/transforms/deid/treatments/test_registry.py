"""The registry of treatments."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pyarrow as pa

from governance.policy.keyed import Keyed
from governance.policy.treatments import Treatment
from tests.transforms.deid.chain import CATALOGUE
from transforms.deid.treatments.registry import REGISTRY, Context, bind, columns_of

PAGE = Path(__file__).parents[4] / "docs" / "treatments.md"


def test_every_treatment_of_the_policy_is_registered() -> None:
    """No treatment can be written in a pack that the engine does not know, nor the reverse."""
    union, _ = get_args(Treatment)
    assert set(REGISTRY) == set(get_args(union))


def test_the_page_on_treatments_names_them_all() -> None:
    """docs/treatments.md has every treatment, each with its parameters, and a star where it is for one path only."""
    told: dict[str, tuple[set[str], bool]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `") and not line.startswith("| `do`"):
            said, _, parameters = line.strip().strip("|").split("|")
            for name in re.findall("`([a-z_]+)`", said):
                told[name] = (set(re.findall("`([a-z0-9_]+)`", parameters)), "*" in said)
    union, _ = get_args(Treatment)
    kinds = {kind.model_fields["do"].default: kind for kind in get_args(union)}
    assert told.keys() == kinds.keys()
    for name, (parameters, starred) in told.items():
        assert kinds[name].model_fields.keys() - {"do"} <= parameters
        assert starred == (issubclass(kinds[name], Keyed) and kinds[name].personal_only)


def test_numbers_and_flags_pass_as_they_are() -> None:
    """Kept columns of numbers and flags keep type and value."""
    for kind, values in (("bool", [True, False, None]), ("int64", [1, 2**40, None])):
        row = CATALOGUE.inventory["response_bytes"].model_copy(update={"type": kind})
        (kept,) = bind(row.analytics, Context(row))(pa.array(values))
        assert kept.to_pylist() == values
        assert kept.type == columns_of(row.analytics, row)[0].type
