"""`ebb status` on lakes that streams wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from pipelines.cli import ebb
from pipelines.status import stream_statuses
from tests.pipelines.sinks.test_lake import batch, rows, writer

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def call(home: Path, *more: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(ebb, ["status", "--home", str(home), *more])


def told(home: Path, *more: str) -> dict[str, Any]:
    """Return what it says to machines."""
    result = call(home, "--json", *more)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert isinstance(document, dict)
    return document


def filled(home: Path, published: datetime | None = None) -> None:
    """Write two bundles with three rejects."""
    sink = writer(home / "lake")
    sink.write(batch(rows(1, 2, 3), letters=(7, 8)))
    last = batch(rows(3, 4), letters=(9,))
    last.published = published
    sink.write(last)


def test_sums_lag_and_sizes_come_from_the_lake(tmp_path: Path) -> None:
    """Every record is in the sums of hour, day and all; the run, the lag and the sizes are told."""
    filled(tmp_path, datetime.now(tz=UTC) - timedelta(seconds=100))
    document = told(tmp_path)
    stream = document["streams"][0]
    assert stream["stream"] == "service_log"
    for window in ("hour", "day", "all"):
        assert stream["sums"][window]["read"] == 8
        assert stream["sums"][window]["dead_letters"] == {"SCHEMA_TYPE": 3}
        assert stream["sums"][window]["dropped"] == {"DUPLICATE": 1}
    assert 100 <= stream["lag"] < 200
    assert (stream["lag_by"], stream["run"], stream["dead_letters"]) == ("published", "r", 3)
    assert stream["rejected_share"] == 3 / 8
    sizes = {one["table"]: one for one in document["tables"]}
    assert (sizes["analytics/service_log"]["files"], sizes["analytics/service_log"]["rows"]) == (2, 4)
    assert sizes["analytics/service_log"]["bytes"] > 0


def test_windows_end_at_their_hour(tmp_path: Path) -> None:
    """What was committed two hours ago counts in the day and not in the hour."""
    filled(tmp_path)
    later = stream_statuses(str(tmp_path / "lake"), datetime.now(tz=UTC) + timedelta(hours=2))[0]
    assert (later.sums["hour"]["read"], later.sums["day"]["read"], later.sums["all"]["read"]) == (0, 8, 8)


def test_without_a_publish_time_the_newest_hour_tells_the_lag(tmp_path: Path) -> None:
    """Files carry no such time; the newest event does."""
    filled(tmp_path)
    hour = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
    status = stream_statuses(str(tmp_path / "lake"), hour + timedelta(minutes=10))[0]
    assert (status.lag, status.lag_by) == (600.0, "event_time")


def test_limits_that_are_exceeded_exit_with_1_and_say_which(tmp_path: Path) -> None:
    """Alarms need no more than the exit code; within the limits it is 0."""
    filled(tmp_path, datetime.now(tz=UTC) - timedelta(seconds=100))
    assert call(tmp_path, "--max-lag", "3600", "--max-rejected", "0.5").exit_code == 0
    late = call(tmp_path, "--max-lag", "50")
    assert late.exit_code == 1
    assert "service_log is 100 s behind, limit 50 s" in str(late.exception) or "limit 50 s" in str(late.exception)
    assert "37.50% rejected in a day, limit 10.00%" in str(call(tmp_path, "--max-rejected", "0.1").exception)
    assert call(tmp_path / "empty", "--max-lag", "50").exit_code == 1


def test_people_see_codes_and_sizes(tmp_path: Path) -> None:
    """The same in words, and for an empty home what to do."""
    filled(tmp_path)
    said = call(tmp_path).output
    for words in (
        "service_log: last commit",
        "dead letters: SCHEMA_TYPE",
        "dropped: DUPLICATE",
        "analytics/service_log",
    ):
        assert words in said
    assert "`ebb run service-logs" in call(tmp_path / "empty").output


def test_a_backlog_is_told_where_it_can_be_known(tmp_path: Path) -> None:
    """Bytes of files that no commit holds; of Pub/Sub, where to look."""
    event = {"event_id": "1", "system": "sepp", "event_type": "page_view", "event_time": "2026-11-20T00:00:00Z"}
    path = tmp_path / "events.ndjson"
    path.write_text(json.dumps(event) + "\n")
    run = ["run", "service-logs", "--from", f"files:{path}", "--drain", "--home", str(tmp_path), "--json"]
    assert CliRunner().invoke(ebb, run).exit_code == 0
    assert told(tmp_path, "--from", f"files:{path}")["backlog"]["bytes"] == 0
    with path.open("a") as more:
        more.write("0123456789")
    assert told(tmp_path, "--from", f"files:{path}")["backlog"]["bytes"] == 10
    silent = told(tmp_path, "--from", "pubsub:project/subscription")["backlog"]
    assert silent["bytes"] is None
    assert "num_undelivered_messages" in silent["note"]
