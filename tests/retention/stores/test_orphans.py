"""Orphans of crashed writes: found by age, never taken from a writer that may still commit them."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from retention.stores.orphans import remove_orphans
from tests.retention.test_compaction import CLOSED, fill, rows, table_in, words

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from retention.stores.delta import DataFile, FencedTable

HOUR = timedelta(hours=1)


def age(table: FencedTable, files: list[DataFile], hours: float = 2) -> None:
    """Make files look old."""
    then = time.time() - hours * 3600
    for file in files:
        os.utime(f"{table.uri}/{file.path}", (then, then))


def on_disk(folder: Path) -> int:
    """Count the Parquet files under the table, live or not."""
    return sum(1 for _ in (folder / "table").rglob("*.parquet"))


def now() -> datetime:
    """Return the wall clock's instant."""
    return datetime.now(tz=UTC)


def test_only_old_files_that_no_commit_names_are_removed(tmp_path: Path) -> None:
    """Live files and young ones stay, however old or unknown."""
    table = table_in(tmp_path)
    fill(table, CLOSED, 2)
    age(table, table.files())
    old, young = table.write_files(rows(50, 52, CLOSED)), table.write_files(rows(60, 62, CLOSED))
    age(table, old)
    assert remove_orphans(table, now(), HOUR) == 1
    assert not table.there(old)
    assert table.there(young)
    assert len(words(table)) == 10
    assert remove_orphans(table, now(), HOUR) == 0


def test_files_that_were_taken_away_are_left_to_the_vacuum(tmp_path: Path) -> None:
    """A reader of the version before may still have them open."""
    table = table_in(tmp_path)
    fill(table, CLOSED, 1)
    gone = table.files()
    age(table, gone)
    assert table.commit([], {}, removed=gone)
    assert remove_orphans(table, now(), HOUR) == 0
    assert on_disk(tmp_path) == 1
    assert table.vacuum(0) == 1
    assert on_disk(tmp_path) == 0


def test_a_writer_that_slept_past_the_cleaning_writes_its_file_anew(tmp_path: Path) -> None:
    """Its commit is refused, before and after it looks at the table again, since its file is gone."""
    table, sleeper = table_in(tmp_path), table_in(tmp_path)
    files = sleeper.write_files(rows(0, 3, CLOSED))
    age(sleeper, files)
    assert remove_orphans(table, now(), HOUR) == 1
    assert not sleeper.commit(files, {})
    sleeper.refresh()
    assert not sleeper.commit(files, {})
    assert not sleeper.there(files)
    assert sleeper.commit(sleeper.write_files(rows(0, 3, CLOSED)), {})
    assert words(table) == ["0", "1", "2"]


def test_a_commit_between_the_look_and_the_fence_gets_its_file_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that looked at its file right before it was set aside, and committed right after, loses nothing."""
    table, writer = table_in(tmp_path), table_in(tmp_path)
    files = writer.write_files(rows(0, 3, CLOSED))
    age(writer, files)
    sizes = writer._sizes(files)
    monkeypatch.setattr(writer, "_sizes", lambda _files: sizes)  # it looked before
    moved = False
    real = type(table).refresh

    def refresh(self: FencedTable) -> int:
        nonlocal moved
        if self is table and not moved and not (tmp_path / "table" / files[0].path).exists():
            moved = True
            assert writer.commit(files, {})
        return real(self)

    monkeypatch.setattr(type(table), "refresh", refresh)
    assert remove_orphans(table, now(), HOUR) == 0
    assert moved
    assert words(table) == ["0", "1", "2"]


def test_a_cleaning_that_was_killed_is_gone_on_with(tmp_path: Path) -> None:
    """Files set aside by a run that died are removed, or put back if they were committed."""
    table = table_in(tmp_path)
    fill(table, CLOSED, 1)
    committed = tmp_path / "table" / table.files()[0].path
    orphan = tmp_path / "table" / table.write_files(rows(50, 52, CLOSED))[0].path
    for path in (committed, orphan):
        path.rename(path.with_name(f"_orphan-{path.name}"))
    assert remove_orphans(table, now(), HOUR) == 1
    assert len(words(table)) == 5
    assert on_disk(tmp_path) == 1
