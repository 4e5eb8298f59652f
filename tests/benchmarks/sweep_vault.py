"""Build the vault that `make bench-sweep` sweeps: a home as commands make it, and a real table of made-up records.

    python -m tests.benchmarks.sweep_vault HOME --rows N --due N --files N [--hand]

Keys, names of files, commits and checkpoints are real. Payloads are random bytes, since a sweep never opens one: their
lengths, systems and kinds are drawn from records that `ebb generate` and `ebb run transactions` put into a vault.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from click.testing import CliRunner

from governance.keys import ALGORITHM, PARTS, Envelope
from governance.policy.retention import due_date
from pipelines.cli import ebb
from pipelines.settings import load_settings
from retention.stores.delta import FencedTable, create_table, open_table
from retention.vault.layout import SCHEMA, vault_spec, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from governance.keys import Keyring

SEED = 7
SAMPLE = 4_000
"""Real events that rows are modelled on."""
FIRST_COMPLETED, LAST_COMPLETED = date(2020, 12, 31), date(2023, 12, 30)
DUE_MONTH, MONTHS = "2024-01", 36
"""The month that is swept; records of it and of the 35 months after it stand in the vault."""
OPEN_MONTHS = ("2023-12", "2024-01")
OPEN_SHARE = 0.02
"""Rows whose orders are not completed yet."""
OPEN_FILES = 10
LONGEST_ORDER = 30
"""Days from an order's first event to its completion, at most."""
_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Pile:
    """Rows of one file: where they lie, the day their orders were completed, None while open, and how many."""

    due: str | None
    completed: date | None
    month: str
    key_id: str
    rows: int


def piles(rows: int, due: int, files: int) -> Iterator[list[Pile]]:
    """Yield the files of a vault, those of one commit at a time, as nights of settling leave them.

    Args:
        rows: of the whole vault.
        due: of the month that is swept; one file a due date, whatever `files` says.
        files: a due date of the other months.
    """
    unfinished = round(rows * OPEN_SHARE)
    dates = [(str(due_date("TXN", on)), on) for on in _days(FIRST_COMPLETED, LAST_COMPLETED)]
    swept = [one for one in dates if one[0].startswith(DUE_MONTH)]
    others = [one for one in dates if not one[0].startswith(DUE_MONTH)]
    for chosen, number, pieces in ((swept, due, 1), (others, rows - due - unfinished, files)):
        for (on, completed), share in zip(chosen, _shares(number, len(chosen)), strict=True):
            yield [Pile(on, completed, on[:7], on, part) for part in _shares(share, pieces) if part]
    for month, share in zip(OPEN_MONTHS, _shares(unfinished, len(OPEN_MONTHS)), strict=True):
        for part in _shares(share, OPEN_FILES * files):
            if part:
                yield [Pile(None, None, f"open-{month}", f"open-{month}", part)]


def make_rows(pile: Pile, sample: pa.Table, keyring: Keyring, chance: np.random.Generator) -> pa.Table:
    """Return the rows of a file, in the order of their event keys."""
    number = pile.rows
    envelope = Envelope(keyring.due_date_public(pile.key_id))
    like = sample.take(pa.array(chance.integers(0, sample.num_rows, number)))
    begun, days = _clock(pile, chance, number)
    columns = {
        "event_key": _sorted_keys(number, chance),
        "due_month": _all(pile.month, number),
        "due_date": _all(pile.due, number),
        "clock_date": begun,
        "completed_date": _all(pile.completed and pile.completed.isoformat(), number),
        "received_date": days,
        "order_token": _random(np.full(number, _KEY_BYTES), chance),
        "probe": _random(np.full(number, _KEY_BYTES), chance),
        "algorithm": _all(ALGORITHM, number),
        "key_id": _all(pile.key_id, number),
        "subject_key": _all(None, number),
        **{f"{part}_key": pa.array([envelope.wrapped(part)] * number, pa.binary()) for part in PARTS},
        **{part: _random(like[f"{part}_length"].to_numpy(), chance) for part in PARTS},
        **{name: like[name] for name in ("system", "event_type", "policy")},
    }
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def build(home: Path, rows: int, due: int, files: int) -> None:
    """Make a home whose vault holds `rows` records; see `piles`."""
    sample = _sample(home)
    settings = load_settings(home=home)
    keyring, chance = settings.opener(), np.random.default_rng(SEED)
    shutil.rmtree(f"{settings.lake}/vault")
    create_table(vault_spec(settings.lake))
    table = FencedTable(vault_spec(settings.lake))
    keyring.due_date_publics({pile.key_id for commit in piles(rows, due, files) for pile in commit})
    for commit in piles(rows, due, files):
        written = [file for pile in commit for file in write_rows(table, make_rows(pile, sample, keyring, chance))]
        if not table.commit(written, {"ebb.action": "settle", "ebb.rows": "0"}):
            raise RuntimeError("nobody else writes here")
    # What `ebb compact` does a day later: old commits leave the log.
    table.shorten_log(datetime.now(tz=UTC) + timedelta(days=1))
    table.log.merge_history()


def write_by_hand(home: Path) -> None:
    """Put the rows of a home's vault into a table as a person would make it, with Delta's defaults.

    It is partitioned by the month of the event, one file each: nobody knows a due date when an order begins.
    """
    from deltalake import write_deltalake  # noqa: PLC0415 - what it is compared with

    table = open_table(vault_spec(load_settings(home=home).lake).uri)
    waiting: dict[str, list[pa.Table]] = {}

    def write(months: Sequence[str]) -> None:
        for month in months:
            rows = pa.concat_tables(waiting.pop(month))
            write_deltalake(str(home / "by-hand"), rows, partition_by=["event_month"], mode="append")

    files = table.files()
    for part in sorted({file.partition for file in files}):
        rows = pa.concat_tables([table.rows_of(file) for file in files if file.partition == part])
        rows = rows.append_column("event_month", pc.utf8_slice_codeunits(rows["clock_date"], 0, 7))
        for month in pc.unique(rows["event_month"]).to_pylist():
            waiting.setdefault(month, []).append(rows.filter(pc.equal(rows["event_month"], month)))
        write(sorted(waiting)[:-3])  # events of an order end within a month of its completion
    write(sorted(waiting))


def _sample(home: Path) -> pa.Table:
    """Make the home with real commands, and return what rows are modelled on."""
    with tempfile.TemporaryDirectory() as scratch:
        events = f"files:{scratch}/events.ndjson"
        span = ["--start", "2021-06-01T00:00:00Z", "--days", "400"]
        _run("generate", "transactions", "--events", str(SAMPLE), "--seed", str(SEED), *span, "--to", events)
        now = ["--now", "2023-07-01T00:00:00Z"]
        _run("run", "transactions", "--from", events, *now, "--drain", "--home", str(home))
    rows = open_table(vault_spec(load_settings(home=home).lake).uri).dataset().to_table()
    kept = rows.select(["system", "event_type", "policy"])
    for part in PARTS:
        kept = kept.append_column(f"{part}_length", pc.binary_length(rows[part]))
    return kept.combine_chunks()


def _run(*arguments: str) -> None:
    CliRunner().invoke(ebb, list(arguments), catch_exceptions=False)


def _clock(pile: Pile, chance: np.random.Generator, number: int) -> tuple[pa.Array, pa.Array]:
    """Return the dates of events, and of their arrival, which is the same day."""
    last = pile.completed or date.fromisoformat(f"{pile.month.removeprefix('open-')}-28")
    choice = pa.array([(last - timedelta(days=day)).isoformat() for day in range(LONGEST_ORDER)])
    dates = choice.take(pa.array(chance.integers(0, LONGEST_ORDER, number)))
    return dates, dates


def _sorted_keys(number: int, chance: np.random.Generator) -> pa.Array:
    ordered = np.sort(np.frombuffer(chance.bytes(number * _KEY_BYTES), dtype=">u8,>u8"))
    offsets = np.arange(number + 1, dtype=np.int32) * _KEY_BYTES
    return pa.Array.from_buffers(pa.binary(), number, [None, pa.py_buffer(offsets), pa.py_buffer(ordered.tobytes())])


def _random(lengths: np.ndarray, chance: np.random.Generator) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    content = chance.bytes(int(offsets[-1]))
    return pa.Array.from_buffers(pa.binary(), len(lengths), [None, pa.py_buffer(offsets), pa.py_buffer(content)])


def _all(value: str | None, number: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), number)


def _shares(number: int, parts: int) -> list[int]:
    """Return `number` in `parts` parts as equal as can be."""
    return [number // parts + (place < number % parts) for place in range(parts)]


def _days(first: date, last: date) -> Sequence[date]:
    return [first + timedelta(days=day) for day in range((last - first).days + 1)]


def main() -> None:
    """Build what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sweep_vault")
    parser.add_argument("home", type=Path)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--due", type=int, required=True)
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--hand", action="store_true", help="and the same rows in a table as a person would make it")
    told = parser.parse_args()
    build(told.home, told.rows, told.due, told.files)
    if told.hand:
        write_by_hand(told.home)


if __name__ == "__main__":
    main()
