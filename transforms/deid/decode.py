"""From lines to columns: the first step of every stream.

Each line becomes a row or a dead letter; one bad line never takes its neighbours along.

    RawBundle ──► lines of one format ──► Parsed ──► Batch: rows, sealed dead letters, counts
"""

from __future__ import annotations

from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from governance.errors import UsageError
from transforms.deid.contract import Contract
from transforms.deid.csv_lines import parse_csv
from transforms.deid.events import Batch, Origin
from transforms.deid.formats import parse_apache
from transforms.deid.instants import INSTANT
from transforms.deid.lenient import Lenient
from transforms.deid.mapping import builtin_mappings, check_mapping, fits, load_mapping, map_lines
from transforms.deid.native import NativeParser
from transforms.deid.parsed import Parsed
from transforms.deid.prohibited import Prohibited
from transforms.deid.rejects import Record, dead_letter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from governance.keys import EventKeys
    from governance.policy import Catalogue
    from transforms.deid.events import DeadLetter, RawBundle, Sealer
    from transforms.deid.mapping import FormatMapping
    from transforms.deid.parsed import Refusal

NATIVE, APACHE = "native", "apache_combined"
STAGE = "decode"


class Decoder:
    """Decodes bundles of one stream; built once per process and thread, since it learns.

    Args:
        catalogue: inventory and packs.
        stream: `service_log`, `equipment` or `transactions`.
        keys: names events for good.
        now: stands in for the publish time where there is none, and picks the pack of now; each call may give a
            later one.
        mappings: formats by name; the shipped ones if omitted.
        default_format: of segments that name none; the path of a `.yaml` or `.yml` is read as a mapping. A segment
            can never make the decoder open a file.

    Raises:
        UsageError: `default_format` is not known, or its file is not a valid mapping.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        stream: str,
        *,
        keys: EventKeys,
        now: datetime,
        mappings: Mapping[str, FormatMapping] | None = None,
        default_format: str = NATIVE,
    ) -> None:
        self._keys = keys
        self._now = now
        self._default = default_format
        self._contract = Contract(catalogue, stream)
        known = _formats(default_format, self._contract, builtin_mappings() if mappings is None else mappings)
        # A message may name any format; one made for another stream is as good as unknown here.
        self._mappings = {name: one for name, one in known.items() if fits(one, self._contract)}
        self._lenient = Lenient(catalogue, self._contract, Prohibited(catalogue))
        self._native = NativeParser(self._contract, self._lenient)

    def __call__(self, bundle: RawBundle, sealer: Sealer, now: datetime | None = None) -> Batch:
        """Return the events of `bundle`, its bad lines as dead letters sealed by `sealer`."""
        now = self._now if now is None else now
        formats: dict[str, list[int]] = {}
        for number, segment in enumerate(bundle.segments):
            formats.setdefault(segment.format or self._default, []).append(number)
        batch = Batch(0, _EMPTY, [], sealer, ranges=bundle.ranges, probe=self._keys.prober())
        received = [segment.published for segment in bundle.segments if segment.published is not None]
        batch.published = min(received, default=None)
        batch.origins = tuple(
            Origin(one.format or self._default, one.system, _plain(one.published), one.base) for one in bundle.segments
        )
        batch.replayed = bundle.replayed
        tables = [self._decode(name, _Lines(bundle, numbers), batch, now) for name, numbers in formats.items()]
        batch.table = pa.concat_tables([_EMPTY, *tables], promote_options="default").combine_chunks()
        return batch

    def _decode(self, name: str, lines: _Lines, batch: Batch, now: datetime) -> pa.Table:
        parsed = self._parse(name, lines, now)
        batch.read += len(lines.records) - parsed.headers
        batch.fields_dropped.update(parsed.drops)
        index = np.asarray(parsed.index, dtype=np.int64)
        columns = {
            "event_key": pa.array(self._event_keys(parsed, lines), pa.binary(16)),
            **parsed.columns,
            "received": lines.received(index),
            **lines.origins(index),
        }
        if parsed.refused:
            batch.dead_letters += self._dead_letters(parsed.refused, lines, batch)
        if parsed.refused or parsed.cleaned or parsed.headers:
            batch.raw += [parsed.cleaned.get(number, lines.records[number]) for number in parsed.index]
        else:
            batch.raw += lines.records
        return pa.table(columns)

    def _parse(self, name: str, lines: _Lines, now: datetime) -> Parsed:
        if name == NATIVE:
            return self._native(lines.records, now)
        if name == APACHE:
            return parse_apache(lines.records, lines.of_segment("system"), self._lenient.unparsed)
        if name in self._mappings and self._mappings[name].columns:
            return parse_csv(
                self._mappings[name],
                self._lenient,
                lines.records,
                systems=lines.of_segment("system"),
                first_of_file=lines.first_of_file(),
                contract=self._contract,
            )
        if name in self._mappings:
            records = map_lines(
                self._mappings[name],
                self._lenient,
                lines.records,
                systems=lines.of_segment("system"),
                published=[published or now for published in lines.of_segment("published")],
                now=now,
            )
            return self._native.records(records)
        # An attribute of a message named it: a matter for a dead letter, not for a crash.
        refused = [(number, self._lenient.unparsed(line)) for number, line in enumerate(lines.records)]
        named = [(number, one if one.destroy else one._replace(path="format")) for number, one in refused]
        return Parsed({}, [], refused=named)

    def _event_keys(self, parsed: Parsed, lines: _Lines) -> list[bytes]:
        if lines.keys is not None:
            return [lines.keys[number] for number in parsed.index]
        systems = parsed.columns["system"].to_pylist() if parsed.columns else []
        ids = parsed.ids
        if ids is not None and all(ids):
            return self._keys.by_id(systems, ids)  # type: ignore[arg-type]
        return self._named(parsed.index, zip(systems, ids or [None] * len(systems), strict=True), lines)

    def _named(
        self, numbers: Sequence[int], names: Iterable[tuple[str | None, str | None]], lines: _Lines
    ) -> list[bytes]:
        """Return the event keys that records bear already, else by id where one has an id, else by its place."""
        if lines.keys is not None:
            return [lines.keys[number] for number in numbers]
        given = list(names)
        with_id = [(system, one) for system, one in given if system and one]
        placed = [number for number, (system, one) in zip(numbers, given, strict=True) if not (system and one)]
        by_id = iter(self._keys.by_id(*zip(*with_id, strict=True)) if with_id else ())
        by_position = iter(self._keys.by_position(*lines.positions(placed)))
        return [next(by_id if system and one else by_position) for system, one in given]

    def _dead_letters(self, refused: Sequence[tuple[int, Refusal]], lines: _Lines, batch: Batch) -> list[DeadLetter]:
        numbers = [number for number, _ in refused]
        keys = self._named(numbers, ((one.system, one.event_id) for _, one in refused), lines)
        return [
            dead_letter(batch, STAGE, Record(key, *place, lines.records[number]), one)
            for key, place, (number, one) in zip(keys, lines.places(numbers), refused, strict=True)
        ]


def check_format(name: str, catalogue: Catalogue, stream: str) -> None:
    """Make sure that `name` is a format of `stream`, before anything is made for a run.

    Raises:
        UsageError: it is not known, its file is not a valid mapping, or its event type is none of the stream.
    """
    mapping = _formats(name, Contract(catalogue, stream), builtin_mappings()).get(name)
    if mapping is not None and mapping.event_type not in catalogue.event_types(stream):
        raise UsageError(
            f"mapping {mapping.name}: {mapping.event_type} is no event type of the stream {stream}: "
            f"use one of {', '.join(sorted(catalogue.event_types(stream)))}"
        )


def check_system(name: str, system: str | None) -> None:
    """Make sure that records of the format `name` have a system: their own, their mapping's, or `system`.

    Raises:
        UsageError: they would have none; or the format is not known, or its file is not a valid mapping.
    """
    mapping = builtin_mappings().get(name)
    if mapping is None and name not in (NATIVE, APACHE):
        mapping = load_mapping(Path(name))
    if system is None and (name == APACHE or (mapping is not None and mapping.system is None)):
        raise UsageError(f"records of the format {name} carry no system: name their owner with --system")


def _formats(default: str, contract: Contract, known: Mapping[str, FormatMapping]) -> dict[str, FormatMapping]:
    """Return the mappings by name, that of the default format among them if it has one."""
    found = dict(known)
    if default not in (NATIVE, APACHE, *found):
        found[default] = load_mapping(Path(default))
    if default in found:
        check_mapping(found[default], contract)
    return found


def _plain(instant: datetime | None) -> datetime | None:
    """Return an instant of a transport's own class, such as Pub/Sub's, as one that can be sealed."""
    if instant is None or type(instant) is datetime:
        return instant
    return datetime.combine(instant.date(), instant.timetz())


class _Lines:
    """Lines of one format, from many segments of a bundle, without the blank ones.

    Attributes:
        records: the lines.
        keys: the event keys that they bear already, if they do.
    """

    def __init__(self, bundle: RawBundle, numbers: Sequence[int]) -> None:
        segments = [bundle.segments[number] for number in numbers]
        self._numbers = np.asarray(numbers, dtype=np.int32)
        self._segments = segments
        self.records = list(chain.from_iterable(segment.lines for segment in segments))
        self.keys: list[bytes] | None = None
        if bundle.replayed:
            self.keys = list(chain.from_iterable(segment.keys or () for segment in segments))
        counts = [len(segment.lines) for segment in segments]
        self._segment = np.repeat(np.arange(len(segments)), counts)
        self._offsets = np.fromiter(
            chain.from_iterable(segment.offsets for segment in segments), np.int64, len(self.records)
        )
        if not all(map(bytes.strip, self.records)):
            filled = [number for number, line in enumerate(self.records) if line.strip()]
            self.records = [self.records[number] for number in filled]
            self._segment, self._offsets = self._segment[filled], self._offsets[filled]
            self.keys = self.keys and [self.keys[number] for number in filled]

    def of_segment(self, attribute: str) -> list[Any]:
        """Return an attribute of each line's segment."""
        values = [getattr(segment, attribute) for segment in self._segments]
        return [values[number] for number in self._segment.tolist()]

    def positions(self, numbers: Sequence[int]) -> tuple[list[str], list[int]]:
        """Return base and offset of each of the lines `numbers`."""
        bases = [segment.base for segment in self._segments]
        rows = np.asarray(numbers, dtype=np.int64)
        return [bases[number] for number in self._segment[rows].tolist()], self._offsets[rows].tolist()

    def origins(self, numbers: np.ndarray) -> dict[str, pa.Array]:
        """Return the columns that say where the lines `numbers` came from."""
        return {
            "origin.number": pa.array(self._numbers[self._segment[numbers]]),
            "origin.offset": pa.array(self._offsets[numbers]),
        }

    def places(self, numbers: Sequence[int]) -> Iterable[tuple[int, int]]:
        """Return the same of each of the lines `numbers`."""
        rows = np.asarray(numbers, dtype=np.int64)
        return zip(self._numbers[self._segment[rows]].tolist(), self._offsets[rows].tolist(), strict=True)

    def first_of_file(self) -> int | None:
        """Return the number of the line with which a file begins, if it is among them and read for the first time."""
        if self.keys is not None:
            return None
        from_file = np.array([segment.published is None for segment in self._segments], dtype=bool)
        found = np.flatnonzero((self._offsets == 0) & from_file[self._segment])
        return int(found[0]) if len(found) else None

    def received(self, numbers: np.ndarray) -> pa.Array:
        """Return when each of the lines `numbers` was received; null for files."""
        if all(segment.published is None for segment in self._segments):
            return pa.nulls(len(numbers), INSTANT)
        published = pa.array([segment.published for segment in self._segments], INSTANT)
        return published.take(pa.array(self._segment[numbers]))


_EMPTY = pa.table(
    {
        "event_key": pa.array([], pa.binary(16)),
        "system": pa.array([], pa.string()),
        "event_type": pa.array([], pa.string()),
        "event_time": pa.array([], INSTANT),
        "received": pa.array([], INSTANT),
        "origin.number": pa.array([], pa.int32()),
        "origin.offset": pa.array([], pa.int64()),
    }
)
