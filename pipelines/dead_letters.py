"""Opening dead letters with the ops key: to look at them, and to take them through the pipeline again."""

from __future__ import annotations

import base64
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from governance.errors import KeyringError, UsageError
from governance.keys import OpsKey, SealedOpener, china_date
from pipelines.launch import JOBS, RunOptions, carry_out, prepare
from pipelines.settings import wall_clock
from pipelines.sources.letters import PURPOSE, LettersSource
from pipelines.watch import Watch
from retention import dead_letters as finding
from retention.stores.delta import open_table, table_exists
from transforms.deid.letters import read_letter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.launch import Launch
    from pipelines.settings import Settings
    from pipelines.sinks.lake import Sum
    from retention.dead_letters import Census, Selection
    from retention.stores.delta import Table

_SHOWN = ("received_date", "stream", "stage", "code", "path", "policy", "due_date")
_OPENED = ("event_key", *_SHOWN, "day", "wrapped_key", "sealed")


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the letters of one stream.

    Attributes:
        total: what the stream's commits say; of a dry run, what they would say.
        destroyed: letters without a payload, which nothing brings back.
        due: letters that are due.
    """

    total: Sum
    destroyed: int
    due: int

    @property
    def rows(self) -> int:
        """Letters that became rows."""
        return self.total.rows + self.total.personal


def letters_uri(settings: Settings) -> str:
    """Return where the dead letters are."""
    return f"{settings.lake}/dead_letters"


def open_letters(settings: Settings) -> Table:
    """Open the table of dead letters.

    Raises:
        UsageError: nothing was ever rejected here.
    """
    uri = letters_uri(settings)
    if not table_exists(uri):
        raise UsageError(f"there are no dead letters in {settings.lake}: check --home and --lake")
    return open_table(uri)


def ops_key(path: Path, settings: Settings) -> OpsKey:
    """Read the private ops key.

    Raises:
        KeyringError: the file is missing or open to others, or the keyring seals to another key.
    """
    ops = OpsKey.from_file(path)
    if ops.public() != settings.opener().ops_public():
        raise KeyringError(f"{path} is not the ops key that this keyring seals to: give the one that `keys init` made")
    return ops


def show(settings: Settings, ops_key_file: Path, selection: Selection, limit: int) -> list[dict[str, Any]]:
    """Return up to `limit` letters, opened; those whose payload was destroyed without a record."""
    opener = SealedOpener(ops_key(ops_key_file, settings), settings.opener(), PURPOSE)
    found = finding.select(open_letters(settings), selection, china_date(wall_clock()), _OPENED)
    rows = (row for table in found for batch in table.to_batches(1000) for row in batch.to_pylist())
    return [_opened(row, opener) for row in islice(rows, limit)]


def replay(
    options: RunOptions,
    selection: Selection,
    ops_key_file: Path,
    record_format: str | None,
    *,
    dry_run: bool,
) -> dict[str, Replayed]:
    """Take sealed letters through the pipeline again, each under the event key that it had.

    Args:
        options: as of a run; `stream` and `source` are chosen here.
        selection: which letters.
        ops_key_file: private ops key.
        record_format: read them as this format; None for each one's own.
        dry_run: count what would become of them; write nothing.

    Guarantees:
        Done twice is done once. No letter is written: one that is rejected again stays as it was, due date and all.
    """
    done: dict[str, Replayed] = {}
    for stream, census, chosen in _launches(options, selection, ops_key_file, record_format):
        total = _rehearsed(chosen) if dry_run else carry_out(chosen, Watch(chosen.as_json)).total
        done[stream] = Replayed(total, census.destroyed[stream], census.due[stream])
    return done


def _launches(
    options: RunOptions, selection: Selection, ops_key_file: Path, record_format: str | None
) -> Iterator[tuple[str, Census, Launch]]:
    """Yield what to run for each stream that has letters; everything is checked before the first is yielded."""
    census: Census | None = None
    prepared: list[tuple[str, Launch]] = []
    today = china_date(wall_clock())
    for stream in sorted(selection.streams or JOBS):

        def make_source(told: RunOptions, settings: Settings, table: str, stream: str = stream) -> LettersSource:
            nonlocal census
            letters = open_letters(settings)
            if census is None:
                ops_key(ops_key_file, settings)
                census = finding.count(letters, selection, today)
            return LettersSource(
                letters.uri,
                letters.version,
                replace(selection, streams=frozenset({stream})),
                today,
                settings.opener,
                ops_key_file.absolute(),
                table,
                f"replay {uuid.uuid4().hex}",
                record_format,
                told.system,
                told.max_events,
            )

        given = replace(options, stream=stream, source="", drain=True, record_format=record_format or "native")
        prepared.append((stream, prepare(given, make_source)))
    assert census is not None
    for stream, chosen in prepared:
        if census.sealed[stream] or census.destroyed[stream] or census.due[stream]:
            yield stream, census, chosen


def _rehearsed(chosen: Launch) -> Sum:
    """Count what would become of the letters, with keys that are thrown away; the lake's own rows are not looked at."""
    from pipelines.rehearsal import rehearse_all  # noqa: PLC0415

    return rehearse_all(chosen)


def _opened(row: dict[str, Any], opener: SealedOpener) -> dict[str, Any]:
    shown = {"event_key": row["event_key"].hex(), **{name: row[name] for name in _SHOWN}}
    if row["sealed"] is None:
        return shown | {"record": None}
    letter = read_letter(opener.open(row["day"], row["wrapped_key"], row["sealed"], row["event_key"]))
    shown |= {"format": letter.format, "system": letter.system, "published": letter.published}
    shown |= {"base": letter.base, "offset": letter.offset}
    try:
        return shown | {"record": letter.line.decode()}
    except UnicodeDecodeError:
        return shown | {"record_base64": base64.b64encode(letter.line).decode()}


def added(sums: Counter[str], other: dict[str, int]) -> Counter[str]:
    """Return counts by code, added up."""
    return sums + Counter(other)
