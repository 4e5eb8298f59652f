"""Compaction of real Delta tables, beside writers."""

from __future__ import annotations

import multiprocessing
import os
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import LakeError
from retention.compaction import Blanking, Done, Task, blanked, carry_out, holds_blankable, plan
from retention.stores.commit_log import CommitLog
from retention.stores.delta import DataFile, FencedTable, TableSpec, create_table, open_table
from retention.stores.key_index import KeyIndex, as_keys

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2026, 11, 23)
CLOSED, OLD = "2026-11-20", "2026-09-01"
SCHEMA = pa.schema(
    [
        ("event_key", pa.binary()),
        ("event_date", pa.string()),
        ("device_id", pa.string()),
        ("track", pa.string()),
        ("word", pa.string()),
    ]
)
RULES = Blanking("event_key", ("device_id",), ("track",))


def spec(folder: Path) -> TableSpec:
    """Describe the table of these tests."""
    return TableSpec(str(folder / "table"), SCHEMA, "event_date", ())


def table_in(folder: Path) -> FencedTable:
    """Open the table, made if it is missing."""
    create_table(spec(folder))
    return FencedTable(spec(folder))


def key(number: int) -> bytes:
    """Return a key whose order is not that of the numbers."""
    return ((number * 7919) % 65521).to_bytes(16, "big")


def rows(start: int, stop: int, day: str, token: str | None = None) -> pa.Table:
    """Return rows of one date."""
    count = stop - start
    return pa.table(
        {
            "event_key": [key(n) for n in range(start, stop)],
            "event_date": [day] * count,
            "device_id": [token or f"v1.{day}.abc{n}" for n in range(start, stop)],
            "track": ["t"] * count,
            "word": [str(n) for n in range(start, stop)],
        },
        schema=SCHEMA,
    )


def fill(table: FencedTable, day: str, files: int, each: int = 5) -> None:
    """Commit one small file after the other."""
    for number in range(files):
        assert table.commit(table.write_files(rows(number * each, number * each + each, day)), {})


def compact(table: FencedTable, rules: Blanking = RULES, held: np.ndarray | None = None) -> Done:
    """Do all that is due."""
    table.refresh()
    done = Done()
    for task in plan(table.files(), table.bytes_of(), TODAY, holds_blankable(table, rules)):
        mask = held
        done += carry_out(table, task, rules, np.random.default_rng(7), lambda _rows, mask=mask: mask)
    return done


def words(table: FencedTable) -> list[str]:
    """Return what the table holds now."""
    table.refresh()
    return sorted(table.dataset().to_table()["word"].to_pylist())


def test_files_of_a_closed_date_become_one_in_the_order_of_keys(tmp_path: Path) -> None:
    """Every row stays, sorted by key, in one file; a second run finds nothing to do."""
    table = table_in(tmp_path)
    fill(table, CLOSED, 6)
    before = words(table)
    assert compact(table) == Done(6, 1, 30, 0)
    assert words(table) == before
    keys = table.dataset().to_table()["event_key"].to_pylist()
    assert keys == sorted(keys)
    assert len(table.files()) == 1
    assert compact(table) == Done()


def test_open_dates_are_left_alone(tmp_path: Path) -> None:
    """Today and yesterday keep their files; the day before yesterday is closed."""
    table = table_in(tmp_path)
    for back in (0, 1, 2):
        fill(table, (TODAY - timedelta(days=back)).isoformat(), 3)
    assert compact(table).files_before == 3
    assert len(table.files()) == 7


@given(st.lists(st.tuples(st.integers(-3, 60), st.integers(1, 90 << 20), st.integers(1, 400_000)), max_size=30))
def test_a_plan_never_touches_open_dates_and_uses_a_file_once(entries: list[tuple[int, int, int]]) -> None:
    """Whatever files there are: no open date, no file twice, no group above its limits, nothing that is no date."""
    files = [
        DataFile(str(n), (TODAY - timedelta(days=back)).isoformat(), count)
        for n, (back, _, count) in enumerate(entries)
    ]
    sizes = {str(n): size for n, (_, size, _) in enumerate(entries)}
    tasks = plan([*files, DataFile("x", "open-2026-01", 1)], sizes, TODAY, lambda _file: False)
    used = [file.path for task in tasks for file in task.files]
    assert len(used) == len(set(used))
    assert all(task.partition <= "2026-11-21" for task in tasks)
    assert all(len(task.files) > 1 for task in tasks)
    assert all(sum(file.rows for file in task.files) <= 500_000 for task in tasks)
    assert all({file.partition for file in task.files} == {task.partition} for task in tasks)


def test_after_35_days_keys_window_tokens_and_permissions_are_blanked(tmp_path: Path) -> None:
    """What is left is in an order that tells nothing; tokens of other epochs stay; a second run does nothing."""
    table = table_in(tmp_path)
    fill(table, OLD, 4)
    assert table.commit(table.write_files(rows(20, 22, OLD, token="v1.2026H2.keep")), {})
    assert compact(table).blanked == 22
    after = table.dataset().to_table()
    assert after["event_key"].null_count == after["track"].null_count == 22
    assert set(after["device_id"].to_pylist()) == {None, "v1.2026H2.keep"}
    order = [int(word) for word in after["word"].to_pylist()]
    assert sorted(order) == list(range(22))
    assert order != sorted(order)
    assert [key(n) for n in order] != sorted(key(n) for n in order)
    assert compact(table) == Done()


def test_the_day_of_blanking_is_the_36th(tmp_path: Path) -> None:
    """A date 35 days ago keeps its keys, one day more and they go; a single file is enough."""
    table = table_in(tmp_path)
    for back in (35, 36):
        fill(table, (TODAY - timedelta(days=back)).isoformat(), 1)
    assert compact(table).blanked == 5
    kept = table.dataset().to_table()
    assert set(kept.filter(kept["event_key"].is_valid())["event_date"].to_pylist()) == {"2026-10-19"}


def test_what_a_hold_lists_stays_as_it_is() -> None:
    """Masked rows keep key, token and permission."""
    after = blanked(rows(0, 3, OLD), OLD, RULES, np.array([True, False, False]))
    assert after["event_key"].null_count == 2
    assert after["track"].to_pylist() == ["t", None, None]
    assert after["device_id"].to_pylist() == [f"v1.{OLD}.abc0", None, None]


def test_a_table_all_of_whose_rows_are_held_is_not_written_again(tmp_path: Path) -> None:
    """A held file is looked at in every run and never rewritten."""
    table = table_in(tmp_path)
    fill(table, OLD, 1)
    version = table.version
    assert compact(table, held=np.ones(5, bool)) == Done()
    assert table.refresh() == version


def test_a_writer_that_prepared_before_a_compaction_is_refused_and_finds_the_rows_again(tmp_path: Path) -> None:
    """The fence moves with every merge; after a look at the new files the same events are duplicates."""
    writer, compactor = table_in(tmp_path), table_in(tmp_path)
    fill(writer, CLOSED, 3)
    index = KeyIndex([writer])
    index.refresh([CLOSED])
    late = rows(10, 17, CLOSED)
    files = writer.write_files(late)
    assert compact(compactor).files_after == 1
    assert not writer.commit(files, {})
    index.refresh([CLOSED])
    seen = index.seen(CLOSED, as_keys(late["event_key"]))
    assert seen.tolist() == [True] * 5 + [False] * 2
    assert len(index) == 15


def test_keys_that_were_blanked_leave_the_index_of_a_writer_with_its_next_look(tmp_path: Path) -> None:
    """The index is a copy of the tables' keys, and keeps none that they have given up (R-RET-12)."""
    writer, compactor = table_in(tmp_path), table_in(tmp_path)
    fill(writer, OLD, 3)
    index = KeyIndex([writer])
    index.refresh([OLD])
    assert len(index) == 15
    compact(compactor)
    index.refresh([CLOSED])
    assert len(index) == 0


def test_two_compactions_at_once_do_the_work_once(tmp_path: Path) -> None:
    """The slower one finds its files gone, removes its own and does nothing."""
    one, two = table_in(tmp_path), table_in(tmp_path)
    fill(one, CLOSED, 3)
    two.refresh()
    tasks = plan(two.files(), two.bytes_of(), TODAY, holds_blankable(two, RULES))
    assert compact(one).files_after == 1
    assert carry_out(two, tasks[0], RULES, np.random.default_rng(1)) == Done()
    assert len(words(two)) == 15
    assert len(two.files()) == 1
    assert len(list((tmp_path / "table").rglob("*.parquet"))) == 4  # three taken away, one live


def test_a_merge_is_no_change_of_data_and_its_log_tells_no_value(tmp_path: Path) -> None:
    """Merging says `dataChange: false`; neither keys nor words stand in the log."""
    table = table_in(tmp_path)
    fill(table, CLOSED, 2)
    compact(table)
    last = (tmp_path / "table" / "_delta_log" / f"{table.version:020d}.json").read_text()
    assert '"dataChange":false' in last
    assert '"dataChange":true' not in last
    assert table.commits(1)[0]["ebb.action"] == "compact"


def test_rows_that_the_log_does_not_know_stop_it(tmp_path: Path) -> None:
    """A file with fewer rows than the log says is not merged away."""
    table = table_in(tmp_path)
    fill(table, CLOSED, 2)
    files = [DataFile(file.path, file.partition, file.rows + 1) for file in table.files()]
    with pytest.raises(LakeError, match="other rows"):
        carry_out(table, Task(CLOSED, tuple(files), blank=False), RULES, np.random.default_rng(1))
    assert len(open_table(table.uri).files()) == 2


@pytest.mark.parametrize("seam", ["write_files", "put", "refresh"])
def test_a_compaction_that_was_killed_is_made_again_with_nothing_lost(tmp_path: Path, seam: str) -> None:
    """Killed after it wrote, before its commit or after it: rows are what they were, and the next run ends the work."""
    fill(table_in(tmp_path), CLOSED, 4)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=die_compacting, args=(tmp_path, seam))
    process.start()
    process.join(60)
    assert process.exitcode == 137
    table = table_in(tmp_path)
    assert words(table) == sorted(str(n) for n in range(20))
    compact(table)
    assert words(table) == sorted(str(n) for n in range(20))
    assert len(table.files()) == 1
    assert compact(table) == Done()


def die_compacting(folder: Path, seam: str) -> None:
    """Compact, and die at the seam as by SIGKILL."""
    owner = CommitLog if seam == "put" else FencedTable
    real = getattr(owner, seam)
    table = table_in(folder)

    def armed(*arguments: object, **keywords: object) -> None:
        real(*arguments, **keywords)
        os._exit(137)

    tasks = plan(table.files(), table.bytes_of(), TODAY, holds_blankable(table, RULES))
    setattr(owner, seam, armed)
    carry_out(table, tasks[0], RULES, np.random.default_rng(1))
