"""The files source: ranges, growth, rotation, compression."""

from __future__ import annotations

import contextlib
import gzip
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard

from governance.keys import Keyring, RootKey
from pipelines.sources.files import LONGEST_LINE, FilesReader, FilesSource
from retention.stores.delta import FencedTable
from tests.pipelines.sinks.test_lake import tables

if TYPE_CHECKING:
    from retention.stores.delta import TableSpec
    from transforms.deid.events import RawBundle

ROOT = b"\x05" * 32


def first_bundle(source: FilesSource) -> RawBundle:
    """Read one bundle without committing it."""
    reader = source.open()
    try:
        bundle = reader.pull(0.0)
    finally:
        reader.close()
    assert bundle is not None
    return bundle


def open_keyring(url: str) -> Keyring:
    """Open the keyring with the fixed root key."""
    return Keyring.open(url, RootKey(ROOT))


@pytest.fixture
def source(tmp_path: Path) -> FilesSource:
    """Return a source over `*.log*` in the folder, with a lake and a keyring."""
    url = f"sqlite:///{tmp_path / 'keyring.sqlite'}"
    Keyring.create(url, RootKey(ROOT))
    lake = tables(tmp_path / "lake")
    lake.create()
    pattern = str(tmp_path / "*.log*")
    return FilesSource(pattern, lake.anonymous.uri, "service_log", partial(open_keyring, url), "native", None, 100)


def commit(source: FilesSource, reader: FilesReader, bundle: RawBundle) -> None:
    """Record the bundle's ranges, as the sink does with its rows."""
    table = FencedTable(tables_spec(source))
    table.refresh()
    marks = {f"file:{reader._file_id(r.base)}": r.end for r in bundle.ranges}
    assert table.commit([], {}, marks)


def tables_spec(source: FilesSource) -> TableSpec:
    """Return the table that records the source's ranges."""
    return tables(Path(source.table).parent.parent).anonymous


def read_all(source: FilesSource) -> list[bytes]:
    """Read until nothing comes, committing each bundle."""
    reader, lines = source.open(), []
    with contextlib.closing(reader):
        while bundle := reader.pull(0.0):
            assert len(bundle) <= source.max_events
            lines += [line for segment in bundle.segments for line in segment.lines]
            commit(source, reader, bundle)
    return lines


def numbered(start: int, stop: int) -> bytes:
    """Return numbered lines of varying length."""
    return b"".join(b"line %d %s\n" % (n, b"x" * (n % 90)) for n in range(start, stop))


def test_every_line_is_read_once_over_runs(source: FilesSource, tmp_path: Path) -> None:
    """A second run takes nothing; what was appended since is taken from where the first one ended."""
    log = tmp_path / "a.log"
    log.write_bytes(numbered(0, 1000))
    assert read_all(source) == numbered(0, 1000).splitlines()
    assert read_all(source) == []
    with log.open("ab") as more:
        more.write(numbered(1000, 1100))
    assert read_all(source) == numbered(1000, 1100).splitlines()


def test_a_crash_before_the_commit_reads_the_range_again(source: FilesSource, tmp_path: Path) -> None:
    """A bundle that was never committed is read again by the next run, with the same positions."""
    (tmp_path / "a.log").write_bytes(numbered(0, 150))
    lost, again = first_bundle(source), first_bundle(source)
    assert lost.segments[0].offsets == again.segments[0].offsets
    assert lost.segments[0].lines == again.segments[0].lines


def test_rotation_and_compression_do_not_bring_lines_back(source: FilesSource, tmp_path: Path) -> None:
    """A file that was renamed, or compressed by rotation, is known by its content."""
    log = tmp_path / "a.log"
    log.write_bytes(numbered(0, 300))
    read_all(source)
    log.rename(tmp_path / "b.log.1")
    assert read_all(source) == []
    (tmp_path / "b.log.1").unlink()
    (tmp_path / "b.log.1.gz").write_bytes(gzip.compress(numbered(0, 300)))
    assert read_all(source) == []
    (tmp_path / "b.log.1.gz").unlink()
    (tmp_path / "c.log.zst").write_bytes(zstandard.compress(numbered(0, 300) + numbered(300, 310)))
    assert read_all(source) == numbered(300, 310).splitlines()


def test_a_short_file_that_grows_keeps_its_name(source: FilesSource, tmp_path: Path) -> None:
    """A file below 4 KiB when first read is found again when it has grown beyond that."""
    log = tmp_path / "a.log"
    log.write_bytes(numbered(0, 5))
    assert len(read_all(source)) == 5
    log.write_bytes(numbered(0, 500))
    assert read_all(source) == numbered(5, 500).splitlines()


def test_two_files_that_begin_with_the_same_line_are_two(source: FilesSource, tmp_path: Path) -> None:
    """A common first line does not make two files one."""
    (tmp_path / "a.log").write_bytes(b"header\n" + numbered(0, 3))
    (tmp_path / "b.log").write_bytes(b"header\n" + numbered(5, 9))
    assert len(read_all(source)) == 9


def test_offsets_name_bytes_and_blank_lines_are_no_records(source: FilesSource, tmp_path: Path) -> None:
    """Each line's offset is where it begins; CR LF is taken off; a last line without an end counts when draining."""
    (tmp_path / "a.log").write_bytes(b"one\r\n\n  two\nthree")
    bundle = first_bundle(source)
    assert list(bundle.segments[0].lines) == [b"one", b"  two", b"three"]
    assert list(bundle.segments[0].offsets) == [0, 6, 12]
    assert bundle.ranges[0].end == 17


def test_a_watched_file_waits_for_the_end_of_its_last_line(source: FilesSource, tmp_path: Path) -> None:
    """Half a line is not read until the rest is there."""
    watched = FilesSource(
        source.pattern, source.table, source.stream, source.open_keyring, source.format, None, 100, drain=False
    )
    log = tmp_path / "a.log"
    log.write_bytes(b"one\ntw")
    reader = watched.open()
    first = reader.pull(0.0)
    assert first is not None
    assert list(first.segments[0].lines) == [b"one"]
    commit(source, reader, first)
    assert reader.pull(0.0) is None
    with log.open("ab") as more:
        more.write(b"o\n")
    second = reader.pull(0.0)
    assert second is not None
    assert list(second.segments[0].lines) == [b"two"]
    reader.close()


def test_an_endless_line_is_cut_and_its_neighbours_keep_their_places(source: FilesSource, tmp_path: Path) -> None:
    """A line beyond the limit is handed on cut, so that decoding refuses it; memory stays bounded."""
    (tmp_path / "a.log").write_bytes(b"a\n" + b"x" * (9 << 20) + b"\nb\n")
    bundle = first_bundle(source)
    assert [len(line) for line in bundle.segments[0].lines] == [1, LONGEST_LINE, 1]
    assert list(bundle.segments[0].offsets) == [0, 2, 2 + (9 << 20) + 1]


def test_a_damaged_archive_says_so(source: FilesSource, tmp_path: Path) -> None:
    """A truncated gzip ends the run with a sentence that names the file."""
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(os.urandom(200_000))[:-50_000])
    with pytest.raises(Exception, match=r"a\.log\.gz.*damaged"):
        read_all(source)


def test_a_watched_file_that_is_rotated_away_is_read_to_its_end(source: FilesSource, tmp_path: Path) -> None:
    """A file that is renamed while it is open, with nothing in its place yet, is handed out to its end."""
    watched = FilesSource(
        source.pattern, source.table, source.stream, source.open_keyring, source.format, None, 100, drain=False
    )
    log = tmp_path / "a.log"
    log.write_bytes(numbered(0, 250))
    with contextlib.closing(watched.open()) as reader:
        taken = 0
        while (bundle := reader.pull(0.0)) is not None:
            commit(source, reader, bundle)
            taken += len(bundle)
            if log.exists():
                log.rename(tmp_path / "rotated_away")
    assert taken == 250


def test_blank_lines_between_lines_are_no_lines_to_hand_out(source: FilesSource, tmp_path: Path) -> None:
    """Runs of blank lines, at the head too, move offsets and fill no bundle."""
    (tmp_path / "a.log").write_bytes(b"\n" * 500 + b"one\n" + b"\n" * 500 + b"two\n\n\nthree")
    bundle = first_bundle(source)
    assert list(bundle.segments[0].lines) == [b"one", b"two", b"three"]
    assert list(bundle.segments[0].offsets) == [500, 1004, 1010]
    assert bundle.ranges[0].end == 1015
