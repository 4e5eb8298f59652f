"""Forms in which fields leave."""

from __future__ import annotations

from governance.policy import load_catalogue
from governance.policy.exporting import export_treatment
from governance.policy.strictness import at_least_as_strict
from governance.policy.treatments import AUDIENCES, MajorVersion, Reject, Suppress

CATALOGUE = load_catalogue()


def test_no_row_leaves_in_more_than_its_analytics_form() -> None:
    """`gate` is what analysts see at most; `agg` and `no` are nothing row by row; what is not named never leaves."""
    for pack in CATALOGUE.packs:
        for row in CATALOGUE.inventory.values():
            form = export_treatment(pack, row)
            if row.export != "gate" or row.field not in pack.names:
                assert form == Suppress()
            seen = [pack.treatment(row, audience) for audience in AUDIENCES]
            # An event that is rejected has no row to leave.
            assert all(isinstance(one, Reject) or at_least_as_strict(form, one) for one in seen)
            assert row.sensitivity == "N" or form == Suppress()


def test_a_gated_field_leaves_in_its_form() -> None:
    """A field that may leave has its analytics form."""
    pack = CATALOGUE.pack("mic_global_2022")
    assert pack
    assert export_treatment(pack, CATALOGUE.inventory["os_version"]) == MajorVersion()
