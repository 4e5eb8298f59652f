"""The log stays short; what commits said, where files ended and the fence survive."""

from __future__ import annotations

import gzip
import json
import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipelines.sinks.sums import Sum
from retention.stores import delta
from retention.stores.commit_log import interval
from retention.stores.delta import open_table
from retention.stores.key_index import KeyIndex, as_keys
from tests.retention.test_compaction import CLOSED, rows, table_in, words

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from retention.stores.delta import FencedTable


def log_of(folder: Path) -> list[str]:
    """List the commits in the log."""
    return sorted(path.name for path in (folder / "table" / "_delta_log").glob("*.json"))


def age_log(folder: Path) -> None:
    """Make the log look a minute old."""
    then = time.time() - 60
    for path in (folder / "table" / "_delta_log").iterdir():
        os.utime(path, (then, then))


def write(table: FencedTable, start: int, stop: int) -> None:
    """Commit one row after the other, each with a sum and a position."""
    for number in range(start, stop):
        files = table.write_files(rows(number, number + 1, CLOSED))
        assert table.commit(files, {"ebb.sum": f"sum {number}"}, {f"file:{number % 3}": number})


def shortened(folder: Path) -> FencedTable:
    """Return a table of 40 commits whose log holds the last 10."""
    table = table_in(folder)
    write(table, 0, 30)
    table.shorten_log(datetime.now(tz=UTC))
    write(table, 30, 40)
    age_log(folder)
    assert table.shorten_log(datetime.now(tz=UTC)) == 30
    return table


def test_old_commits_leave_the_log_and_nothing_is_lost(tmp_path: Path) -> None:
    """Rows, ranges, fence and sums are what they were, for the table in hand and for one opened afresh."""
    table = shortened(tmp_path)
    assert log_of(tmp_path) == [f"{version:020d}.json" for version in range(30, 41)]
    for seen in (table, open_table(table.uri)):
        assert seen.dataset().count_rows() == 40
        assert [seen.transaction(f"file:{n}") for n in range(3)] == [39, 37, 38]
        assert seen.transaction("table") == 40
        assert [commit.get("ebb.sum") for commit in seen.commits()] == [f"sum {n}" for n in range(39, -1, -1)] + [None]
        assert [commit["version"] for commit in seen.commits(15)] == list(range(40, 25, -1))
    assert table.shorten_log(datetime.now(tz=UTC)) == 0
    write(table, 40, 42)
    assert len(words(table)) == 42


def test_young_commits_stay(tmp_path: Path) -> None:
    """What is younger than `delta.logRetentionDuration` is not touched: readers may be at it."""
    table = table_in(tmp_path)
    for start in (0, 10, 20):
        write(table, start, start + 10)
        table.shorten_log(datetime.now(tz=UTC))
    assert len(log_of(tmp_path)) == 31


def test_what_was_killed_in_the_middle_is_gone_on_with(tmp_path: Path) -> None:
    """Kept twice is read once, and a log half taken away is taken away whole."""
    table = table_in(tmp_path)
    write(table, 0, 20)
    table.shorten_log(datetime.now(tz=UTC))
    write(table, 20, 22)
    table.log.keep_said(range(5))
    table.log.keep_said(range(12))
    for version in range(3):
        (tmp_path / "table" / "_delta_log" / f"{version:020d}.json").unlink()
    age_log(tmp_path)
    assert table.shorten_log(datetime.now(tz=UTC)) == 17
    assert [commit["version"] for commit in table.commits()] == list(range(22, -1, -1))
    table.log.merge_history()
    assert len(list((tmp_path / "table" / "_ebb_history").iterdir())) == 1
    assert [commit["version"] for commit in table.commits()] == list(range(22, -1, -1))


def summed(entries: list[dict[str, Any]]) -> tuple[dict[str, Any], int]:
    """Return what entries say together of runs: the sum as `ebb status` adds it up, and how many commits."""
    said, total = [entry for entry in entries if "ebb.run" in entry], Sum()
    for entry in said:
        total += Sum(**json.loads(entry["ebb.sum"]))
    assert total.balanced
    return total.parts(), sum(int(entry.get("ebb.commits", 1)) for entry in said)


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def old_commits(folder: Path) -> FencedTable:
    """Return a table with a history: twelve commits of two runs 60 days ago, twelve 59 days ago, six of yesterday."""
    table = table_in(folder)
    for number in range(30):
        odd = number % 2
        total = Sum(number, number - odd, dropped={"DUPLICATE": 1} if odd else {}, fields_dropped={f"X {number}": 1})
        said = {
            "ebb.sum": total.to_json(),
            "ebb.run": f"run-{number % 2}",
            "ebb.rows": "2",
            "ebb.published": f"P{number}",
        }
        assert table.commit(table.write_files(rows(number, number + 1, CLOSED)), said)
    table.shorten_log(datetime.now(tz=UTC))
    table.shorten_log(datetime.now(tz=UTC))
    write(table, 30, 32)
    age_log(folder)
    table.shorten_log(datetime.now(tz=UTC))
    table.log.keep_said()
    table.log.merge_history()
    path, entries = history_of(folder)
    for entry in entries:
        days = 60 - (entry["version"] - 1) // 12 if entry["version"] <= 24 else 1
        entry["timestamp"] = int((NOON - timedelta(days=days)).timestamp() * 1000) + entry["version"]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, entries)).encode()))
    return table


def history_of(folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """Return the one part of a table's history, and what it says."""
    [path] = (folder / "table" / "_ebb_history").iterdir()
    return path, [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def test_what_is_old_is_told_by_day_and_run_with_the_same_sums(tmp_path: Path) -> None:
    """Six commits of a run's day become one line; the young ones keep theirs; done again, nothing changes."""
    table = old_commits(tmp_path)
    before = summed(history_of(tmp_path)[1])
    assert (before[0]["read"], before[0]["dropped"], before[1]) == (sum(range(30)), {"DUPLICATE": 15}, 30)
    assert len(before[0]["fields_dropped"]) == 30
    assert table.log.fold_history(NOON - timedelta(days=30)) == 0
    assert table.log.fold_history(NOON) == 24 - 4
    _, told = history_of(tmp_path)
    assert summed(told) == before
    added_up = [one for one in told if "ebb.commits" in one and "ebb.run" in one]
    assert [(one["version"], one["ebb.run"]) for one in added_up] == [(v, f"run-{1 - v % 2}") for v in (11, 12, 23, 24)]
    assert {(one["ebb.rows"], one["ebb.commits"]) for one in added_up} == {("12", "6")}
    assert [one["ebb.published"] for one in told if one["version"] == 24] == ["P23"]
    assert not any("ebb.commit" in one for one in told if one["version"] <= 24)
    assert table.log.fold_history(NOON) == 0
    read = {one["version"]: one for one in open_table(table.uri).commits()}
    assert [version for version in sorted(read) if version <= 26] == [0, 11, 12, 23, 24, 25, 26]
    assert summed(list(read.values())) == before


def test_parts_that_overlap_are_not_added_up(tmp_path: Path) -> None:
    """What a merge that was killed left is merged first: nothing counts twice."""
    table = old_commits(tmp_path)
    whole, entries = history_of(tmp_path)
    part = whole.with_name(f"{0:020d}-{12:020d}.ndjson.gz")
    part.write_bytes(gzip.compress("\n".join(map(json.dumps, entries[:13])).encode()))
    assert table.log.fold_history(NOON) == 0
    table.log.merge_history()
    assert table.log.fold_history(NOON) == 20
    assert summed(history_of(tmp_path)[1]) == summed(entries)


def test_what_is_no_count_is_left_as_it_was_said(tmp_path: Path) -> None:
    """A sum that is no JSON stays a line by itself."""
    table = shortened(tmp_path)
    table.log.merge_history()
    assert table.log.fold_history(datetime.now(tz=UTC) + timedelta(days=99)) == 0
    assert [commit["version"] for commit in table.commits()] == list(range(40, -1, -1))


def test_a_writer_that_slept_past_the_shortening_is_refused_and_recovers(tmp_path: Path) -> None:
    """Its commit would take the number of one that left the log: it is refused, then it sees everything."""
    sleeper = table_in(tmp_path)
    index = KeyIndex([sleeper])
    index.refresh([CLOSED])
    shortened(tmp_path)
    assert not sleeper.commit(sleeper.write_files(rows(5, 6, CLOSED)), {})
    index.refresh([CLOSED])
    assert index.seen(CLOSED, as_keys(rows(0, 41, CLOSED)["event_key"])).tolist() == [True] * 40 + [False]
    assert sleeper.commit(sleeper.write_files(rows(40, 41, CLOSED)), {})
    assert len(words(sleeper)) == 41


def test_a_reader_that_slept_sees_the_newest_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick look at the next commit is trusted only while that commit cannot have left the log."""
    reader = table_in(tmp_path)
    shortened(tmp_path)
    monkeypatch.setattr(delta, "SETTLED", 0.0)
    assert reader.refresh() == 40


def test_a_commit_that_took_long_is_looked_for_in_a_fresh_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause in the middle of a commit, longer than the log lasts, does not pass for a commit that holds."""
    table = table_in(tmp_path)
    monkeypatch.setattr(delta, "SETTLED", -1.0)
    files = table.write_files(rows(0, 2, CLOSED))
    assert table.commit(files, {})
    assert not table._holds([], files)
    assert not table._holds(table.write_files(rows(5, 6, CLOSED)), [])


def test_the_log_is_shortened_by_the_writers_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any other command, a table of many small commits keeps a short log."""
    monkeypatch.setattr(delta, "interval", lambda _text: timedelta(0))
    table, other = table_in(tmp_path), table_in(tmp_path)
    for start in range(0, 300, 20):
        write(table, start, start + 10)
        other.refresh()
        write(other, start + 10, start + 20)
        table.refresh()
    assert len(log_of(tmp_path)) <= 121
    assert len(open_table(table.uri).commits()) == 301
    assert len(words(table)) == 300


def test_intervals_are_read_as_delta_writes_them() -> None:
    """Unknown or missing ones count as Delta's default."""
    assert interval("interval 10 seconds") == timedelta(seconds=10)
    assert interval("interval 1 week") == timedelta(days=7)
    assert interval(None) == interval("soon") == timedelta(days=30)
