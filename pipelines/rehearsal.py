"""A dry run: ten events through every step, with throw-away keys, shown before and after; nothing is written."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from governance.keys import Keyring, OpsKey, RootKey
from governance.policy import RECORD_STREAMS
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
    from pipelines.launch import Launch
    from pipelines.sources.letters import LettersSource
    from transforms.deid.events import Batch

EVENTS = 10
HIDDEN = ("event_key",)


def rehearse(chosen: Launch) -> None:
    """Print ten events of the source, raw and as they would be stored."""
    with tempfile.TemporaryDirectory() as folder:
        keyring = _throw_away_keyring(folder)
        bundle = _first(chosen)
        before = [line.decode("utf-8", "replace") for segment in bundle.segments for line in segment.lines]
        batch = treat(chosen, bundle, keyring)
    after = {path: _rows(table) for path, table in batch.outputs.items()}
    rejected = [{"stage": letter.stage, "code": letter.code, "path": letter.path} for letter in batch.dead_letters]
    document = {"before": before, "after": after, "rejected": rejected, "dropped": dict(batch.dropped)}
    if chosen.as_json:
        emit_json(document)
        return
    console = Console(highlight=False)
    console.print("[bold]Before[/]: shown to you alone, stored nowhere")
    for line in before:
        click.echo(f"  {line}")
    for path, rows in after.items():
        if rows:
            console.print(f"[bold]After[/], {path} path, in another order")
        for row in rows:
            click.echo(f"  {row}")
    for letter in rejected:
        click.echo(f"  rejected: {letter['code']} at {letter['path']}")
    for code, number in batch.dropped.items():
        click.echo(f"  dropped: {number} {code}")
    console.print("Nothing was written; the tokens above came from keys that are gone.")


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
    job = chosen.run.job
    catalogue, now, wall = job.catalogue(), job.clock.now(), job.clock.wall()
    keys = keyring.event_keys(job.stream)
    decode = Decoder(catalogue, job.stream, keys=keys, now=now, default_format=job.default_format)
    batch = classify(decode(bundle, _Unsealed()), catalogue, job.stream, now)
    if job.stream in RECORD_STREAMS:
        keyring.set_ops_public(OpsKey(os.urandom(32)).public())
        return Enclosure(catalogue, job.stream, keyring).enclose(batch, now, wall)
    batch = gate(batch, job.authorization, catalogue)
    return Engine(catalogue, job.stream, keyring).deidentify(batch, wall)


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
    return [{k: _shown(v) for k, v in row.items() if v is not None and k not in HIDDEN} for row in rows]


def _shown(value: Any) -> Any:
    return f"{len(value)} bytes" if isinstance(value, bytes) else value
