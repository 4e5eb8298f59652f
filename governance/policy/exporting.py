"""The form in which a field may leave row by row: never more than analysts of both audiences see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.policy.strictness import stricter
from governance.policy.treatments import Suppress

if TYPE_CHECKING:
    from governance.policy.model import Pack, Row
    from governance.policy.treatments import Treatment


def export_treatment(pack: Pack, row: Row) -> Treatment:
    """Return what happens to `row` in an exported row.

    `gate` leaves in the analytics form, once every rule of R-EXP has passed. `agg` leaves only in cells of enough
    people (R-SHARE-07) and `no` never: row by row, both are nothing.
    """
    if row.export != "gate":
        return Suppress()
    return stricter(pack.treatment(row, "anonymous"), pack.treatment(row, "personal"))
