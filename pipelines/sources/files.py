"""Files as a source: globs, plain, gzip or zstd, in byte ranges whose ends the lake remembers.

What was taken stands in the commit that holds its rows, so there is no state to lose: a second run takes nothing
twice, a crashed one goes on where its last commit ended. Without `--drain` the glob is watched for growth and for new
files; a file that rotation renamed is known again by its first 4 KiB. Of a damaged file the whole lines before the
damage are taken, and the other files go on; what was wrong is noted for the end of the run.
"""

from __future__ import annotations

import contextlib
import glob
import json
import re
import time
from dataclasses import dataclass, field
from itertools import accumulate, compress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from governance.errors import LakeError
from pipelines.sources.position import BASE_BYTES, DAMAGED, base_of, compression, open_content
from retention.stores.delta import Table, open_table
from transforms.deid.events import FileRange, RawBundle, Segment

if TYPE_CHECKING:
    from collections.abc import Callable

    from governance.keys import Keyring

BLOCK = 4 << 20
"""Bytes read at once."""

BUNDLE_BYTES = 32 << 20
"""No more is read for a bundle that holds so many bytes already, however few lines they are: archives may be bombs."""

STEP = 512
"""Bytes read at once where a file is damaged: fewer than these are lost before the damage."""

STRIDE = 64 << 10
"""Bytes passed over at once."""

_LINE_AND_BLANKS = re.compile(rb"([^\n]*)\n+")
LONGEST_LINE = (1 << 20) + 1
"""A longer line is handed on cut to this length, which decoding refuses as `TOO_LARGE`."""


@dataclass(frozen=True, slots=True)
class FilesSource:
    """Files that match `pattern`, for one stream.

    Attributes:
        pattern: glob; `**` matches folders.
        table: URI of the stream's anonymous table, whose commits record what was taken.
        stream: the stream's name, for the keyed name of a file.
        open_keyring: opens the keyring.
        format: format of the records.
        system: system of the records, where their format carries none.
        max_events: lines in one bundle at most.
        drain: files that are there now, rather than watched for growth.
        troubles: file for notes on files that cannot be read; without it such a file ends the read.
    """

    pattern: str
    table: str
    stream: str
    open_keyring: Callable[[], Keyring]
    format: str
    system: str | None
    max_events: int = 20_000
    drain: bool = True
    troubles: Path | None = None

    def open(self) -> FilesReader:
        """Open the lake's record of what was taken; files are opened one after the other."""
        return FilesReader(self)

    def peek(self, number: int) -> list[Segment]:
        """Return the first lines of the first file that has any."""
        for path in matching(self.pattern):
            try:
                file = _OpenFile(path, _base(_head(path)), open_content(path), 0)
            except PermissionError:
                continue
            while len(file.lines) < number and file.read_block():
                pass
            file.end_of_content()
            file.content.close()
            if file.lines:
                lines, lengths = file.take(number)
                return [self.segment(file, lines, list(accumulate(lengths, initial=0))[:-1])]
        return []

    def segment(self, file: _OpenFile, lines: list[bytes], offsets: list[int]) -> Segment:
        """Return lines as a segment, blank ones left out."""
        if file.returns:
            lines = [line.rstrip(b"\r") for line in lines]
        if not all(lines):
            offsets = list(compress(offsets, lines))
            lines = list(filter(None, lines))
        return Segment(self.format, self.system, None, file.base, offsets, lines)


@dataclass(slots=True)
class _OpenFile:
    """A file being read.

    Attributes:
        path: where it is.
        base: the hash of its beginning.
        content: its decompressed content.
        offset: where the next line to hand out begins, in bytes of the content.
        lines: whole lines that were read and not handed out; a line that is too long is cut,
        lengths: but counted whole.
        rest: the beginning of the line that the next block continues,
        cut: and how many bytes of it were let go because it is too long.
        held: bytes of the lines that were not handed out.
        packed: the file is compressed, so it does not grow.
        returns: a carriage return has been read, so line ends have to be looked at.
        damage: what is wrong with the file, once it is known.
    """

    path: str
    base: str
    content: BinaryIO
    offset: int
    lines: list[bytes] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    rest: bytes = b""
    cut: int = 0
    held: int = 0
    packed: bool = False
    returns: bool = False
    damage: str = ""

    def read_block(self) -> bool:
        """Read on; return whether there was anything."""
        if self.damage:
            return False
        try:
            block = self.content.read(BLOCK)
        except DAMAGED:
            block = self._salvage()
        self.returns = self.returns or b"\r" in block
        first, *others = block.split(b"\n")
        if not others:
            self.rest += first
        else:
            self._end_line(self.rest + first, 1)
            self.rest = others.pop()
            if b"" in others:
                others, lengths = _with_blanks_joined(block[len(first) + 1 : len(block) - len(self.rest)])
            else:
                lengths = [len(line) + 1 for line in others]
            if max(lengths, default=0) > LONGEST_LINE:
                others = [line[:LONGEST_LINE] for line in others]
            self.lines += others
            self.lengths += lengths
            self.held += sum(map(len, others))
        if len(self.rest) > LONGEST_LINE:
            self.cut += len(self.rest) - LONGEST_LINE
            self.rest = self.rest[:LONGEST_LINE]
        return bool(block)

    def end_of_content(self) -> None:
        """Take what follows the last line end as a line, unless damage cut it off."""
        if self.rest and not self.damage:
            self._end_line(self.rest, 0)
            self.rest = b""

    def take(self, most: int) -> tuple[list[bytes], list[int]]:
        """Hand out up to `most` lines and their lengths."""
        lines, lengths = self.lines[:most], self.lengths[:most]
        del self.lines[:most], self.lengths[:most]
        self.held -= sum(map(len, lines))
        return lines, lengths

    def _salvage(self) -> bytes:
        """Read up to a block again, in small steps, and stop at the damage."""
        self.content.close()
        kept = bytearray()
        try:
            self.content = open_content(self.path)
            _skip(self.content, self.offset + sum(self.lengths) + len(self.rest) + self.cut)
            while len(kept) < BLOCK and (piece := self.content.read1(STEP)):  # type: ignore[attr-defined]
                kept += piece
        except DAMAGED as problem:
            self.damage = _damage(self.path, problem)
        return bytes(kept)

    def _end_line(self, line: bytes, line_end: int) -> None:
        self.lines.append(line[:LONGEST_LINE])
        self.held += min(len(line), LONGEST_LINE)
        self.lengths.append(len(line) + self.cut + line_end)
        self.cut = 0


@dataclass(slots=True)
class FilesReader:
    """Reads the files of a glob one after the other, from where the lake says the last commit ended."""

    source: FilesSource
    _file_id: Callable[[str], str] = field(init=False)
    _table: Table = field(init=False)
    _open: _OpenFile | None = field(default=None, init=False)
    _done: dict[str, tuple[int, int, int] | None] = field(default_factory=dict, init=False)
    _noted: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        """Open the table that records ranges."""
        self._file_id = self.source.open_keyring().event_keys(self.source.stream).file_id
        self._table = open_table(self.source.table)

    def pull(self, seconds: float) -> RawBundle | None:
        """Return the next lines of the first file that has any; wait `seconds` when none has."""
        self._table.refresh()
        if self._open:
            bundle = self._next_lines(self._open)
            if bundle is not None:
                return bundle
        for path in matching(self.source.pattern):
            if self._done.get(path) == _state(path):
                continue
            bundle = self._first_lines(path)
            if bundle is not None:
                return bundle
        if not self.source.drain:
            time.sleep(seconds)
        return None

    def finisher(self) -> Callable[[], None]:
        """Return nothing to do: the commit itself records the range."""
        return _nothing

    def drained(self, quiet: float) -> bool:
        """Return true: `pull` has looked at every file."""
        return True

    def untaken(self) -> int:
        """Return how many bytes of the files no commit holds yet; a compressed one counts whole until it is begun."""
        self._table.refresh()
        waiting = 0
        for path in matching(self.source.pattern):
            size = Path(path).stat().st_size
            try:
                _, taken = self._taken(_head(path))
            except PermissionError:
                waiting += size
            else:
                waiting += max(0, size - taken) if compression(path) is None else size * (taken == 0)
        return waiting

    def close(self) -> None:
        """Close the file that was being read."""
        if self._open:
            self._open.content.close()
            self._open = None

    def _first_lines(self, path: str) -> RawBundle | None:
        """Open a file and return the first lines that were not taken; None if there are none, or it does not open."""
        before = _state(path)
        try:
            return self._next_lines(self._open_at_end_of_taken(path))
        except FileNotFoundError:
            return None  # rotation took it away since the glob was read
        except PermissionError:
            problem = f"{path} may not be read: let this user read it, or leave it out of the pattern"
        except DAMAGED as error:
            problem = _damage(path, error)
        self._done[path] = before
        self._note(path, problem)
        return None

    def _note(self, path: str, problem: str) -> None:
        """Note what is wrong with a file; an empty `problem` takes back what was noted of it."""
        if self.source.troubles is None:
            if problem:
                raise LakeError(problem)
            return
        if problem or path in self._noted:
            self._noted.add(path)
            with self.source.troubles.open("a", encoding="utf-8") as notes:
                notes.write(json.dumps([path, problem]) + "\n")

    def _open_at_end_of_taken(self, path: str) -> _OpenFile:
        self.close()
        base, taken = self._taken(_head(path))
        content, packed = open_content(path), compression(path) is not None
        if packed:
            _skip(content, taken)
        else:
            content.seek(taken)
        self._open = _OpenFile(path, base, content, taken, packed=packed)
        return self._open

    def _taken(self, head: bytes) -> tuple[str, int]:
        """Return the name under which a content was taken before, and how far; else its name now and 0.

        A file that was shorter than 4 KiB when it was first read is known by all that it held then: each of its
        line ends is tried.
        """
        lengths = [i + 1 for i, byte in enumerate(head) if byte == ord(b"\n")]
        for length in [*lengths, len(head)]:
            base = base_of(head[:length])
            taken = self._table.transaction(f"file:{self._file_id(base)}")
            if taken is not None and taken >= min(length, BASE_BYTES):
                return base, taken
        return _base(head), 0

    def _next_lines(self, file: _OpenFile) -> RawBundle | None:
        before, started = _state(file.path), time.time()
        more = True
        while more and len(file.lines) < self.source.max_events and file.held < BUNDLE_BYTES:
            more = file.read_block()
        if not more and (self.source.drain or file.packed):
            file.end_of_content()
        if not file.lines:
            self._done[file.path] = before
            self.close()
            self._note(file.path, file.damage)
            return None
        start = file.offset
        lines, lengths = file.take(self.source.max_events)
        *offsets, file.offset = accumulate(lengths, initial=start)
        segment = self.source.segment(file, lines, offsets)
        return RawBundle((segment,), (FileRange(file.base, start, file.offset),), started)


def _with_blanks_joined(block: bytes) -> tuple[list[bytes], list[int]]:
    """Return the lines of a block that ends with a line, and how far it is from each to the next.

    Blank lines count to the line before them, or an archive of nothing else would be a billion lines to hand out.
    """
    found = [(match[1], len(match[0])) for match in _LINE_AND_BLANKS.finditer(block)]
    return [line for line, _ in found], [length for _, length in found]


def troubles_in(notes: Path) -> list[str]:
    """Return what readers noted of files that cannot be read, a sentence each, in the order of their names."""
    if not notes.exists():
        return []
    said = dict(json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines())
    return [problem for _, problem in sorted(said.items()) if problem]


def _damage(path: str, problem: Exception) -> str:
    return (
        f"{path} cannot be read on ({type(problem).__name__}): it is damaged; what came before is committed. "
        "Replace the file, or leave it out of the pattern"
    )


def _head(path: str) -> bytes:
    """Return the beginning of a content; less of it where the file is damaged there."""
    head = b""
    with open_content(path) as content, contextlib.suppress(*DAMAGED):
        while len(head) < BASE_BYTES and (piece := content.read1(BASE_BYTES - len(head))):  # type: ignore[attr-defined]
            head += piece
    return head


def _base(head: bytes) -> str:
    """Return the name of a content; of a short one only whole lines count, since its last line may still grow."""
    whole = head.rfind(b"\n") + 1
    return base_of(head if len(head) == BASE_BYTES or not whole else head[:whole])


def matching(pattern: str) -> list[str]:
    """Return the files that a glob matches, sorted by name."""
    names = glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    return sorted(name for name in names if Path(name).is_file())


def _skip(content: BinaryIO, count: int) -> None:
    while count > 0:
        block = content.read1(min(count, STRIDE))  # type: ignore[attr-defined] # which reads nothing beyond
        if not block:
            return
        count -= len(block)


def _state(path: str) -> tuple[int, int, int] | None:
    """Return what changes when a file does; None once rotation has taken it away."""
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _nothing() -> None:
    return
