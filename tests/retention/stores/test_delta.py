"""Fenced appends to real Delta tables on disk."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from governance.errors import LakeError
from retention.stores.delta import DataFile, FencedTable, TableSpec, attempts, create_table, open_table
from retention.stores.key_index import KEYS, KeyIndex, as_keys

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = pa.schema([("event_key", pa.binary()), ("event_date", pa.string()), ("word", pa.string())])


def spec(folder: Path) -> TableSpec:
    """Return a table in the folder."""
    return TableSpec(str(folder / "table"), SCHEMA, "event_date", ("event_date",))


def rows(start: int, stop: int, date: str = "2026-11-23", word: str | None = "w") -> pa.Table:
    """Return rows with the keys `start` to `stop`."""
    keys = [i.to_bytes(16, "big") for i in range(start, stop)]
    return pa.table({"event_key": keys, "event_date": [date] * len(keys), "word": [word] * len(keys)}, schema=SCHEMA)


def append_once(table: FencedTable, index: KeyIndex, new: pa.Table) -> int:
    """Append rows whose keys are not there yet, as the sink does."""
    for _ in attempts():
        index.refresh(["2026-11-23"])
        keys = as_keys(new["event_key"])
        fresh = new.filter(pa.array(~index.seen("2026-11-23", keys)))
        files = table.write_files(fresh)
        if table.commit(files, {"ebb.rows": str(fresh.num_rows)}):
            return fresh.num_rows
        table.discard_files(files)
    raise AssertionError


@pytest.mark.parametrize("local", [(True, True), (False, False), (True, False), (False, True)])
def test_a_second_writer_that_did_not_look_is_refused(tmp_path: Path, local: tuple[bool, bool]) -> None:
    """A commit against a fence that moved is refused, and the loser sees the winner's rows.

    So it is where ebb puts the commit, where the library does, and where both do.
    """
    create_table(spec(tmp_path))
    first, second = FencedTable(spec(tmp_path)), FencedTable(spec(tmp_path))
    first.log.local, second.log.local = local
    assert first.commit(first.write_files(rows(0, 3)), {})
    files = second.write_files(rows(0, 3))
    assert not second.commit(files, {})
    second.discard_files(files)
    assert second.dataset().count_rows() == 3
    assert len(list((tmp_path / "table").rglob("*.parquet"))) == 1


def test_making_a_table_twice_is_harmless_and_new_columns_are_added(tmp_path: Path) -> None:
    """Only the first call makes it; a wider schema evolves it by adding nullable columns."""
    assert create_table(spec(tmp_path))
    assert not create_table(spec(tmp_path))
    wider = TableSpec(spec(tmp_path).uri, SCHEMA.append(pa.field("more", pa.int64())), "event_date", ("event_date",))
    create_table(wider)
    assert open_table(wider.uri).dataset().schema.names[-1] == "more"


def test_a_table_of_an_older_ebb_gets_the_settings_of_today(tmp_path: Path) -> None:
    """Seven days of commits in the log become seconds when a writer starts; once set, no commit is made for it."""
    create_table(replace(spec(tmp_path), log="interval 7 days"))
    create_table(spec(tmp_path))
    table = open_table(spec(tmp_path).uri)
    assert table.configuration()["delta.logRetentionDuration"] == "interval 10 seconds"
    create_table(spec(tmp_path))
    assert table.refresh() == table.version == 1


def test_no_value_reaches_the_log_or_the_statistics(tmp_path: Path) -> None:
    """A planted word stands in no byte of the log, and only inside the data pages of the file."""
    create_table(spec(tmp_path))
    table = FencedTable(spec(tmp_path))
    assert table.commit(table.write_files(rows(0, 2, word="planted-sentinel")), {"ebb.rows": "2"})
    for entry in (tmp_path / "table" / "_delta_log").iterdir():
        assert b"planted-sentinel" not in entry.read_bytes()


def test_a_column_of_nulls_is_left_out_of_the_file_and_read_as_nulls(tmp_path: Path) -> None:
    """Columns that no event carries cost nothing, and readers still see them."""
    create_table(spec(tmp_path))
    table = FencedTable(spec(tmp_path))
    table.commit(table.write_files(rows(0, 2, word=None)), {})
    assert table.dataset().to_table()["word"].to_pylist() == [None, None]
    assert table.column(table.files()[0], "word").null_count == 2


def test_file_positions_and_metadata_are_read_back(tmp_path: Path) -> None:
    """What a commit records about its source is in the same commit as its rows, rows or none."""
    create_table(spec(tmp_path))
    table = FencedTable(spec(tmp_path))
    assert table.commit([], {"ebb.sum": "{}"}, {"file:abc": 4096})
    assert open_table(table.uri).transaction("file:abc") == 4096
    assert open_table(table.uri).transaction("file:other") is None
    assert table.commits(1)[0]["ebb.sum"] == "{}"


def test_no_table_is_said_plainly(tmp_path: Path) -> None:
    """Opening what is not there names the place and the next step."""
    with pytest.raises(LakeError, match="ebb run"):
        open_table(str(tmp_path / "nothing"))


def writer(folder: Path, offset: int) -> None:
    """Append overlapping ranges from a process of its own."""
    table = FencedTable(spec(folder))
    index = KeyIndex([table])
    for start in range(offset, offset + 200, 20):
        append_once(table, index, rows(start, start + 40))
    os._exit(0)


def test_processes_with_overlapping_rows_write_each_once(tmp_path: Path) -> None:
    """Three processes append overlapping rows at once; every key is in the table exactly once."""
    create_table(spec(tmp_path))
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=writer, args=(tmp_path, offset)) for offset in (0, 50, 100)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    keys = open_table(spec(tmp_path).uri).dataset().to_table()["event_key"].to_pylist()
    assert len(keys) == len(set(keys)) == 320


def test_the_index_confirms_all_128_bits_and_forgets_the_oldest_date(tmp_path: Path) -> None:
    """Equal probes with different rests differ; beyond its limit the index drops what was used longest ago."""
    create_table(spec(tmp_path))
    table = FencedTable(spec(tmp_path))
    index = KeyIndex([table], limit=4)
    index.refresh(["2026-11-22"])
    twins = np.array([(7, 1), (7, 2)], KEYS)
    index.add(twins, 0, DataFile("x", "2026-11-22", 2))
    probe = np.array([(7, 2), (7, 3), (8, 1)], KEYS)
    assert index.seen("2026-11-22", probe).tolist() == [True, False, False]
    index.add(np.array([(i, i) for i in range(5)], KEYS), 0, DataFile("y", "2026-11-23", 5))
    index.refresh(["2026-11-23"])
    assert len(index) == 5
    assert not index.seen("2026-11-22", probe).any()


def test_runs_merge_so_that_many_small_bundles_stay_few_runs(tmp_path: Path) -> None:
    """A thousand insertions leave a handful of sorted runs and lose nothing."""
    create_table(spec(tmp_path))
    index = KeyIndex([FencedTable(spec(tmp_path))])
    rng = np.random.default_rng(1)
    everything = np.empty(10_000, KEYS)
    everything["probe"] = rng.integers(0, 2**63, 10_000, dtype=np.uint64)
    everything["rest"] = rng.integers(0, 2**63, 10_000, dtype=np.uint64)
    for start in range(0, 10_000, 10):
        index.add(everything[start : start + 10], 0, DataFile(str(start), "d", 10))
    assert len(index._runs["d"]) < 16
    assert index.seen("d", everything).all()


def test_keys_survive_the_trip_through_arrow() -> None:
    """Sliced, chunked and null keys come out as the same 128 bits, nulls left out."""
    values = [bytes([i]) * 16 for i in range(5)]
    chunked = pa.chunked_array([pa.array([*values[:2], None], pa.binary()), pa.array(values, pa.binary())[2:]])
    keys = as_keys(chunked)
    assert [int(k["probe"]).to_bytes(8, "big") + int(k["rest"]).to_bytes(8, "big") for k in keys] == values
