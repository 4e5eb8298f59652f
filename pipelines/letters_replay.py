"""Take dead letters through the pipeline again."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from governance.keys import china_date
from pipelines.launch import JOBS, RunOptions, carry_out, prepare
from pipelines.opened_letters import open_letters, ops_key
from pipelines.rehearsal import rehearse_letters
from pipelines.settings import wall_clock
from pipelines.sources.letters import LettersSource
from pipelines.watch import Watch
from retention import dead_letters as finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.launch import Launch
    from pipelines.settings import Settings
    from pipelines.sinks.sums import Sum
    from retention.dead_letters import Census, Selection


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
        source = chosen.run.source
        assert isinstance(source, LettersSource)
        total = rehearse_letters(chosen, source) if dry_run else carry_out(chosen, Watch(chosen.as_json)).total
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
