"""A hierarchy of one's own: a CSV file beside the pack says, value by value, how it is generalized.

One line a value: `value;level 1;level 2;…`, in UTF-8, each level coarser than the one before. The file is read with
the pack, so that a compiled pack needs it no more, and its digest is part of the pack's.
"""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, ValidationInfo, computed_field, model_validator

from governance.policy.frozen import FrozenDict
from governance.policy.parts import Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FOLDER = "folder"
_LARGEST = 8_000_000


class Hierarchy(Part):
    """Replace a value by what stands for it at a level of a hierarchy file; an unknown value by `other`.

    Attributes:
        file: a CSV file in the pack's folder or below it.
        level: 1 is the first column behind the value.
    """

    strictness: ClassVar[int] = 50
    do: Literal["hierarchy"] = "hierarchy"
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*\.csv$")]
    level: Annotated[int, Field(ge=1)]
    other: str = "*"

    _table: FrozenDict[str, str] = PrivateAttr(default_factory=FrozenDict)
    _digest: str = PrivateAttr(default="")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sha256(self) -> str:
        """Return the digest of what the file says."""
        return self._digest

    @property
    def table(self) -> Mapping[str, str]:
        """Return what stands for each value at the level."""
        return self._table

    @model_validator(mode="after")
    def _load(self, info: ValidationInfo) -> Self:
        folder = (info.context or {}).get(FOLDER)
        if folder is None:
            raise ValueError("a hierarchy is read with its pack: its file needs the pack's folder")
        lines = read_hierarchy(Path(folder) / self.file)
        if self.level >= len(lines[0]):
            raise ValueError(f"the file has {len(lines[0]) - 1} levels")
        self._table = FrozenDict({line[0]: line[self.level] for line in lines})
        self._digest = hashlib.sha256(json.dumps(lines, ensure_ascii=False).encode()).hexdigest()
        return self


def read_hierarchy(path: Path) -> tuple[tuple[str, ...], ...]:
    """Return the lines of a hierarchy file; ValueError, without a word of the file, if it is no hierarchy."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("the hierarchy file is too large: 8 MB are the most")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("the hierarchy file is not UTF-8") from None
    except OSError:
        raise ValueError("the hierarchy file cannot be opened: it lies beside the pack") from None
    try:
        read = csv.reader(text.splitlines(), delimiter=";", strict=True)
        lines = tuple(tuple(cell.strip() for cell in line) for line in read if line)
    except csv.Error:
        raise ValueError("the hierarchy file is not readable as CSV with semicolons") from None
    _check(lines)
    return lines


def _check(lines: Sequence[tuple[str, ...]]) -> None:
    if not lines or len(lines[0]) < len(("value", "level")):
        raise ValueError("the hierarchy file has no line `value;level 1`")
    for number, line in enumerate(lines, start=1):
        if len(line) != len(lines[0]):
            raise ValueError(f"line {number} of the hierarchy file has another number of levels than the first")
    if len({line[0] for line in lines}) != len(lines):
        raise ValueError("a value is there twice in the hierarchy file")
    for level in range(1, len(lines[0]) - 1):
        if not _coarser(lines, level):
            raise ValueError(f"level {level + 1} of the hierarchy file parts what level {level} holds together")


def _coarser(lines: Iterable[tuple[str, ...]], level: int) -> bool:
    above: dict[str, str] = {}
    return all(above.setdefault(line[level], line[level + 1]) == line[level + 1] for line in lines)
