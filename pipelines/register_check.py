"""Compare the register with what is really in the stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from governance.errors import EbbError, RefusedError
from governance.policy import load_catalogue
from pipelines.lake_datasets import LAKE, existing
from pipelines.ledger_dataset import STORE, is_made
from pipelines.treating import treatments_of
from retention.judging import wrong_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.sweep_room import Room
    from retention.datasets import Child, Dataset
    from retention.stores.base import Shape, Store

_PLAIN = frozenset({"N"})


def problems_of(room: Room) -> list[str]:
    """Return a sentence for each thing that is not as registered; empty if all is well."""
    lines: list[str] = []
    for spec in room.register.stores:
        mine = [dataset for dataset in room.datasets.values() if dataset.store == spec.id]
        if spec.id == LAKE and not existing(room.settings.lake):
            continue
        if spec.id == STORE and not is_made(room.settings):
            continue
        try:
            store = room.store(spec.id)
            there = store.tables()
            for dataset in mine:
                lines += [f"{dataset.id}: {line}" for line in _of_dataset(dataset, store, there)]
        except EbbError as problem:
            lines.append(f"{spec.id}: {problem}")
            continue
        if spec.id == STORE:  # its database may hold what is not ebb's
            continue
        known = {name for dataset in mine for name in dataset.tables} | set(spec.ignore)
        lines += [
            f"{spec.id}: RET_NO_CLASS the table {name} is in no dataset: register it" for name in sorted(there - known)
        ]
    sensitive = {
        name for name, row in load_catalogue(room.settings.packs).inventory.items() if row.sensitivity not in _PLAIN
    }
    for dataset in room.datasets.values():
        kept = dataset.anonymize.keep if dataset.anonymize else ()
        lines += [
            f"{dataset.id}: `keep` names {name}, which the inventory does not call harmless: treat it (R-RET-08)"
            for name in kept
            if name in sensitive
        ]
    return lines


def absent_columns(dataset: Dataset, shape: Shape) -> list[str]:
    """Return the columns that a register names and the table does not have."""
    named = [*dataset.clock.named, *dataset.key]
    single = (dataset.subject, dataset.month, dataset.event, dataset.systems)
    named += [name for name in (*single, dataset.open.column if dataset.open else None) if name]
    named += dataset.searches
    if dataset.anonymize is not None:
        named += [*dataset.anonymize.treatments, *dataset.anonymize.keep]
    return [name for name in dict.fromkeys(named) if name not in shape.columns]


def uncovered_columns(dataset: Dataset, shape: Shape) -> list[str]:
    """Return the columns of which an anonymizing dataset does not say whether they are treated or kept (R-RET-08)."""
    if dataset.anonymize is None:
        return []
    covered = {*dataset.anonymize.treatments, *dataset.anonymize.keep, *dataset.clock.named, *shape.key}
    return sorted(set(shape.columns) - covered - {dataset.open.column if dataset.open else ""})


def _listed_in_no_text(dataset: Dataset, shape: Shape) -> list[str]:
    treated = dataset.anonymize.treatments if dataset.anonymize else ()
    return [
        name
        for name in treated
        if dataset.anonymize is not None and dataset.anonymize.left(name) and not _is_text(shape.columns.get(name))
    ]


def _is_text(kind: pa.DataType | None) -> bool:
    return kind is None or bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def require_columns(dataset: Dataset, shape: Shape) -> None:
    """Refuse to sweep a table that has not the columns which the register names, or, anonymized, cannot be anonymous.

    Raises:
        RefusedError: names the first of them.
    """
    if absent := absent_columns(dataset, shape):
        raise RefusedError(f"{dataset.id}: the table has no column {absent[0]}: `ebb datasets check` says more")
    if uncovered := uncovered_columns(dataset, shape):
        raise RefusedError(
            f"{dataset.id}: nothing says what becomes of the column {uncovered[0]}, so that no row would be anonymous: "
            "name it in treatments or in keep (R-RET-08)"
        )
    if numbers := _listed_in_no_text(dataset, shape):
        raise RefusedError(
            f"{dataset.id}: the column {numbers[0]} is no text, which alone keep and categorize can write: suppress it"
        )


def _of_dataset(dataset: Dataset, store: Store, there: frozenset[str]) -> Iterator[str]:
    if dataset.table not in there:
        yield f"there is no table {dataset.table}"
        return
    shape = store.shape(dataset.table)
    if dataset.anonymize is not None:
        treatments_of(dataset)
    for name in absent_columns(dataset, shape):
        yield f"the table {dataset.table} has no column {name}"
    yield from _clock_types(dataset, shape)
    if dataset.open is not None and dataset.open.column in shape.columns:
        wrong = wrong_state(dataset.open, shape.columns[dataset.open.column])
        yield from [wrong] if wrong else []
    if not (dataset.key or shape.key):
        yield f"the table {dataset.table} has no primary key: name unique columns as `key`"
    for name in uncovered_columns(dataset, shape):
        yield f"nothing says what becomes of the column {name}: name it in treatments or in keep"
    for name in _listed_in_no_text(dataset, shape):
        yield f"the column {name} is no text, which alone keep and categorize can write: suppress it"
    for child in dataset.children:
        yield from _of_child(child, store, there)


def _clock_types(dataset: Dataset, shape: Shape) -> Iterator[str]:
    for name in dataset.clock.named:
        kind = shape.columns.get(name)
        time = kind is None or pa.types.is_temporal(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
        counted = kind is not None and pa.types.is_integer(kind) and dataset.clock.unit is not None
        if not time and not counted:
            yield f"the clock {name} is of type {kind}, which is no time: name another column, or clock.unit"


def _of_child(child: Child, store: Store, there: frozenset[str]) -> Iterator[str]:
    if child.table not in there:
        yield f"there is no table {child.table} among the children"
        return
    if child.column not in store.shape(child.table).columns:
        yield f"the child {child.table} has no column {child.column}"
    for below in child.children:
        yield from _of_child(below, store, there)
