"""Positions of lines: of the content, not of the file that happens to hold it."""

from __future__ import annotations

import gzip
import hashlib
import io
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.position import DAMAGED, compression, content_base, lines_at, open_content

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"".join(b"line %d\n" % number for number in range(5000))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Return one content stored in three ways under misleading names, the compressed ones in two frames."""
    halves = CONTENT[:20_000], CONTENT[20_000:]
    stored = {
        "none": CONTENT,
        "gzip": b"".join(map(gzip.compress, halves)),
        "zstd": b"".join(map(zstandard.compress, halves)),
    }
    for name, data in stored.items():
        (tmp_path / f"{name}.log").write_bytes(data)
    return {name: tmp_path / f"{name}.log" for name in stored}


def test_compression_changes_neither_content_nor_base(files: dict[str, Path]) -> None:
    """A log that was rotated and compressed is still the same log."""
    expected = hashlib.sha256(CONTENT[:4096]).hexdigest()
    for path in files.values():
        assert content_base(path) == expected
        with open_content(path) as content:
            assert content.read() == CONTENT


def test_compression_is_told_by_content_not_by_name(files: dict[str, Path], tmp_path: Path) -> None:
    """Names may lie; an empty file is an uncompressed one."""
    assert {name: compression(path) for name, path in files.items()} == {"none": None, "gzip": "gzip", "zstd": "zstd"}
    (tmp_path / "empty.gz").touch()
    assert compression(tmp_path / "empty.gz") is None


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_damaged_file_raises_one_of_the_errors_named(files: dict[str, Path], name: str) -> None:
    """Bytes turned over in the middle never pass for content."""
    data = bytearray(files[name].read_bytes())
    data[len(data) // 3 : len(data) // 3 + 40] = bytes(40)
    files[name].write_bytes(data)
    with pytest.raises(DAMAGED), open_content(files[name]) as content:
        content.read()


@given(st.binary(max_size=400).map(lambda data: data.replace(b"a", b"\n")), st.integers(1, 50))
def test_offsets_and_lines_add_up_to_the_content(content: bytes, limit: int) -> None:
    """Every line stands at its offset as it is; longer ones are None, and the next still stands where it does."""
    expected, offset = [], 0
    for line in io.BytesIO(content):
        expected.append((offset, line if len(line) <= limit else None))
        offset += len(line)
    assert list(lines_at(io.BytesIO(content), limit)) == expected
