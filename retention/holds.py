"""Legal holds: which rows a case keeps from deletion (R-RET-10). Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from retention.datasets import Dataset

Scope = Literal["dataset", "subject", "record"]


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold.

    Attributes:
        case: number of the case.
        dataset: id of a dataset; "*" for all of them.
        scope: all rows, rows of listed subjects, or listed records.
        values: subjects or keys, as text; empty for a whole dataset. Personal data: never printed or logged.
    """

    case: str
    dataset: str
    scope: Scope
    values: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"Hold({self.case}, {self.dataset}, {self.scope}, {len(self.values)} values)"


def of_dataset(holds: Iterable[Hold], dataset: Dataset) -> list[Hold]:
    """Return the holds that may touch a dataset."""
    return [hold for hold in holds if hold.dataset in {"*", dataset.id}]


def columns_for(holds: Sequence[Hold], dataset: Dataset, key: Sequence[str]) -> list[str]:
    """Return the columns that must be read to know what is held."""
    names: list[str] = []
    if any(hold.scope == "subject" for hold in holds) and dataset.subject:
        names.append(dataset.subject)
    if any(hold.scope == "record" for hold in holds):
        names += key
    return names


def held(holds: Sequence[Hold], dataset: Dataset, rows: pa.Table, key: Sequence[str]) -> np.ndarray | None:
    """Return the mask of rows that a hold lists; None when no hold touches the dataset.

    A subject hold on records without a subject column holds all of them: what cannot be told apart is kept. Copies
    without one, and rows about nobody, hold nobody whom it could list.
    """
    if not holds:
        return None
    mask = np.zeros(rows.num_rows, bool)
    for hold in holds:
        if hold.scope == "dataset":
            mask[:] = True
        elif hold.scope == "subject" and dataset.subject:
            mask |= _among(rows[dataset.subject], hold.values)
        elif hold.scope == "subject":
            mask |= dataset.role == "record" and dataset.personal
        else:
            mask |= _record_mask(rows, key, hold.values)
    return mask


def digest(holds: Iterable[Hold]) -> str:
    """Return a digest of a set of holds that tells nothing of whom they list."""
    lines = sorted(f"{h.case}\0{h.dataset}\0{h.scope}\0{len(h.values)}" for h in holds)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def key_text(values: Sequence[object]) -> str:
    """Return a record's key as `hold place` takes it: parts joined by a slash, bytes as hexadecimal."""
    return "/".join(value.hex() if isinstance(value, bytes) else str(value) for value in values)


def _among(column: pa.ChunkedArray, values: frozenset[str]) -> np.ndarray:
    if pa.types.is_binary(column.type) or pa.types.is_fixed_size_binary(column.type):
        return _by_text(column, values)
    wanted = pa.array(sorted(values), pa.string())
    result: np.ndarray = pc.is_in(pc.cast(column, pa.string()), value_set=wanted).to_numpy()
    return result.astype(bool)


def _by_text(column: pa.ChunkedArray, values: frozenset[str]) -> np.ndarray:
    return np.array([value is not None and value.hex() in values for value in column.to_pylist()], bool)


def _record_mask(rows: pa.Table, key: Sequence[str], values: frozenset[str]) -> np.ndarray:
    if len(key) == 1:
        return _among(rows[key[0]], values)
    columns = [rows[name].to_pylist() for name in key]
    return np.array([key_text(parts) in values for parts in zip(*columns, strict=True)], bool)
