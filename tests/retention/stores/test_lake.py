"""Sweeping lake tables: whole files by metadata, mixed files rewritten, beside a stream that goes on writing."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from governance.errors import RefusedError
from pipelines.lake_datasets import lake_register
from retention.judging import Judge
from retention.rules import Status
from retention.stores.delta import FencedTable, TableSpec, attempts, create_table, open_table
from retention.stores.lake import DeltaStore
from retention.survey import survey
from retention.witness.opinion import form_opinion

if TYPE_CHECKING:
    from pathlib import Path

    from retention.datasets import Dataset

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SCHEMA = pa.schema(
    [("event_key", pa.binary()), ("event_date", pa.string()), ("due_date", pa.string()), ("page", pa.string())]
)


def make_table(lake: Path) -> tuple[DeltaStore, Dataset, TableSpec]:
    """Make an empty table of a lake; return store, dataset and table."""
    dataset = lake_register(str(lake)).dataset("analytics.service_log")
    spec = TableSpec(f"{lake}/analytics/service_log", SCHEMA, "event_date", ())
    create_table(spec)
    return DeltaStore(str(lake)), dataset, spec


def rows(day: str, start: int, due: list[str], page: str = "/") -> pa.Table:
    """Return rows of one date with the given due dates."""
    keys = [f"{day}{start + n:06d}".encode() for n in range(len(due))]
    return pa.table(
        {"event_key": keys, "event_date": [day] * len(due), "due_date": due, "page": [page] * len(due)}, schema=SCHEMA
    )


def append(spec: TableSpec, new: pa.Table) -> None:
    """Append as a stream does."""
    table = FencedTable(spec)
    for _ in attempts():
        table.refresh()
        files = table.write_files(new)
        if table.commit(files, {"ebb.rows": str(new.num_rows)}):
            return
        table.discard_files(files)


def sweep(store: DeltaStore, dataset: Dataset, part: str, mark: str = "sweep:x") -> int:
    """Remove what is due in a partition; return how many rows."""
    judge = Judge(dataset, NOW)
    return store.edit(
        dataset, part, judge.columns, lambda found: judge(found).is_status(Status.DUE), mark=f"{mark}:{part}"
    ).rows


def test_a_whole_file_goes_and_a_mixed_one_is_rewritten(tmp_path: Path) -> None:
    """Only the mixed file leaves a successor, with exactly the rows that stay, in their order."""
    store, dataset, spec = make_table(tmp_path)
    append(spec, rows("2026-01-05", 0, ["2026-07-06"] * 4))
    append(spec, rows("2026-01-05", 4, ["2026-07-06", "2099-01-01", "2026-07-06", "2099-01-01"]))
    append(spec, rows("2026-10-30", 0, ["2027-05-01"] * 3))
    assert survey(dataset, store, NOW, ()).due == 6
    assert sweep(store, dataset, "2026-01-05") == 6
    left = open_table(spec.uri).dataset().to_table()
    assert sorted(left["due_date"].to_pylist()) == ["2027-05-01"] * 3 + ["2099-01-01"] * 2
    assert len(open_table(spec.uri).files()) == 2


def test_a_mark_makes_twice_once_and_gives_the_first_count_again(tmp_path: Path) -> None:
    """A unit that landed before a crash is recognised by its commit, and not applied to what came later."""
    store, dataset, spec = make_table(tmp_path)
    append(spec, rows("2026-01-05", 0, ["2026-07-06"] * 4))
    assert sweep(store, dataset, "2026-01-05") == 4
    append(spec, rows("2026-01-05", 9, ["2026-07-06"]))
    assert sweep(DeltaStore(str(tmp_path)), dataset, "2026-01-05") == 4
    assert open_table(spec.uri).dataset().count_rows() == 1
    assert sweep(store, dataset, "2026-01-05", mark="sweep:next") == 1


def test_a_stream_that_goes_on_writing_loses_nothing(tmp_path: Path) -> None:
    """Thirty appends to an open date and a sweep of twenty closed ones, at the same time, with a purge at the end."""
    store, dataset, spec = make_table(tmp_path)
    for day in range(1, 21):
        append(spec, rows(f"2026-01-{day:02d}", 0, ["2026-08-01", "2099-01-01"]))
    failed: list[BaseException] = []

    def stream() -> None:
        try:
            for number in range(30):
                append(spec, rows("2026-11-01", number, ["2027-05-02"]))
        except BaseException as problem:  # noqa: BLE001 - told to the test's own thread
            failed.append(problem)

    writer = threading.Thread(target=stream)
    writer.start()
    gone = sum(sweep(store, dataset, f"2026-01-{day:02d}") for day in range(1, 21))
    store.purge(dataset.table, history=False)
    writer.join()
    assert not failed
    assert gone == 20
    left = open_table(spec.uri).dataset().to_table()
    assert left.num_rows == 50
    assert len(set(left["event_key"].to_pylist())) == 50


def test_after_the_purge_no_byte_holds_what_went(tmp_path: Path) -> None:
    """Data files, log, checkpoints: a planted word is in none of them, and the witness finds no stale file."""
    store, dataset, spec = make_table(tmp_path)
    append(spec, rows("2026-01-05", 0, ["2026-07-06"] * 3, page="/planted-sentinel"))
    append(
        spec,
        rows("2026-01-05", 3, ["2026-07-06", "2099-01-01"], page="/planted-sentinel").set_column(
            3, "page", pa.array(["/planted-sentinel", "/stays"])
        ),
    )
    sweep(store, dataset, "2026-01-05")
    purged = store.purge(dataset.table, history=False)
    assert purged.physically
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"planted-sentinel" not in path.read_bytes(), path
    seen = form_opinion(dataset, "delta", str(tmp_path), NOW, (), wall=datetime.now(tz=UTC))
    assert (seen.total, seen.stale_files, seen.leaks) == (1, 0, 0)


def test_the_witness_sees_what_a_purge_has_not_done(tmp_path: Path) -> None:
    """Before the purge the due rows are in files that the table no longer names: not yet gone."""
    store, dataset, spec = make_table(tmp_path)
    append(spec, rows("2026-01-05", 0, ["2026-07-06"] * 3))
    sweep(store, dataset, "2026-01-05")
    seen = form_opinion(dataset, "delta", str(tmp_path), NOW, (), wall=datetime.now(tz=UTC))
    assert (seen.total, seen.stale_files, seen.stale_due) == (0, 1, 3)


def test_a_restored_copy_of_the_table_is_swept_again(tmp_path: Path) -> None:
    """R-RET-12: what a restore brings back is due at once, and the next sweep takes it."""
    store, dataset, spec = make_table(tmp_path / "lake")
    append(spec, rows("2026-01-05", 0, ["2026-07-06"] * 3))
    shutil.copytree(tmp_path / "lake", tmp_path / "backup")
    sweep(store, dataset, "2026-01-05")
    shutil.rmtree(tmp_path / "lake")
    shutil.copytree(tmp_path / "backup", tmp_path / "lake")
    assert survey(dataset, store, NOW, ()).due == 3
    assert sweep(store, dataset, "2026-01-05", mark="sweep:after") == 3


def test_a_table_without_partitions_is_refused(tmp_path: Path) -> None:
    """Its work could not be bounded."""
    write_deltalake(str(tmp_path / "analytics" / "service_log"), pa.table({"due_date": ["2020-01-01"]}))
    dataset = lake_register(str(tmp_path)).dataset("analytics.service_log")
    with pytest.raises(RefusedError, match="no partitions"):
        DeltaStore(str(tmp_path)).edit(dataset, "", ["due_date"], lambda found: np.ones(found.num_rows, bool), mark="m")


class _Others:
    """Chooses what is due, and lets another writer commit when it is first asked."""

    def __init__(self, spec: TableSpec, day: str) -> None:
        self.asked: list[int] = []
        self._spec = spec
        self._day = day

    def __call__(self, found: pa.Table) -> np.ndarray:
        if not self.asked:
            append(self._spec, rows(self._day, 100, ["2026-10-01"]))
        self.asked.append(found.num_rows)
        return np.array([due <= "2026-11-01" for due in found["due_date"].to_pylist()], dtype=bool)


OLD, NEW = "2026-04-01", "2026-10-31"


def test_a_writer_elsewhere_does_not_make_a_sweep_read_again(tmp_path: Path) -> None:
    """Whoever commits to another date between look and commit costs another commit, and another question of holds."""
    store, dataset, spec = make_table(tmp_path)
    append(spec, rows(OLD, 0, ["2026-10-01"]))
    others = _Others(spec, NEW)
    assert store.edit(dataset, OLD, ["due_date"], others, mark="sweep:1").rows == 1
    assert others.asked == [1, 1, 1]  # the look, before the first commit, and before the second
    assert {file.partition for file in open_table(spec.uri).files()} == {NEW}


def test_a_row_that_comes_late_into_the_date_is_judged_too(tmp_path: Path) -> None:
    """What another writer commits to the date that is swept spoils the look: everything of it is judged anew."""
    store, dataset, spec = make_table(tmp_path)
    append(spec, rows(OLD, 0, ["2026-10-01"]))
    others = _Others(spec, OLD)
    assert store.edit(dataset, OLD, ["due_date"], others, mark="sweep:1").rows == 2
    assert others.asked[2:] == [1, 1, 2]  # each of two files, then both before the commit
    assert open_table(spec.uri).files() == []


def test_a_hold_placed_while_another_writer_is_faster_wins(tmp_path: Path) -> None:
    """Rows are judged again before every try of the commit: what is held by then stays."""
    store, dataset, spec = make_table(tmp_path)
    append(spec, rows(OLD, 0, ["2026-10-01", "2026-10-01"]))
    others = _Others(spec, NEW)

    def choose(found: pa.Table) -> np.ndarray:
        held = len(others.asked) >= 2
        mask = others(found)
        mask[0] = mask[0] and not held
        return mask

    assert store.edit(dataset, OLD, ["due_date"], choose, mark="sweep:1").rows == 1
    assert [file.rows for file in open_table(spec.uri).files() if file.partition == OLD] == [1]
