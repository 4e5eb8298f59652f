"""A sixth site, as an operator would write it: one pack and one row of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

INVENTORY = """\
rows:
  - field: shelf_number
    group: service_log
    class: N
    analytics: {do: keep, shape: code}
    export: no
    retention: LOG
    requirement: R-COMB-01
    reason: Which shelf of the shop was shown.
"""
PACK = """\
id: sixth_2024
system: sixth
title: A sixth site
operator: Sixth Ltd
source: {note: Written for a test.}
valid_from: 2024-01-01T00:00:00+08:00
names: [web_log, page_view, page_url, ip_address, shelf_number]
overrides:
  - field: ip_address
    treatment: {do: truncate_ip, v4: 8, v6: 24}
    reason: The site needs no more than the continent.
purposes: [statistics]
reply_deadline:
  {value: 10, unit: days, fallback: {value: 10, unit: days}, requirement: R-DEL-03, reason: As its policy says.}
export: {basis: domestic_only, certified_anonymous: true, requirement: R-EXP-01, reason: Nothing leaves.}
notice: {days: 7, channels: [page], requirement: R-POL-02, reason: As its policy says.}
contact: {channels: [e-mail], complaints: [e-mail], requirement: R-DEL-11, reason: As its policy says.}
assessment: {requirement: R-ADM-04, reason: None shows a high risk.}
"""


def write_sixth(folder: Path, pack: str = PACK, inventory: str | None = INVENTORY) -> Path:
    """Write the sixth site into `folder` and return the path of its pack."""
    path = folder / "sixth.yaml"
    path.write_text(pack, encoding="utf-8")
    if inventory is not None:
        (folder / "inventory.yaml").write_text(inventory, encoding="utf-8")
    return path
