"""Dead letters as a source: opened with the ops key in the process that reads them, and nowhere else.

The table is read at one version, so that its order stands still. How far a replay came is recorded by the commits
that hold its rows, as it is for files.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from governance.keys import OpsKey, SealedOpener
from retention.dead_letters import Selection, select
from retention.stores.delta import open_table
from transforms.deid.events import FileRange, RawBundle, Segment
from transforms.deid.letters import PURPOSE, as_segment, read_letter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from governance.keys import Keyring

COLUMNS = ("event_key", "day", "wrapped_key", "sealed")


@dataclass(frozen=True, slots=True)
class LettersSource:
    """Sealed letters of one stream.

    Attributes:
        letters: URI of the table of dead letters.
        version: of that table, which is read.
        selection: which letters; of one stream.
        today: +08:00 date; letters due by then are left out.
        open_keyring: opens the keyring.
        ops_key_file: the private ops key; its path travels with the job, never the key.
        table: URI of the table whose commits record how far the replay came.
        name: of this replay.
        format: read them as this format; None for each one's own.
        system: of letters that came with none.
        max_events: letters in one bundle at most.
    """

    letters: str
    version: int
    selection: Selection
    today: str
    open_keyring: Callable[[], Keyring]
    ops_key_file: Path
    table: str
    name: str
    format: str | None = None
    system: str | None = None
    max_events: int = 20_000

    def open(self) -> LettersReader:
        """Open the table, and take the ops key from its file."""
        return LettersReader(self)

    def peek(self, number: int) -> list[Segment]:
        """Return the first letters."""
        return list(islice(self.segments(), number))

    def segments(self) -> Iterator[Segment]:
        """Yield every sealed letter as a segment of one line.

        Raises:
            KeyringError: the ops key opens it not, or the keyring holds no key of its day.
            LakeError: the table cannot be read.
        """
        opener = SealedOpener(OpsKey.from_file(self.ops_key_file), self.open_keyring(), PURPOSE)
        for row in self._rows():
            if row["sealed"] is not None:
                payload = opener.open(row["day"], row["wrapped_key"], row["sealed"], row["event_key"])
                yield as_segment(read_letter(payload), row["event_key"], self.format, self.system)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for rows in select(open_table(self.letters, self.version), self.selection, self.today, COLUMNS):
            for batch in rows.to_batches(max_chunksize=self.max_events):
                yield from batch.to_pylist()


class LettersReader:
    """Hands out letters in bundles, from where the lake says that the last commit of this replay ended."""

    def __init__(self, source: LettersSource) -> None:
        stream = next(iter(source.selection.streams))
        file_id = source.open_keyring().event_keys(stream).file_id(source.name)
        self._source = source
        self._next = open_table(source.table).transaction(f"file:{file_id}") or 0
        self._segments = islice(source.segments(), self._next, None)

    def pull(self, seconds: float) -> RawBundle | None:
        """Return the next letters, or None at their end."""
        started = time.time()
        segments = tuple(islice(self._segments, self._source.max_events))
        if not segments:
            return None
        start, self._next = self._next, self._next + len(segments)
        return RawBundle(segments, (FileRange(self._source.name, start, self._next),), started, replayed=True)

    def finisher(self) -> Callable[[], None]:
        """Return nothing to do: the commit itself records the range."""
        return _nothing

    def drained(self, quiet: float) -> bool:
        """Return true: `pull` has looked at every letter."""
        return True

    def close(self) -> None:
        """Let go of what was opened."""
        self._segments = islice(iter(()), 0)


def _nothing() -> None:
    return
