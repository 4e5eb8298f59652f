"""What a sweep asks of a store. One behaviour suite (tests/conformance) runs on every implementation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    import pyarrow as pa

    from retention.datasets import Dataset
    from retention.window import Window

    Choose = Callable[[pa.Table], np.ndarray]
    """Rows → mask of those to remove or to anonymize; asked again with fresh rows right before the deed."""
    Treat = Callable[[pa.Table], pa.Table]
    """Rows → the same rows, anonymized."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Columns of a table by name, with their Arrow types, and the key that tells rows apart."""

    columns: Mapping[str, pa.DataType]
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A physical part of a table.

    Attributes:
        state: changes whenever the part's rows do; tells nothing of them.
    """

    name: str
    rows: int
    state: str


@dataclass(frozen=True, slots=True)
class Removal:
    """What one call of `edit` did: rows removed or anonymized, and rows of children that went with them."""

    rows: int = 0
    children: int = 0


@dataclass(frozen=True, slots=True)
class Purged:
    """How far deleted data is gone after `purge`.

    Attributes:
        physically: its bytes are out of the store's live files.
        history: older versions and logs of the store hold none of it either.
        notes: what the store cannot promise, in plain words.
    """

    physically: bool
    history: bool
    notes: tuple[str, ...] = ()


class Store(Protocol):
    """Tables of one kind in one place.

    Guarantees of every implementation:
        `edit` touches exactly the rows that `choose` masks, children before parents; killed at any point and called
        again it ends in the same state. No statement, log or statistic holds a row's value.
    """

    @property
    def place(self) -> str:
        """Where it is, without a password."""

    def tables(self) -> frozenset[str]:
        """Return the names of all tables."""

    def shape(self, table: str) -> Shape:
        """Return columns and key of a table; StoreError or LakeError if there is none."""

    @property
    def parted(self) -> bool:
        """Say whether tables have physical parts, without looking at one."""

    def parts(self, table: str) -> Mapping[str, Part] | None:
        """Return the table's physical parts by name, or None where a table is one piece."""

    def scan(
        self, dataset: Dataset, columns: Sequence[str], part: str | None = None, window: Window | None = None
    ) -> Iterator[pa.Table]:
        """Yield the rows of a table (or of a part) in bounded batches, those columns only.

        A store may leave out rows outside `window`, and need not.
        """

    def below(self, dataset: Dataset, rows: pa.Table) -> int:
        """Count the rows of children that would go with `rows` (which hold the key's columns)."""

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
        """Remove the chosen rows, or replace them by `treat`ed ones.

        Args:
            dataset: whose table.
            part: physical part; None for a table of one piece.
            columns: what `choose` looks at.
            choose: which rows.
            mark: names this deed; a store that can, records it with the deed, and does it once.
            treat: gets whole rows; None removes.
            window: outside it no row is chosen.
        """

    def purge(self, table: str, *, history: bool) -> Purged:
        """Make what was deleted unreadable: old versions, free pages, logs."""
