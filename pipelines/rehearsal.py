"""A dry run: ten events through every step, with throw-away keys, each shown before and after; nothing is written."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from governance.calendar import CHINA
from governance.errors import UsageError
from governance.keys import Keyring, OpsKey, RootKey
from governance.policy import RECORD_STREAMS
from pipelines.commands.dead_letters import ascii_safe
from pipelines.options import emit_json
from pipelines.settings import wall_clock
from pipelines.sinks.sums import Sum
from transforms.deid.classify import classify
from transforms.deid.decode import Decoder
from transforms.deid.enclosing import Enclosure
from transforms.deid.engine import Engine
from transforms.deid.events import RawBundle
from transforms.deid.gate import gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipelines.launch import Launch
    from pipelines.sources.letters import LettersSource
    from transforms.deid.events import Batch

EVENTS = 10
HIDDEN = ("event_key",)


def rehearse(chosen: Launch) -> None:
    """Print ten events of the source, each raw and as it would be stored, in their order."""
    with tempfile.TemporaryDirectory() as folder:
        steps = _steps(chosen, _throw_away_keyring(folder))
        pairs = [_pair(one, steps(one)) for one in _each(_first(chosen))]
    if not pairs:
        raise UsageError("the source holds no event to show: is it the right file or subscription?")
    if chosen.as_json:
        emit_json(_document(pairs))
        return
    click.echo("Each event before, for your eyes alone, and after:")
    for pair in pairs:
        click.echo(f"\nbefore     {ascii_safe(pair['before'])}")
        for name, parts in pair.items():
            for part in parts if name != "before" else ():
                click.echo(f"{name:<10} {json.dumps(part, ensure_ascii=False)}")
    click.echo("\nNothing was written; the tokens above came from keys that are gone.")


def _each(bundle: RawBundle) -> Iterator[RawBundle]:
    """Yield each line as a bundle of its own, so that what becomes of it is known."""
    for segment in bundle.segments:
        for number in range(len(segment.lines)):
            only = slice(number, number + 1)
            yield RawBundle((replace(segment, lines=segment.lines[only], offsets=segment.offsets[only]),))


def _pair(bundle: RawBundle, batch: Batch) -> dict[str, Any]:
    """Return one event, and what becomes of it: rows by their path, a reject, or the code by which it is dropped."""
    pair: dict[str, Any] = {"before": bundle.segments[0].lines[0].decode("utf-8", "replace")}
    pair |= {path: rows for path, table in batch.outputs.items() if (rows := _rows(table))}
    rejected = [{"stage": letter.stage, "code": letter.code, "path": letter.path} for letter in batch.dead_letters]
    dropped = [{"code": code} for code, number in batch.dropped.items() for _ in range(number)]
    return pair | ({"rejected": rejected} if rejected else {}) | ({"dropped": dropped} if dropped else {})


def _document(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the pairs, and the same by what became of the events."""

    def every(name: str) -> list[Any]:
        return [part for pair in pairs for part in pair.get(name, ())]

    paths = dict.fromkeys(name for pair in pairs for name in pair if name not in ("before", "rejected", "dropped"))
    return {
        "events": pairs,
        "before": [pair["before"] for pair in pairs],
        "after": {path: every(path) for path in paths},
        "rejected": every("rejected"),
        "dropped": dict(Counter(part["code"] for part in every("dropped"))),
    }


def rehearse_letters(chosen: Launch, source: LettersSource) -> Sum:
    """Return what would become of every letter of a source; whether its row is stored already is not looked at."""
    total, segments = Sum(), source.segments()
    while some := tuple(islice(segments, source.max_events)):
        with tempfile.TemporaryDirectory() as folder:
            batch = treat(chosen, RawBundle(some, replayed=True), _throw_away_keyring(folder))
        rows = {path: table.num_rows for path, table in batch.outputs.items()}
        personal = rows.pop("personal", 0)
        codes = Counter(letter.code for letter in batch.dead_letters)
        total += Sum(batch.read, sum(rows.values()), personal, codes, batch.dropped)
    return total


def treat(chosen: Launch, bundle: RawBundle, keyring: Keyring) -> Batch:
    """Take one bundle through the steps of the job, outside of any engine."""
    return _steps(chosen, keyring)(bundle)


def _steps(chosen: Launch, keyring: Keyring) -> Callable[[RawBundle], Batch]:
    """Return the steps of the job as one function."""
    job = chosen.run.job
    catalogue, now, wall = job.catalogue(), job.clock.now(), job.clock.wall()
    keys = keyring.event_keys(job.stream)
    decode = Decoder(catalogue, job.stream, keys=keys, now=now, default_format=job.default_format)
    if job.stream in RECORD_STREAMS:
        keyring.set_ops_public(OpsKey(os.urandom(32)).public())
        enclosure = Enclosure(catalogue, job.stream, keyring)

        def last(batch: Batch) -> Batch:
            return enclosure.enclose(batch, now, wall)
    else:
        engine = Engine(catalogue, job.stream, keyring)

        def last(batch: Batch) -> Batch:
            return engine.deidentify(gate(batch, job.authorization, catalogue), wall)

    return lambda bundle: last(classify(decode(bundle, _Unsealed()), catalogue, job.stream, now))


def _throw_away_keyring(folder: str) -> Keyring:
    return Keyring.create(f"sqlite:///{Path(folder) / 'keyring.sqlite'}", RootKey(os.urandom(32)), clock=wall_clock)


class _Unsealed:
    """Seals nothing: a dry run has no dead letters to keep."""

    day = ""

    def seal(self, payload: bytes, associated: bytes) -> bytes:
        return b""

    def wrapped_key(self) -> bytes:
        return b""


def _first(chosen: Launch) -> RawBundle:
    """Look at the first events of the source; they stay there."""
    kept, room = [], EVENTS
    for segment in chosen.run.source.peek(EVENTS):
        kept.append(replace(segment, lines=segment.lines[:room], offsets=segment.offsets[:room]))
        room -= len(kept[-1].lines)
    return RawBundle(tuple(kept))


def _rows(table: Any) -> list[dict[str, Any]]:
    rows = table.slice(0, EVENTS).to_pylist()
    return [{k: shown(v) for k, v in row.items() if v is not None and k not in HIDDEN} for row in rows]


def shown(value: Any) -> Any:
    """Return a value of a row as JSON says it: instants in +08:00, of bytes their number."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, datetime):
        return value.astimezone(CHINA).isoformat()
    return value.isoformat() if isinstance(value, date) else value
