"""Names that ua-parser's rules spell out."""

from __future__ import annotations

import re

import pytest

from transforms.deid.treatments.vocabulary import _expand, names


@pytest.mark.parametrize(
    ("name", "regex", "spelled"),
    [
        ("Chrome", "(Chrome)/", {"Chrome"}),
        ("$1", "(Firefox|Sea\\.Monkey|(a|b)|x.z)/", {"Firefox", "Sea.Monkey"}),
        ("$1 Mobile", "(?:x)(Edge|Opera)", {"Edge Mobile", "Opera Mobile"}),
        ("$1", "([^/]+)", set()),
        ("$1 $2", "(Edge)(x)", set()),
        ("$2", "(Edge)(x)", set()),
        ("$1", "no group", set()),
        ("$1", "(never closed", set()),
        (None, "(Edge)", set()),
    ],
)
def test_only_words_that_a_rule_spells_out_are_names(name: str | None, regex: str, spelled: set[str]) -> None:
    """A name is the rule's own, or one of the words that its first group lists; what a rule copies is none."""
    assert set(_expand(name, regex)) == spelled


def test_names_of_every_kind_are_plain() -> None:
    """No name of a browser, system or brand holds an address, a long number or a placeholder of a rule."""
    for kind in ("browser", "os", "brand"):
        assert not [name for name in names(kind) if re.search(r"[@$]|[0-9]{5}", name)]
