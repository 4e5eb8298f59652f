"""The sink against real Delta tables: each event once, every record accounted for."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import deltalake
import pyarrow as pa
from deltalake.exceptions import CommitFailedError

from pipelines.sinks.lake import LakeTables, LakeWriter
from pipelines.sinks.sums import Sum
from retention.stores.delta import open_table
from transforms.deid.events import Batch, DeadLetter, FileRange

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        ("event_key", pa.binary(16)),
        ("event_date", pa.string()),
        ("event_hour", pa.timestamp("us", "UTC")),
        ("page_url", pa.string()),
    ]
)


class _Sealer:
    day = "2026-11-23"

    def seal(self, payload: bytes, associated: bytes) -> bytes:
        return hashlib.sha256(associated + payload).digest()

    def wrapped_key(self) -> bytes:
        return b"wrapped"


def key(number: int) -> bytes:
    """Return the key of event `number`."""
    return hashlib.sha256(str(number).encode()).digest()[:16]


def rows(*numbers: int, date: str = "2026-11-23") -> pa.Table:
    """Return rows of the events."""
    count = len(numbers)
    return pa.table(
        {
            "event_key": [key(n) for n in numbers],
            "event_date": [date] * count,
            "event_hour": [NOW] * count,
            "page_url": ["/p"] * count,
        },
        schema=SCHEMA,
    )


def batch(anonymous: pa.Table, personal: pa.Table | None = None, letters: tuple[int, ...] = ()) -> Batch:
    """Return a de-identified batch."""
    sealed = [DeadLetter(key(n), "decode", "SCHEMA_TYPE", "fields.?", None, b"sealed", None) for n in letters]
    personal = rows() if personal is None else personal
    read = anonymous.num_rows + personal.num_rows + len(letters)
    return Batch(read, rows(), [], _Sealer(), sealed, outputs={"anonymous": anonymous, "personal": personal})


def tables(folder: Path) -> LakeTables:
    """Return the tables of a lake in `folder`."""
    return LakeTables(str(folder), "service_log", SCHEMA)


def writer(folder: Path, when: datetime = NOW) -> LakeWriter:
    """Return a writer whose wall clock stands at `when`."""
    return LakeWriter(tables(folder), {"ebb.run": "r"}, lambda base: f"id-{base}", lambda: when)


def stored(uri: str) -> list[bytes]:
    """Return the keys that a table holds."""
    return sorted(open_table(uri).dataset().to_table()["event_key"].to_pylist())


def test_what_was_written_before_is_dropped_in_either_table(tmp_path: Path) -> None:
    """A redelivered event is a duplicate even when it takes the other path the second time."""
    first = writer(tmp_path).write(batch(rows(1, 2), rows(3)))
    again = writer(tmp_path).write(batch(rows(2, 3, 4), rows(1)))
    assert (first.rows, first.personal) == (2, 1)
    assert (again.rows, again.personal, again.dropped) == (1, 0, {"DUPLICATE": 3})
    assert first.balanced
    assert again.balanced
    assert stored(tables(tmp_path).anonymous.uri) == sorted(map(key, (1, 2, 4)))
    assert stored(tables(tmp_path).personal.uri) == [key(3)]


def test_the_same_event_twice_in_one_bundle_is_stored_once(tmp_path: Path) -> None:
    """Duplicates within a bundle are found too."""
    total = writer(tmp_path).write(batch(rows(1, 1, 2)))
    assert (total.rows, total.dropped) == (2, {"DUPLICATE": 1})


def test_dead_letters_are_stored_once_across_midnight(tmp_path: Path) -> None:
    """A reject that is redelivered after the +08:00 midnight does not become a second dead letter."""
    before = datetime(2026, 11, 23, 15, 59, tzinfo=UTC)
    after = datetime(2026, 11, 23, 16, 1, tzinfo=UTC)
    one = writer(tmp_path, before).write(batch(rows(), letters=(1, 2)))
    two = writer(tmp_path, after).write(batch(rows(), letters=(2, 3)))
    assert one.dead_letters == {"SCHEMA_TYPE": 2}
    assert (two.dead_letters, two.dropped) == ({"SCHEMA_TYPE": 1}, {"DUPLICATE": 1})
    table = open_table(tables(tmp_path).dead_letters.uri).dataset().to_table()
    assert sorted(table["event_key"].to_pylist()) == sorted(map(key, (1, 2, 3)))
    assert set(table["received_date"].to_pylist()) == {"2026-11-23", "2026-11-24"}
    assert set(table["due_date"].to_pylist()) == {"2026-12-23", "2026-12-24"}


def test_every_bundle_leaves_its_sum_and_ranges_in_one_commit(tmp_path: Path) -> None:
    """Sum and file ranges stand in the anonymous table's commit, even for a bundle of rejects alone."""
    rejected = batch(rows(), letters=(1,))
    rejected.ranges = (FileRange("abc", 0, 120),)
    writer(tmp_path).write(rejected)
    table = open_table(tables(tmp_path).anonymous.uri)
    assert table.transaction("file:id-abc") == 120
    assert '"read": 1' in table.commits(1)[0]["ebb.sum"]
    late = batch(rows())
    late.ranges = (FileRange("abc", 0, 60),)
    writer(tmp_path).write(late)
    table.refresh()
    assert table.transaction("file:id-abc") == 120


def test_an_empty_bundle_commits_nothing(tmp_path: Path) -> None:
    """Idle streams do not grow the log."""
    sink = writer(tmp_path)
    version = open_table(tables(tmp_path).anonymous.uri).version
    assert sink.write(batch(rows())) == Sum()
    assert open_table(tables(tmp_path).anonymous.uri).version == version


def test_two_writers_taking_turns_see_each_other(tmp_path: Path) -> None:
    """Writers that keep their index in memory still drop what the other one committed."""
    one, two = writer(tmp_path), writer(tmp_path)
    for start in range(0, 50, 10):
        one.write(batch(rows(*range(start, start + 10))))
        total = two.write(batch(rows(*range(start, start + 15))))
        assert total.dropped["DUPLICATE"] == 10
    assert len(stored(tables(tmp_path).anonymous.uri)) == 55


def test_a_commit_that_raised_after_landing_is_not_made_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer asks the log whether its commit is there before it tries again, on a disk of its own."""
    sink = writer(tmp_path)
    real = os.link

    def land_then_raise(source: str, target: str) -> None:
        real(source, target)
        raise FileExistsError(target)

    monkeypatch.setattr(os, "link", land_then_raise)
    total = sink.write(batch(rows(1, 2)))
    assert (total.rows, total.dropped) == (2, {})
    assert stored(tables(tmp_path).anonymous.uri) == sorted(map(key, (1, 2)))


def test_a_commit_of_the_library_that_raised_after_landing_is_not_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it does on an object store, where the library commits."""
    sink = writer(tmp_path)
    for table in (sink._anonymous, sink._personal, sink._letters._table):
        table.log.local = False
    assert sink.write(batch(rows(1))).rows == 1
    real = deltalake.DeltaTable.create_write_transaction

    def land_then_raise(self: deltalake.DeltaTable, *args: Any, **kwargs: Any) -> None:
        real(self, *args, **kwargs)
        raise CommitFailedError("the connection broke")

    monkeypatch.setattr(deltalake.DeltaTable, "create_write_transaction", land_then_raise)
    total = sink.write(batch(rows(1, 2)))
    assert (total.rows, total.dropped) == (1, {"DUPLICATE": 1})
    assert stored(tables(tmp_path).anonymous.uri) == sorted(map(key, (1, 2)))


def test_sums_add_up() -> None:
    """Adding sums keeps codes apart and the balance true."""
    total = Sum(3, 1, 1, {"A": 1}, {}, {"x y": 2}) + Sum(2, 1, 0, {}, {"DUPLICATE": 1}, {"x y": 1})
    assert total == Sum(5, 2, 1, {"A": 1}, {"DUPLICATE": 1}, {"x y": 3})
    assert total.balanced
    assert not Sum(1).balanced
