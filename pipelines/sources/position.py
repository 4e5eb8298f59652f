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
from typing import TYPE_CHECKING, BinaryIO, cast

import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE_BYTES = 4096
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
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
        frames = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return io.BufferedReader(cast("io.RawIOBase", frames), _CHUNK)
    return Path(path).open("rb")


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
