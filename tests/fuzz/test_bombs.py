"""Archives that are small on disk and huge inside: read in pieces, in bounded memory."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from pipelines.sources.files import BLOCK, BUNDLE_BYTES, LONGEST_LINE

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
CONTENT = 384 * MIB
BEARABLE = 260 * MIB
"""A bundle, a block, its lines and the next one; the content is larger than all of them together."""

LONG = b"x" * (LONGEST_LINE - 2) + b"\n"
FILLINGS = {
    "one line": b"x" * MIB,
    "long lines": LONG,
    "blank lines": b"\n" * MIB,
    "deep nesting": b"[" * MIB,
    "short lines": (b'{"a":1}' * 9 + b"\n") * (MIB // 64),
}


def packed(kind: str, piece: bytes) -> bytes:
    """Return an archive of `CONTENT` bytes of the piece, over and over."""
    target = io.BytesIO()
    if kind == "gzip":
        with gzip.GzipFile(fileobj=target, mode="wb", compresslevel=1) as archive:
            for _ in range(CONTENT // len(piece)):
                archive.write(piece)
    else:
        with zstandard.ZstdCompressor(level=1).stream_writer(target, closefd=False) as archive:
            for _ in range(CONTENT // len(piece)):
                archive.write(piece)
    return target.getvalue()


def read(home: Path, pattern: Path) -> tuple[int, dict[str, Any], str]:
    """Read in a process of its own; return exit code, report and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.reading", str(home), str(pattern)],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_an_archive_that_explodes_is_read_in_bounded_memory(tmp_path: Path, kind: str, filling: str) -> None:
    """384 MiB in an archive of a hundredth of that: every byte is read, no bundle is larger than its bound."""
    archive = packed(kind, FILLINGS[filling])
    assert len(archive) < CONTENT / 100
    (tmp_path / "bomb").write_bytes(archive)
    code, report, said = read(tmp_path, tmp_path / "bomb")
    assert code == 0, said
    assert report["content"] == CONTENT // len(FILLINGS[filling]) * len(FILLINGS[filling])
    assert report["largest"] <= BUNDLE_BYTES + BLOCK + LONGEST_LINE
    assert report["grown"] < BEARABLE, report


def test_a_window_that_is_too_wide_is_refused(tmp_path: Path) -> None:
    """A zstd frame that asks for two gigabytes of memory is refused with a sentence that names the file."""
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=31, enable_ldm=True)
    made = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    content = made.compress(b"x" * MIB) + made.flush()
    (tmp_path / "wide.zst").write_bytes(content)
    code, _, said = read(tmp_path, tmp_path / "wide.zst")
    assert code == 1
    assert "wide.zst cannot be read on" in said.splitlines()[-1]


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
@pytest.mark.parametrize("where", ["head", "middle", "end"])
def test_a_damaged_archive_names_itself(tmp_path: Path, kind: str, where: str) -> None:
    """Whatever byte is wrong or missing, the sentence names the file; nothing beyond it is invented."""
    content = b"".join(b'{"a":%d}\n' % (number * 7919 % 100_003) for number in range(200_000))
    pack = gzip.compress if kind == "gzip" else zstandard.ZstdCompressor(write_checksum=True).compress
    whole = pack(content)
    broken = {
        "head": whole[:6] + b"\xff" * 30 + whole[36:],
        "middle": whole[: len(whole) // 2] + b"\xff" * 64 + whole[len(whole) // 2 + 64 :],
        "end": whole[:-2000],
    }[where]
    (tmp_path / "damaged").write_bytes(broken)
    code, _, said = read(tmp_path, tmp_path / "damaged")
    assert code == 1, (kind, where)
    assert "damaged cannot be read on" in said.splitlines()[-1], said.splitlines()[-1]
