"""Which rows of the lake still need the keys of an epoch: not due by the wall clock, or held by a case."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.keys import china_date
from governance.keys.epochs import half_of, half_year
from governance.policy import STREAMS, load_catalogue
from governance.policy.keyed import Encrypt, Keyed
from pipelines.settings import wall_clock
from pipelines.sweep_room import Room
from retention import holds as legal
from retention.stores.delta import open_table
from retention.sweeps import holds_at

if TYPE_CHECKING:
    from governance.policy import Catalogue
    from pipelines.settings import Settings
    from retention.datasets import Dataset

FORMATS = ("v1", "v1s")
_PLAIN = frozenset({"system", "event_type", "event_date", "policy", "due_date"})


def rows_under(settings: Settings, epoch: str) -> Counter[str]:
    """Count, by system, the rows of the personal tables that need a key of `epoch` and are not due, or are held.

    A row needs it if a column holds a token of the epoch, or if it lies in the half-year and a column was treated with
    a key without saying which (a shifted date, a stand-in): such a column cannot be told from one of a rotated key.

    Raises:
        EbbError: a table or the ledger cannot be read; then nothing may be destroyed.
    """
    room = Room(settings)
    found: Counter[str] = Counter()
    catalogue = load_catalogue(settings.packs)
    for stream in STREAMS:
        dataset = room.datasets.get(f"personal.{stream}")
        if dataset is not None:
            found += _rows_of(room, dataset, epoch, _unmarked(catalogue, stream))
    return found


def _rows_of(room: Room, dataset: Dataset, epoch: str, unmarked: frozenset[str]) -> Counter[str]:
    table = open_table(f"{room.settings.lake}/{dataset.table}")
    holds = legal.of_dataset(holds_at(room.ledger), dataset)
    today, half = china_date(wall_clock()), half_of(epoch)
    found: Counter[str] = Counter()
    for file in table.files():
        rows = table.rows_of(file)
        under = _carry_token(rows, epoch)
        if half_year(file.partition) == half:
            for name in unmarked & set(rows.column_names):
                under |= rows[name].is_valid().to_numpy()
        needed = ~_mask(pc.less_equal(rows["due_date"], pa.scalar(today)))
        held = legal.held(holds, dataset, rows, ("event_key",))
        if held is not None:
            needed |= held
        found.update(rows["system"].filter(pa.array(under & needed)).to_pylist())
    return found


def _carry_token(rows: pa.Table, epoch: str) -> np.ndarray:
    under = np.zeros(rows.num_rows, dtype=bool)
    for name in rows.column_names:
        if name not in _PLAIN and pa.types.is_string(rows[name].type):
            for version in FORMATS:
                under |= _mask(pc.starts_with(rows[name], f"{version}.{epoch}."))
            under |= _mask(pc.match_substring(rows[name], f"[{FORMATS[0]}.{epoch}."))  # tokens within texts
    return under


def _mask(column: pa.ChunkedArray) -> np.ndarray:
    mask: np.ndarray = column.fill_null(False).to_numpy()  # noqa: FBT003 - Arrow's signature
    return mask


def _unmarked(catalogue: Catalogue, stream: str) -> frozenset[str]:
    """Return the fields that some pack treats with a key whose epoch the result does not tell."""
    fields = [row.field for row in catalogue.stream_fields(stream)]
    treated = ((row.field, row.treatment("personal")) for row in catalogue.stream_fields(stream))
    own = ((name, pack.treatments[name]) for pack in catalogue.packs for name in fields if name in pack.treatments)
    return frozenset(name for name, how in (*treated, *own) if isinstance(how, Keyed) and not isinstance(how, Encrypt))
