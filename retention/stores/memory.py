"""Tables in memory: the smallest store, for trying rules out and for tests of what uses stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.errors import StoreError
from retention.stores.base import Part, Purged, Removal, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from retention.datasets import Child, Dataset
    from retention.stores.base import Choose, Treat
    from retention.window import Window


class MemoryStore:
    """A store of Arrow tables by name; the first column is the key unless `keys` names others."""

    place = "memory"

    def __init__(self, tables: Mapping[str, pa.Table], keys: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.rows = dict(tables)
        self._keys = dict(keys or {})

    def tables(self) -> frozenset[str]:
        """Return the names of all tables."""
        return frozenset(self.rows)

    def shape(self, table: str) -> Shape:
        """Return columns and key of a table."""
        rows = self._table(table)
        return Shape(dict(zip(rows.column_names, rows.schema.types, strict=True)), self._key(table))

    @property
    def parted(self) -> bool:
        """Return False."""
        return False

    def parts(self, table: str) -> Mapping[str, Part] | None:
        """Return None: a table is one piece."""
        return None

    def scan(
        self, dataset: Dataset, columns: Sequence[str], part: str | None = None, window: Window | None = None
    ) -> Iterator[pa.Table]:
        """Yield the table as one batch."""
        yield self._table(dataset.table).select(list(columns))

    def below(self, dataset: Dataset, rows: pa.Table) -> int:
        """Count the rows of children."""
        return sum(self._count(child, self._whole(dataset.table, rows), dataset.table) for child in dataset.children)

    def edit(
        self,
        dataset: Dataset,
        part: str | None,
        columns: Sequence[str],
        choose: Choose,
        *,
        mark: str,
        treat: Treat | None = None,
        window: Window | None = None,
    ) -> Removal:
        """Remove or replace the chosen rows."""
        rows = self._table(dataset.table)
        mask = choose(rows.select(list(columns)))
        gone = rows.filter(pa.array(mask))
        children = sum(self._remove(child, gone, dataset.table) for child in dataset.children)
        stay = rows.filter(pa.array(~mask))
        self.rows[dataset.table] = stay if treat is None else pa.concat_tables([stay, treat(gone)])
        return Removal(int(np.count_nonzero(mask)), children)

    def purge(self, table: str, *, history: bool) -> Purged:
        """Nothing is kept besides the rows."""
        return Purged(physically=True, history=True)

    def _remove(self, child: Child, parents: pa.Table, parent: str) -> int:
        rows, mask = self._children(child, parents, parent)
        below = sum(self._remove(grandchild, rows.filter(mask), child.table) for grandchild in child.children)
        self.rows[child.table] = rows.filter(pc.invert(mask))
        return below + int(pc.sum(mask).as_py() or 0)

    def _count(self, child: Child, parents: pa.Table, parent: str) -> int:
        rows, mask = self._children(child, parents, parent)
        found = rows.filter(mask)
        below = sum(self._count(grandchild, found, child.table) for grandchild in child.children)
        return int(found.num_rows) + below

    def _children(self, child: Child, parents: pa.Table, parent: str) -> tuple[pa.Table, pa.Array]:
        rows = self._table(child.table)
        wanted: pa.Array = parents[child.references or self._key(parent)[0]].combine_chunks()
        return rows, pc.is_in(rows[child.column], value_set=wanted)

    def _whole(self, table: str, rows: pa.Table) -> pa.Table:
        key = self._key(table)[0]
        mine = self._table(table)
        return mine.filter(pc.is_in(mine[key], value_set=rows[key].combine_chunks()))

    def _key(self, table: str) -> tuple[str, ...]:
        return self._keys.get(table) or (self._table(table).column_names[0],)

    def _table(self, name: str) -> pa.Table:
        if name not in self.rows:
            raise StoreError(f"there is no table {name} in memory")
        return self.rows[name]
