"""Bad surroundings of the lake: each says what to do next, without a traceback, and what was committed stays."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from governance.errors import LakeError
from retention.stores.delta import open_table
from tests.pipelines.sinks.test_lake import batch, key, rows, stored, tables, writer

ROOT = Path(__file__).resolve().parents[3]
NOBODY = 65534

LIMITED = """
import resource, sys
from pathlib import Path
from governance.errors import EbbError
from tests.pipelines.sinks.test_lake import batch, rows, writer

sink = writer(Path(sys.argv[1]))
sink.write(batch(rows(1, 2)))
sink._metadata["ebb.long"] = "x" * 3000
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    sink.write(batch(rows(3, 4)))
except EbbError as problem:
    print(type(problem).__name__, problem)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(sink.write(batch(rows(3, 4))).rows)
"""


@pytest.mark.parametrize("most", [100, 1500])
def test_a_disk_that_takes_no_more_stops_the_writer_and_it_goes_on_later(tmp_path: Path, most: int) -> None:
    """Whether the data file or the commit does not fit: a clear error, no half file live, no event lost or doubled."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), str(most)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said, kept = done.stdout.splitlines()[:-1], done.stdout.splitlines()[-1]
    assert "LakeError" in said[0]
    assert "raise it, then run again; what was not committed is read again" in said[0]
    assert kept == "2"
    assert stored(tables(tmp_path).anonymous.uri) == sorted(map(key, (1, 2, 3, 4)))


def test_a_full_disk_is_called_full(tmp_path: Path) -> None:
    """On a disk without room the message says so, and the lake goes on when there is room again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        sink = writer(disk)
        sink.write(batch(rows(1, 2)))
        with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(bytes(4096))
        with pytest.raises(LakeError, match="the disk is full: make room, then run again"):
            sink.write(batch(rows(3, 4)))
        (disk / "ballast").unlink()
        assert sink.write(batch(rows(3, 4))).rows == 2
        assert len(stored(tables(disk).anonymous.uri)) == 4
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_lake_that_this_user_may_not_write_says_whose_it_must_be(tmp_path: Path) -> None:
    """Another user's folder: the message names it and what to do; nothing is made."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from governance.errors import EbbError\n"
        "from tests.pipelines.sinks.test_lake import writer\n"
        "if os.getuid() == 0:\n"
        f"    os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "try:\n"
        "    writer(Path(sys.argv[1]) / 'lake')\n"
        "except EbbError as problem:\n"
        "    print(type(problem).__name__, problem)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(closed)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.startswith("LakeError"), done.stderr
    assert "this user may not write there: give it the folder (chown) or choose another" in done.stdout
    assert list(closed.iterdir()) == []


def test_a_file_in_the_place_of_the_lake_is_said(tmp_path: Path) -> None:
    """A path that cannot be a folder is named."""
    (tmp_path / "lake").write_text("a file")
    with pytest.raises(LakeError, match="a file stands where a folder should be"):
        writer(tmp_path / "lake")


@pytest.mark.parametrize(
    "protocol",
    [
        {"minReaderVersion": 1, "minWriterVersion": 99},
        {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["fromTheFuture"]},
        {"minReaderVersion": 99, "minWriterVersion": 99},
    ],
)
def test_a_table_of_a_newer_version_is_not_written(tmp_path: Path, protocol: dict[str, object]) -> None:
    """A writer at work and one that starts both say to upgrade; nothing is written, and no orphan is left live."""
    sink = writer(tmp_path)
    sink.write(batch(rows(1, 2)))
    uri = tables(tmp_path).anonymous.uri
    version = open_table(uri).version
    newer = Path(uri) / "_delta_log" / f"{version + 1:020d}.json"
    newer.write_text(json.dumps({"protocol": protocol}) + "\n")
    for attempt in (sink, None):
        with pytest.raises(LakeError, match="newer version of ebb or of Delta: upgrade this ebb"):
            (attempt or writer(tmp_path)).write(batch(rows(3, 4)))
    assert max(path.name for path in newer.parent.glob("*.json")) == newer.name


@pytest.mark.parametrize("content", [b"{not json", b"\x00" * 100, b'{"add": 3}'])
def test_a_damaged_log_is_said_and_not_touched(tmp_path: Path, content: bytes) -> None:
    """The message says what to restore; it does not quote the log, and the data files stay."""
    sink = writer(tmp_path)
    sink.write(batch(rows(1, 2)))
    uri = tables(tmp_path).anonymous.uri
    damaged = Path(uri) / "_delta_log" / f"{open_table(uri).version:020d}.json"
    whole = damaged.read_bytes()
    damaged.write_bytes(content)
    with pytest.raises(LakeError, match="restore _delta_log from a copy") as problem:
        writer(tmp_path)
    assert "not json" not in str(problem.value)
    damaged.write_bytes(whole)
    assert writer(tmp_path).write(batch(rows(2, 3))).dropped == {"DUPLICATE": 1}
    assert len(stored(uri)) == 3
