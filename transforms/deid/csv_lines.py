"""Delimited text (CSV) by a mapping that lists its columns: one line one event, columns at a time.

A line is read by itself, so that a stray quote spoils one record and not its neighbours; cells with a line end inside
are therefore malformed. An empty cell is an absent value.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from governance.errors import UsageError
from transforms.deid import instants
from transforms.deid.contract import MAX_LINE, MAX_TEXT
from transforms.deid.native import FLAGS
from transforms.deid.parsed import Parsed, Refusal

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from transforms.deid.contract import Contract
    from transforms.deid.lenient import Drop, Lenient
    from transforms.deid.mapping import FormatMapping

_ARROW = {"text": pa.string(), "int64": pa.int64(), "int16": pa.int16(), "bool": pa.bool_()}
_BITS = {"int16": 15, "int64": 63}
_BOM = "\ufeff"
Cells = list[str]


def parse_csv(
    mapping: FormatMapping,
    lenient: Lenient,
    lines: Sequence[bytes],
    *,
    systems: Sequence[str | None],
    first_of_file: int | None,
    contract: Contract,
) -> Parsed:
    """Return the events of delimited lines.

    Args:
        mapping: the format; it lists its columns.
        lenient: judges lines that cannot be read, and names of columns.
        lines: lines without ends, none of them blank.
        systems: per line, its owner if the mapping names none.
        first_of_file: number of the line with which a file begins, if it is among them.
        contract: types of the stream's fields.

    Raises:
        UsageError: a file begins with another header, so that its cells would land under wrong names.
    """
    reader = _Reader(mapping, lenient, contract)
    parsed = Parsed({}, [], refused=[])
    kept: list[Cells] = []
    index: list[int] = []
    for number, line in enumerate(lines):
        cells = reader.cells(line)
        if cells == reader.header:
            parsed.headers += 1
        elif number == first_of_file:
            raise UsageError(f"the file's first line is not the header that the mapping {mapping.name} lists")
        elif isinstance(cells, Refusal):
            parsed.refused.append((number, cells))
        elif wrong := reader.wrong(cells, mapping.system or systems[number], len(line)):
            parsed.refused.append((number, wrong))
        else:
            cleaned = reader.clean(cells, parsed.drops)
            if cleaned is not None:
                parsed.cleaned[number] = cleaned
            index.append(number)
            kept.append(cells)
    parsed.index = index
    parsed.columns, parsed.ids = reader.columns(kept, [mapping.system or systems[number] for number in index])
    return parsed


class _Reader:
    def __init__(self, mapping: FormatMapping, lenient: Lenient, contract: Contract) -> None:
        self._mapping = mapping
        self._lenient = lenient
        self._rows = contract.rows
        self.header = list(mapping.columns)
        at = {f"/{name.replace('~', '~0').replace('/', '~1')}": place for place, name in enumerate(mapping.columns)}
        self._subject = {kind: at[pointer] for kind, pointer in mapping.subject.items()}
        self._fields = {name: at[pointer] for name, pointer in mapping.fields.items()}
        self._time = at.get(mapping.event_time)
        self._id = at.get(mapping.event_id or "")
        self._paths = {f"fields.{name}": place for name, place in self._fields.items()}
        self._paths |= {f"subject.{kind}": place for kind, place in self._subject.items()}
        own = (("event_time", self._time), ("event_id", self._id))
        self._paths |= {name: place for name, place in own if place is not None}
        used = {*self._subject.values(), *self._fields.values(), self._time, self._id}
        unused = {place: name for place, name in enumerate(mapping.columns) if place not in used}
        # Prohibited names are not taken even where the mapping names them (R-PURP-07, R-PURP-08).
        found = {place: lenient.prohibited_name(name) for place, name in enumerate(mapping.columns)}
        self._prohibited: dict[int, Drop] = {place: drop for place, drop in found.items() if drop}
        self._unused = [place for place in unused if place not in self._prohibited]
        self._tainted = lenient.personal_names(unused.values())

    def cells(self, line: bytes) -> Cells | Refusal:
        """Return the cells of a line, or why it has none."""
        if len(line) > MAX_LINE:
            return self._lenient.unparsed(line)
        try:
            text = line.decode().removeprefix(_BOM)
            quoted = '"' in text
            cells = next(csv.reader([text], delimiter=self._mapping.delimiter, strict=True)) if quoted else None
        except (UnicodeDecodeError, csv.Error):
            return self._lenient.unparsed(line)
        found = text.split(self._mapping.delimiter) if cells is None else cells
        return found if len(found) == len(self.header) else self._lenient.unparsed(line)

    def wrong(self, cells: Cells, system: str | None, length: int) -> Refusal | None:
        """Return why a record does not pass."""
        for place, (code, path) in self._prohibited.items():
            if cells[place] and not self._lenient.keeps_records:
                return Refusal(code, path, destroy=True)
        hidden = any(cells[place] for place in self._prohibited)
        if system is None:
            return Refusal("SCHEMA_MISSING", "system", destroy=hidden)
        refused = self._misfit(cells, length)
        if refused is None:
            return None
        subject = next(((kind, cells[place]) for kind, place in self._subject.items() if cells[place]), None)
        return Refusal(*refused, destroy=hidden, system=system, subject=subject)

    def _misfit(self, cells: Cells, length: int) -> Drop | None:
        if length > MAX_TEXT:
            for path, place in self._paths.items():
                if len(cells[place].encode()) > MAX_TEXT:
                    return "TOO_LARGE", path
        if self._time is not None:
            if not cells[self._time]:
                return "SCHEMA_MISSING", "event_time"
            read = instants.parse(self._instant(cells[self._time]))
            if isinstance(read, str):
                return read, "event_time"
        for name, place in self._fields.items():
            if self._rows[name].type != "text" and cells[place] and self._number(name, cells[place]) is None:
                return "SCHEMA_TYPE", f"fields.{name}"
        return None

    def clean(self, cells: Cells, drops: Counter[Drop]) -> bytes | None:
        """Count what is left out; return the line anew if something prohibited was taken out of it."""
        for place in self._unused:
            if cells[place]:
                drops["SCHEMA_UNKNOWN_FIELD", "?"] += 1
        hidden = [place for place in self._prohibited if cells[place]]
        for place in hidden:
            drops[self._prohibited[place]] += 1
            cells[place] = ""
        if not hidden:
            return None
        line = io.StringIO()
        csv.writer(line, delimiter=self._mapping.delimiter, lineterminator="").writerow(cells)
        return line.getvalue().encode()

    def columns(
        self, rows: Sequence[Cells], systems: Sequence[str | None]
    ) -> tuple[dict[str, pa.Array], Sequence[str | None] | None]:
        """Return the columns of the records that pass, and their ids if the mapping names any."""
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self.header)
        times = [self._mapping.event_time] * len(rows) if self._time is None else columns[self._time]
        given: dict[str, pa.Array] = {
            "system": pa.array(systems, pa.string()),
            "event_type": pa.repeat(pa.scalar(self._mapping.event_type), len(rows)),
            "event_time": instants.parse_all([self._instant(one) for one in times])[0],
        }
        for kind, place in self._subject.items():
            given[f"subject.{kind}"] = pa.array([cell or None for cell in columns[place]], pa.string())
        for name, place in self._fields.items():
            given[name] = self._field(name, columns[place])
        for name, value in self._mapping.meta.items():
            constant = bool(value) if name in FLAGS else value
            given[f"meta.{name}"] = pa.repeat(pa.scalar(constant), len(rows))
        if self._tainted:
            given["tainted"] = pa.repeat(pa.scalar(value=True), len(rows))
        ids = None if self._id is None else [cell or None for cell in columns[self._id]]
        return {name: column for name, column in given.items() if column.null_count < len(column) or not rows}, ids

    def _field(self, name: str, cells: Sequence[str]) -> pa.Array:
        kind = _ARROW[self._rows[name].type]
        if name in self._mapping.times:
            return pa.array([self._instant(cell) if cell else None for cell in cells], kind)
        if kind == pa.string():
            return pa.array([cell or None for cell in cells], kind)
        return pa.array([self._number(name, cell) if cell else None for cell in cells], kind)

    def _number(self, name: str, cell: str) -> Any:
        kind = self._rows[name].type
        if kind == "bool":
            return {"true": True, "false": False}.get(cell.casefold())
        value = self._lenient.coerced("fields", name, cell)
        return value if isinstance(value, int) and -(2 ** _BITS[kind]) <= value < 2 ** _BITS[kind] else None

    def _instant(self, text: str) -> str:
        return text if self._mapping.zone is None else instants.with_zone(text, self._mapping.zone)
