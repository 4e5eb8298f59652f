"""Reading every byte for planted values, as they are and trivially transformed.

A value counts as found when any of its needles, or the whole of it, stands there in plain, reversed, in UTF-16, base64,
hexadecimal or percent signs, whatever its case, or as the start of a bare MD5, SHA-1 or SHA-256.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import struct
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_WINDOW = 8
_TABLE_BITS = 22
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_HASHES = ("md5", "sha1", "sha256")


@dataclass(frozen=True, slots=True)
class Planted:
    """A value and where it was put.

    Attributes:
        where: the place, for messages.
        value: as planted.
        needles: parts of it that must not survive either, each of 8 characters or more.
    """

    where: str
    value: str
    needles: tuple[str, ...]


class Scanner:
    """Looks for planted values in bytes; ten megabytes take about a second."""

    def __init__(self, planted: Iterable[Planted]) -> None:
        names: dict[bytes, str] = {}
        for one in planted:
            texts = {one.value, *one.needles}
            for text in texts | {text.lower() for text in texts}:
                for form, pattern in forms(text):
                    names.setdefault(pattern, f"{one.where}, {form}")
        self._add(names)

    @classmethod
    def of_bytes(cls, secrets: Iterable[tuple[str, bytes]]) -> Scanner:
        """Return a scanner for secrets that are bytes: raw, in hexadecimal and in base64."""
        scanner = cls(())
        names = {}
        for where, secret in secrets:
            names |= {secret: f"{where}, raw", secret.hex().encode(): f"{where}, hex"}
            names |= dict.fromkeys(_base64_cores(secret), f"{where}, base64")
        scanner._add(names)
        return scanner

    def _add(self, names: dict[bytes, str]) -> None:
        self._by_start: dict[int, list[tuple[bytes, str]]] = {}
        for pattern, name in names.items():
            assert len(pattern) >= _WINDOW, name
            self._by_start.setdefault(struct.unpack_from("<Q", pattern)[0], []).append((pattern, name))
        self._starts = np.array(sorted(self._by_start), dtype=np.uint64)
        self._table = np.zeros(1 << _TABLE_BITS, dtype=bool)
        self._table[_hashed(self._starts)] = True

    def find(self, data: bytes) -> set[str]:
        """Return what is found in `data`, by place and form."""
        return {*self._find(data), *self._find(data.lower())}

    def _find(self, data: bytes) -> Iterator[str]:
        for shift in range(min(_WINDOW, len(data))):
            count = (len(data) - shift) // _WINDOW
            if not count or not len(self._starts):
                continue
            windows = np.frombuffer(data, "<u8", count, shift)
            likely = np.flatnonzero(self._table[_hashed(windows)])
            places = np.searchsorted(self._starts[:-1], windows[likely])
            for at in likely[self._starts[places] == windows[likely]].tolist():
                for pattern, name in self._by_start[int(windows[at])]:
                    if data.startswith(pattern, shift + at * _WINDOW):
                        yield name

    def tree(self, folder: Path) -> dict[str, set[str]]:
        """Return what is found under `folder`, by file: in names, raw bytes and decoded contents."""
        found: dict[str, set[str]] = {}
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            hits = self.find(str(name).encode())
            if path.is_file():
                hits |= self.find(b"\n".join(decoded(path.read_bytes())))
            if hits:
                found[str(name)] = hits
        return found


def forms(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of a text and of its trivial transformations."""
    plain = text.encode()
    yield "plain", plain
    yield "reversed", text[::-1].encode()
    yield "UTF-16", text.encode("utf-16-le")
    yield "UTF-16", text.encode("utf-16-be")
    yield "hex", plain.hex().encode()
    yield "hex", plain.hex().upper().encode()
    yield "URL-encoded", quote(text, safe="").encode()
    yield "URL-encoded", "".join(f"%{byte:02x}" for byte in plain).encode()
    yield "JSON", json.dumps(text)[1:-1].encode()
    for core in _base64_cores(plain):
        yield "base64", core
    for name in _HASHES:
        digest = hashlib.new(name, plain).digest()
        # A hash cut short is a hash still.
        yield name, digest[:_WINDOW]
        yield name, digest.hex()[:16].encode()
        yield name, base64.b64encode(digest)[:12]


def decoded(data: bytes) -> Iterator[bytes]:
    """Yield a file's content as it lies, and decompressed or decoded where its form is known."""
    yield data
    if data.startswith(b"PAR1"):
        yield from _columns(data)
    elif data.startswith(b"\x1f\x8b"):
        yield gzip.decompress(data)
    elif data.startswith(b"\x28\xb5\x2f\xfd"):
        yield zstandard.ZstdDecompressor().decompressobj().decompress(data)
    elif data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield archive.read(name)


def _columns(data: bytes) -> Iterator[bytes]:
    """Yield everything that a Parquet file holds: footer, key-value metadata, values, and words that no row uses."""
    try:
        parquet = pq.ParquetFile(io.BytesIO(data))
    except pa.ArrowInvalid:  # a write that was cut short
        return
    with parquet:
        metadata, schema = parquet.metadata, parquet.schema_arrow
        yield str(metadata.to_dict()).encode()
        for key, value in (metadata.metadata or {}).items():
            yield from (key, value)
            if key == b"ARROW:schema":
                yield base64.b64decode(value)
        for name in schema.names:
            yield _joined(parquet.read(columns=[name])[name].to_pylist())
    with pq.ParquetFile(io.BytesIO(data), read_dictionary=schema.names) as parquet:
        for column in parquet.read().columns:
            for chunk in column.chunks:
                if isinstance(chunk, pa.DictionaryArray):
                    yield _joined(chunk.dictionary.to_pylist())


def _joined(values: Iterable[object]) -> bytes:
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)


def _base64_cores(plain: bytes) -> Iterator[bytes]:
    """Yield what base64 makes of `plain` wherever it stands in a longer text: each alignment, ends left out."""
    for before in range(3):
        made = base64.b64encode(b"\0" * before + plain)
        core = made[(0, 2, 3)[before] :]
        if (before + len(plain)) % 3:
            core = core.rstrip(b"=")[:-1]
        if len(core) >= _WINDOW:
            yield core
            yield core.replace(b"+", b"-").replace(b"/", b"_")


def _hashed(windows: np.ndarray) -> np.ndarray:
    return (windows * _SPREAD) >> np.uint64(64 - _TABLE_BITS)
