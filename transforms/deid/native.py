"""The native format: one envelope a line, decoded by a strict struct into Arrow columns.

A stream knows some seventy fields and an event carries a handful. So the decoder learns which names occur and uses a
struct of those; when one more occurs, the lines are read again with the struct of all names, and it is learned.
"""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from transforms.deid import instants
from transforms.deid.contract import MAX_LINE, MAX_TEXT
from transforms.deid.lenient import Kept, Lenient, oversized
from transforms.deid.parsed import Parsed, Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from transforms.deid.contract import Contract

_ARROW = {"text": pa.string(), "int64": pa.int64(), "int16": pa.int16(), "bool": pa.bool_()}
FLAGS = frozenset({"dnt", "gpc", "minor_marker", "user_initiated", "third_party_authorized", "provenance"})
_MALFORMED = (msgspec.MsgspecError, UnicodeDecodeError)
_UNKNOWN = "Object contains unknown field"


class _NewNameError(Exception):
    """An event carries a name that the narrow struct does not know yet; it is the argument."""


class NativeParser:
    """Decodes lines of envelopes; learns which names occur."""

    def __init__(self, contract: Contract, lenient: Lenient) -> None:
        self._contract = contract
        self._lenient = lenient
        self._all = {section: tuple(contract.names(section)) for section in contract.sections}
        self._seen: dict[str, set[str]] = {section: set() for section in contract.sections}
        self._wide = _Shape(contract, self._all)
        self._narrow: _Shape | None = None

    def __call__(self, lines: Sequence[bytes], now: datetime) -> Parsed:
        """Return the events of `lines`, none of which is blank."""
        looked: dict[int, Kept | Refusal] = {}
        if self._narrow is not None:
            try:
                return self._parse(lines, now, self._narrow, looked)
            except _NewNameError as error:
                self._learn_from(error.args[0])
        parsed = self._parse(lines, now, self._wide, looked)
        self._learn(parsed)
        return parsed

    def records(self, records: Sequence[Kept | Refusal]) -> Parsed:
        """Return the events of records that another format has brought into the envelope."""
        kept = {number: one for number, one in enumerate(records) if isinstance(one, Kept)}
        events = [msgspec.convert(one.event, self._wide.struct) if isinstance(one, Kept) else one for one in records]
        return _finish(events, kept, self._wide)

    def _parse(self, lines: Sequence[bytes], now: datetime, shape: _Shape, looked: dict[int, Kept | Refusal]) -> Parsed:
        decode = shape.decoder.decode
        events: list[Any] = []
        rest = iter(lines)
        while True:
            try:
                # On an error the list keeps what came before it, and `rest` goes on behind the bad line.
                events.extend(map(decode, rest))
                break
            except _MALFORMED as error:
                number = len(events)
                if shape is not self._wide and str(error).startswith(_UNKNOWN):
                    self._look_wider(lines[number])
                events.append(self._second(lines[number], now, shape, number, looked))
        for number, line in enumerate(lines):
            if len(line) > MAX_TEXT and not isinstance(events[number], Refusal):
                events[number] = self._bounded(line, events[number])
        kept = {number: one for number, one in looked.items() if isinstance(one, Kept)}
        return _finish(events, kept, shape)

    def _look_wider(self, line: bytes) -> None:
        """Raise _NewNameError if nothing is wrong with a line but that it carries a name not seen before."""
        try:
            self._wide.decoder.decode(line)
        except _MALFORMED:
            return
        raise _NewNameError(msgspec.json.decode(line))

    def _second(self, line: bytes, now: datetime, shape: _Shape, number: int, looked: dict[int, Kept | Refusal]) -> Any:
        if number not in looked:
            looked[number] = self._lenient(line, now)
        found = looked[number]
        if isinstance(found, Refusal):
            return found
        try:
            return msgspec.convert(found.event, shape.struct)
        except msgspec.ValidationError:
            raise _NewNameError(found.event) from None

    def _bounded(self, line: bytes, event: Any) -> Any:
        if len(line) > MAX_LINE:
            return Refusal("TOO_LARGE", "$", destroy=True)
        path = oversized(msgspec.to_builtins(event))
        return event if path is None else _refuse(event, "TOO_LARGE", path)

    def _learn_from(self, event: Mapping[str, Any]) -> None:
        # Names that are there with a null for value make no column, and would be new in every batch.
        for section, names in self._seen.items():
            names.update(set(event.get(section) or ()) & set(self._all[section]))

    def _learn(self, parsed: Parsed) -> None:
        for name in parsed.columns:
            section, dot, inner = name.partition(".")
            if dot:
                self._seen[section].add(inner)
            elif name in self._contract.rows:
                self._seen["fields"].add(name)
        self._narrow = _Shape(self._contract, self._seen)


class _Shape:
    """A struct of the envelope that knows some names, and its decoder."""

    def __init__(self, contract: Contract, names: Mapping[str, Collection[str]]) -> None:
        self.names = {section: [n for n in contract.names(section) if n in names[section]] for section in names}
        self.struct = contract.struct(self.names)
        self.decoder = msgspec.json.Decoder(self.struct)
        self.empty = {section: SimpleNamespace(**dict.fromkeys(found)) for section, found in self.names.items()}
        self.types = {name: _ARROW[row.type] for name, row in contract.rows.items()}

    def values(self, events: Sequence[Any]) -> dict[str, dict[str, Sequence[Any]]]:
        """Return the values of every name, by section; the envelope's own under the section ``."""
        found = {"": _transposed(events, self.struct.__struct_fields__)}
        for section, names in self.names.items():
            given = found[""].pop(section)
            if None in given:
                nothing = self.empty[section]
                given = [nothing if one is None else one for one in given]
            found[section] = _transposed(given, names)
        return found


def _transposed(structs: Sequence[Any], names: Sequence[str]) -> dict[str, Sequence[Any]]:
    # One pass a name over the structs is twice as fast as zipping tuples: twenty thousand iterators thrash the cache.
    return {name: list(map(attrgetter(name), structs)) for name in names}


def _finish(events: Sequence[Any], kept: Mapping[int, Kept], shape: _Shape) -> Parsed:
    """Return the columns of what passes; event times are read here, so that a few more may not."""
    refused = [(number, one) for number, one in enumerate(events) if type(one) is Refusal]
    index: Sequence[int] = range(len(events))
    if refused:
        index = [number for number, one in enumerate(events) if type(one) is not Refusal]
        events = [events[number] for number in index]
    instants_, bad = instants.parse_all([event.event_time for event in events])
    if bad:
        refused += [(index[row], _refuse(events[row], code, "event_time")) for row, code in bad.items()]
        passing = [row for row in range(len(events)) if row not in bad]
        index, events = [index[row] for row in passing], [events[row] for row in passing]
        instants_ = instants_.drop_null()
    values = shape.values(events)
    own = values.pop("")
    columns: dict[str, pa.Array] = {
        "system": pa.array(own["system"], pa.string()),
        "event_type": pa.array(own["event_type"], pa.string()),
        "event_time": instants_,
    }
    for section, names in values.items():
        for name, given in names.items():
            column = _column(given, pa.string() if section != "fields" else shape.types[name], name)
            if column.null_count < len(column):
                columns[name if section == "fields" else f"{section}.{name}"] = column
    tainted = [kept[number].tainted if number in kept else False for number in index] if kept else None
    if tainted and any(tainted):
        columns["tainted"] = pa.array(tainted, pa.bool_())
    drops = Counter(drop for number in index if number in kept for drop in kept[number].drops) if kept else Counter()
    cleaned = {number: msgspec.json.encode(one.event) for number, one in kept.items() if one.destroyed}
    return Parsed(columns, index, own["event_id"], refused, drops, cleaned)


def _column(values: Sequence[Any], kind: pa.DataType, name: str) -> pa.Array:
    if name == "provenance":
        values, kind = [one if one is None else one.complete for one in values], pa.bool_()
    elif name in FLAGS:
        values, kind = [one if one is None else bool(one) for one in values], pa.bool_()
    return pa.array(values, kind)


def _refuse(event: Any, code: str, path: str) -> Refusal:
    subject = None
    if event.subject is not None:
        pairs = zip(event.subject.__struct_fields__, msgspec.structs.astuple(event.subject), strict=True)
        subject = next(((kind, value) for kind, value in pairs if value is not None), None)
    return Refusal(code, path, system=event.system, event_id=event.event_id or None, subject=subject)
