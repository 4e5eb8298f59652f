"""Legal holds: which rows a case keeps from deletion (R-RET-10). Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from retention.datasets import Dataset

Scope = Literal["dataset", "subject", "record"]

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_BOOLEANS = MappingProxyType({"true": True, "1": True, "false": False, "0": False})


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
            mask |= _listed(hold, dataset, rows, [dataset.subject])
        elif hold.scope == "subject":
            mask |= dataset.role == "record" and dataset.personal
        else:
            mask |= _listed(hold, dataset, rows, key)
    return mask


def digest(holds: Iterable[Hold]) -> str:
    """Return a digest of a set of holds that tells nothing of whom they list."""
    lines = sorted(f"{h.case}\0{h.dataset}\0{h.scope}\0{len(h.values)}" for h in holds)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def key_text(values: Sequence[object]) -> str:
    """Return a record's key as `hold place` takes it: parts joined by a slash, bytes as hexadecimal."""
    return "/".join(plain_text(value) for value in values)


def plain_text(value: object) -> str:
    """Return a value as text: bytes as hexadecimal, numbers without exponent and without noughts after the point."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | Decimal) and (number := Decimal(str(value))).is_finite():
        return f"{number:f}".rstrip("0").rstrip(".") if "." in f"{number:f}" else f"{number:f}"
    return str(value)


def among(column: pa.ChunkedArray, values: frozenset[str]) -> np.ndarray:
    """Mask the values of a column that are listed, compared in the column's own type; null is never listed."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    wanted, _ = of_type(values, column.type)
    if pa.types.is_null(column.type):
        return np.zeros(len(column), bool)
    if not wanted.type.equals(column.type):
        column = pc.cast(column, wanted.type)
    result: np.ndarray = pc.is_in(column, value_set=wanted).to_numpy()
    return result.astype(bool)


@lru_cache(maxsize=256)
def of_type(values: frozenset[str], kind: pa.DataType) -> tuple[pa.Array, int]:
    """Return listed values in a column's type, and the number of those that cannot be of it.

    Numbers are equal whatever noughts follow the point, bytes and UUIDs whatever the case of their letters.
    """
    own, parse = _parser(kind)
    found: set[Any] = set()
    wrong = 0
    for value in values:
        try:
            found.update(parse(value))
        except (ValueError, KeyError, pa.ArrowInvalid):
            wrong += 1
    return pa.array(list(found), own), wrong


def _parser(kind: pa.DataType) -> tuple[pa.DataType, Callable[[str], Iterable[Any]]]:
    if pa.types.is_null(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.string(), _texts
    if pa.types.is_boolean(kind):
        return kind, lambda value: [_BOOLEANS[value.lower()]]
    if _is_bytes(kind):
        return pa.binary(), lambda value: [bytes.fromhex(value)]
    if pa.types.is_decimal(kind):
        return kind, lambda value: _decimals(_number(value), kind)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return kind, lambda value: pa.array([plain_text(_number(value))]).cast(kind).to_pylist()
    return kind, lambda value: pa.array([value]).cast(kind).to_pylist()


def _texts(value: str) -> list[str]:
    """Return what a listed text stands for: a column of text may hold numbers and UUIDs, as databases write them."""
    other = plain_text(Decimal(value)) if _NUMBER.fullmatch(value) else value
    return [value, value.lower() if _UUID.fullmatch(value) else other]


def _number(value: str) -> Decimal:
    if not _NUMBER.fullmatch(value):
        raise ValueError("not a number")
    return Decimal(value)


def _decimals(number: Decimal, kind: pa.DataType) -> list[Decimal]:
    """Return a number if it is of the scale; of a finer one it is a number still, and equal to none of the column."""
    try:
        return [value for value in pa.array([number]).cast(kind).to_pylist() if value is not None]
    except pa.ArrowInvalid:
        return []


def _listed(hold: Hold, dataset: Dataset, rows: pa.Table, names: Sequence[str]) -> np.ndarray:
    """Mask the rows that a hold lists by columns.

    Raises:
        RefusedError: it lists for this dataset alone what the column cannot hold, and so would hold nothing.
    """
    if len(names) == 1:
        column = rows[names[0]]
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        # What a case lists for every dataset may be of another one's type.
        if hold.dataset != "*" and of_type(hold.values, kind)[1]:
            raise RefusedError(
                f"{dataset.id}: case {hold.case} lists what the column {names[0]}, of type {kind}, cannot hold: "
                "release it, and list values as that column has them"
            )
        return among(column, hold.values)
    texts = [[plain_text(value) for value in rows[name].to_pylist()] for name in names]
    wanted = _composites(hold.values, tuple(_is_bytes(rows.schema.field(name).type) for name in names))
    return np.array(["/".join(parts) in wanted for parts in zip(*texts, strict=True)], bool)


@lru_cache(maxsize=16)
def _composites(values: frozenset[str], bytes_at: tuple[bool, ...]) -> frozenset[str]:
    """Return keys of several columns as listed, and with each part as `plain_text` writes it."""
    found = set(values)
    for parts in (value.split("/") for value in values):
        if len(parts) == len(bytes_at):
            pairs = zip(parts, bytes_at, strict=True)
            found.add("/".join(part.lower() if is_bytes else _texts(part)[-1] for part, is_bytes in pairs))
    return frozenset(found)


def _is_bytes(kind: pa.DataType) -> bool:
    return any((pa.types.is_binary(kind), pa.types.is_large_binary(kind), pa.types.is_fixed_size_binary(kind)))
