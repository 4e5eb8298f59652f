"""What names a line of a file for good: its content's beginning and its byte offset.

Log rotation renames files and compresses them, so neither a path nor a compressed file's bytes name a line. Both
the files source and `ebb replay` name it this way, and so find each other's duplicates.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE_BYTES = 4096
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_SKIPPABLE, _REPEATED = b"\x2a\x4d\x18", 1
_CHUNK = 1 << 20
DAMAGED: tuple[type[Exception], ...] = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""What reading a compressed file raises when it is damaged or cut short."""


def compression(path: Path | str) -> str | None:
    """Return `gzip`, `zstd` or None, from the file's first bytes: names lie."""
    with Path(path).open("rb") as file:
        head = file.read(4)
    if head.startswith(_GZIP):
        return "gzip"
    return "zstd" if head == _ZSTD else None


def open_content(path: Path | str) -> BinaryIO:
    """Open a file for reading its content, decompressed where it is gzip or zstd.

    Raises:
        OSError: the file cannot be opened. Reading a damaged one raises one of `DAMAGED`.
    """
    kind = compression(path)
    if kind == "gzip":
        return cast("BinaryIO", gzip.open(path, "rb"))
    if kind == "zstd":
        # A rotated log may be several frames, one after the other.
        file = Path(path).open("rb")  # noqa: SIM115 - closed with the reader
        return io.BufferedReader(_WholeFrames(file), _CHUNK)
    return Path(path).open("rb")


class _WholeFrames(io.RawIOBase):
    """The content of a zstd file; the library takes a file that was cut short for a whole one, this does not."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._frames = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=False)

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, target: Any) -> int:
        """Fill `target` with content; EOFError at the end of a file that does not end with a frame."""
        count: int = self._frames.readinto(target)
        if count == 0 and not ends_with_a_frame(self._file):
            raise EOFError("the last frame is cut short")
        return count

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._frames.close()
            self._file.close()
        super().close()


def ends_with_a_frame(file: BinaryIO) -> bool:
    """Say whether a zstd file ends where a frame ends; reads the headers of frames and blocks (RFC 8878) alone."""
    size = file.seek(0, io.SEEK_END)
    at = file.seek(0)
    while at < size:
        magic = file.read(4)
        if len(magic) == 4 and magic[0] & 0xF0 == 0x50 and magic[1:] == _SKIPPABLE:  # noqa: PLR2004
            at = file.seek(int.from_bytes(file.read(4), "little"), io.SEEK_CUR)
            continue
        if magic != _ZSTD or not (head := file.read(1)):
            return False
        checksum = _skip_frame_header(file, head[0])
        last = False
        while not last:
            block = file.read(3)
            if len(block) < 3:  # noqa: PLR2004 - the header of a block
                return False
            header = int.from_bytes(block, "little")
            last, kind, length = bool(header & 1), header >> 1 & 3, header >> 3
            at = file.seek(1 if kind == _REPEATED else length, io.SEEK_CUR)
        at = file.seek(checksum, io.SEEK_CUR)
    return at == size


def _skip_frame_header(file: BinaryIO, descriptor: int) -> int:
    """Go to the first block of a frame and return how many bytes its checksum has."""
    single = descriptor >> 5 & 1
    sizes, names = (single, 2, 4, 8), (0, 1, 2, 4)
    file.seek((1 - single) + names[descriptor & 3] + sizes[descriptor >> 6], io.SEEK_CUR)
    return 4 if descriptor & 4 else 0


def base_of(head: bytes) -> str:
    """Return the name of a content that begins with `head`, of which the first 4 KiB count."""
    return hashlib.sha256(head[:BASE_BYTES]).hexdigest()


def content_base(path: Path | str) -> str:
    """Return the hex SHA-256 of the first 4 KiB of the file's content, decompressed.

    Warnings:
        Two files that begin with the same 4 KiB share a base; a file that was shorter than that gets a new one
        when it grows.
    """
    with open_content(path) as content:
        return base_of(content.read(BASE_BYTES))


def lines_at(content: BinaryIO, limit: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield (byte offset, line with its line end) of a content; the line is None when longer than `limit`.

    Byte-true: nothing is stripped, joined or re-encoded, so offsets and lengths add up.
    """
    offset = 0
    while line := content.readline(limit + 1):
        if len(line) <= limit:
            yield offset, line
            offset += len(line)
            continue
        yield offset, None
        offset += len(line)
        while line and not line.endswith(b"\n"):
            line = content.readline(_CHUNK)
            offset += len(line)
