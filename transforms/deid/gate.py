"""What the event itself says of its subject's wishes, and whether it may take the personal path.

The ledger of consents is not there yet: until then a marker of minority always means that consent is too weak, and
authorization is what the operator declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from transforms.deid.classify import citation, remove
from transforms.deid.columns import encode
from transforms.deid.rejects import drop, reject

if TYPE_CHECKING:
    import numpy.typing as npt

    from governance.policy import Catalogue
    from transforms.deid.events import Batch

    Mask = npt.NDArray[np.bool_]

STAGE = "gate"
TRACKING = frozenset({"beacon_hit", "pixel_hit", "email_open", "email_link_click"})
_REFUSALS = frozenset({"rejected", "refused", "denied", "declined", "withdrawn"})
_STABLE = frozenset({"cookie", "device", "mac", "follow_up"})


@dataclass(frozen=True, slots=True)
class Authorization:
    """Who declares that subjects have authorized the personal path.

    Attributes:
        kind: `none`, or `operator` who declares it for the accounts of `systems`.
        systems: the systems it is declared for.
    """

    kind: Literal["none", "operator"] = "none"
    systems: frozenset[str] = frozenset()

    def covers(self, system: str) -> bool:
        """Say whether the subjects of `system` have authorized the personal path."""
        return self.kind == "operator" and system in self.systems


def gate(batch: Batch, authorization: Authorization, catalogue: Catalogue) -> Batch:
    """Obey the signals of `meta` and add the column `authorized`: the row takes the personal path.

    Args:
        batch: as classified; changed in place.
        authorization: the operator's declaration.
        catalogue: says which fields are cookies or name a device.
    """
    signal = _flag(batch, "dnt") | _flag(batch, "gpc")
    if signal.any():
        drop(batch, signal & _is_one_of(batch, "event_type", TRACKING), "SIGNAL_OPT_OUT")
    # Guardian consent cannot be known yet, so any marker of minority quarantines (R-MINOR-02, R-MINOR-06).
    minor = _flag(batch, "minor_marker")
    reject(batch, minor, STAGE, "CONSENT_TOO_WEAK", "meta.minor_marker", policy=citation(batch))
    third_party = _is_one_of(batch, "meta.source", {"third_party"})
    unproven = third_party & ~_flag(batch, "provenance")
    reject(batch, unproven, STAGE, "PROVENANCE_MISSING", "meta.provenance", policy=citation(batch))
    opted_out = _flag(batch, "dnt") | _flag(batch, "gpc") | _is_one_of(batch, "meta.cookie_consent", _REFUSALS)
    if opted_out.any():
        _forget_devices(batch, opted_out, catalogue)
    authorized = _covered(batch, authorization) & ~opted_out
    if authorized.any():
        authorized &= batch.table["personal"].to_numpy()
    batch.table = batch.table.append_column("authorized", pa.array(authorized))
    return batch


def _forget_devices(batch: Batch, opted_out: Mask, catalogue: Catalogue) -> None:
    """Remove cookies and stable ids of those who rejected them (R-COOK-01, R-COOK-03)."""
    for name in batch.table.column_names:
        row = catalogue.inventory.get(name)
        if row is not None and not row.envelope and (row.group == "cookie" or row.token_kind in _STABLE):
            remove(batch, name, opted_out, "SIGNAL_OPT_OUT", f"fields.{name}")
        elif name in ("subject.cookie", "subject.device"):
            remove(batch, name, opted_out, "SIGNAL_OPT_OUT", name)


def _covered(batch: Batch, authorization: Authorization) -> Mask:
    systems = encode(batch.table["system"])
    covered = [authorization.covers(system) for system in systems.values.to_pylist()]
    return np.array(covered, dtype=bool)[systems.codes]


def _flag(batch: Batch, name: str) -> Mask:
    """Return where a flag of `meta` is true."""
    column = f"meta.{name}"
    if column not in batch.table.column_names:
        return np.zeros(batch.table.num_rows, dtype=bool)
    return batch.table[column].fill_null(False).to_numpy()  # noqa: FBT003 (Arrow's signature)


def _is_one_of(batch: Batch, column: str, words: frozenset[str] | set[str]) -> Mask:
    """Return where a text is one of `words`, whatever its case and separators."""
    if column not in batch.table.column_names:
        return np.zeros(batch.table.num_rows, dtype=bool)
    encoded = encode(batch.table[column])
    hits = [text.strip().casefold().replace("-", "_").replace(" ", "_") in words for text in encoded.values.to_pylist()]
    # Code -1 is null, and reads the spare place at the end.
    return np.array([*hits, False], dtype=bool)[encoded.codes]
