"""What a sweep removed does not stay when it returns: by a replay, or in a restored copy of its table (R-RET-12)."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.pipelines.calling import answer, call
from tests.retention.rooms import make_room, query

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

LONG_AGO = "2025-03-02T12:00:00+08:00"
EVENT = {
    "system": "sepp", "event_type": "page_view", "event_time": "2025-03-01T12:00:00+08:00",
    "subject": {"cookie": "c1"}, "fields": {"http_status": 200}, "meta": {"source": "own", "region": "CN"},
}  # fmt: skip


def swept(home: Path) -> int:
    """Plan, approve, apply and verify a sweep of all that is due; return how many rows went."""
    plan = planned(home)
    for step in (("approve", "--by", "b"), ("apply",), ("verify",)):
        assert call(home, "sweep", step[0], plan["digest"], *step[1:]).exception is None
    return int(plan["due"])


def planned(home: Path) -> dict[str, int | str]:
    """Plan; what is long overdue is no hindrance."""
    result: Result = call(home, "sweep", "plan", "--limit-share", "1", "--by", "a", "--json")
    plan: dict[str, int | str] = json.loads(result.stdout)
    return plan


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Return a file of thirty events of March 2025."""
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps({**EVENT, "event_id": f"e{n}"}) + "\n" for n in range(30)))
    return path


def test_a_table_of_the_lake_that_was_restored_is_swept_again(tmp_path: Path, events: Path) -> None:
    """A replay finds everything expired on arrival; a copy of the table from before is due in the next sweep."""
    home, copy = tmp_path / "home", tmp_path / "copy"
    taken = answer(home, "run", "service-logs", "--from", f"files:{events}", "--drain", "--now", LONG_AGO)
    assert taken["rows"] == 30
    shutil.copytree(home / "lake", copy)
    assert swept(home) == 30

    shutil.copy(events, again := tmp_path / "again.ndjson")
    with again.open("a") as more:
        more.write("\n")
    replayed = answer(home, "run", "service-logs", "--from", f"files:{again}", "--drain")
    assert replayed["rows"] == 0
    assert set(replayed["dropped"]) <= {"EXPIRED_ON_ARRIVAL", "DUPLICATE"}
    assert planned(home)["due"] == 0

    shutil.rmtree(home / "lake")
    shutil.copytree(copy, home / "lake")
    assert swept(home) == 30
    assert planned(home)["due"] == 0


def test_a_database_that_was_restored_is_swept_again(tmp_path: Path) -> None:
    """A backup of the database brings due rows back; the next sweep takes exactly those."""
    make_room(tmp_path)
    shutil.copy(tmp_path / "shop.sqlite", tmp_path / "backup.sqlite")
    gone = swept(tmp_path)
    left = query(tmp_path, "SELECT count(*) FROM orders")
    assert gone > 0
    shutil.copy(tmp_path / "backup.sqlite", tmp_path / "shop.sqlite")
    assert swept(tmp_path) == gone
    assert query(tmp_path, "SELECT count(*) FROM orders") == left
