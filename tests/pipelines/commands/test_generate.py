"""`ebb generate` and `ebb replay`: where their lines go, and what they refuse before anything is opened."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from governance.errors import EbbError, UsageError
from pipelines.cli import ebb

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str) -> Result:
    """Run `ebb`; the exception, if any, is in the result."""
    return CliRunner().invoke(ebb, list(arguments), standalone_mode=False)


def test_without_a_target_lines_go_to_standard_output() -> None:
    """One event a line; without --start they fill the last --days, and none is of the future."""
    output = run("generate", "equipment", "--events", "300", "--days", "2", "--defects", "0").stdout
    times = [datetime.fromisoformat(json.loads(line)["event_time"]) for line in output.splitlines()]
    assert len(times) == 300
    now = datetime.now(tz=UTC)
    assert now - timedelta(days=2, hours=2) < min(times)
    assert max(times) < now


def test_a_file_is_made_with_its_folder_and_described(tmp_path: Path) -> None:
    """--to files:PATH writes what standard output would show; --json says what was written and from when."""
    arguments = ("generate", "service-logs", "--events", "50", "--start", "2026-09-01T00:00:00+08:00")
    path = tmp_path / "new" / "events.ndjson"
    said = json.loads(run(*arguments, "--to", f"files:{path}", "--json").stdout)
    assert (said["events"], said["start"]) == (50, "2026-09-01 00:00:00+08:00")
    assert path.read_text(encoding="utf-8") == run(*arguments).stdout
    assert "50 events" in run(*arguments, "--to", f"files:{path}").stdout


def test_only_the_systems_named_are_generated() -> None:
    """--system restricts the events to it."""
    output = run("generate", "service-logs", "--events", "50", "--system", "sepp", "--defects", "0").stdout
    assert {json.loads(line)["system"] for line in output.splitlines()} == {"sepp"}


def test_a_reader_that_stops_early_is_no_error() -> None:
    """`ebb generate … | head -1` ends quietly."""
    code = "from pipelines.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "generate", "service-logs", "--events", "20000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "events.ndjson"), "neither"),
        (("--to", "pubsub:tiny/events"), "project id"),
        (("--start", "2026-09-01T00:00:00"), "no zone"),
        (("--system", "intranet"), "there are index_site"),
        (("--subscription", "events-sub"), "goes with --to pubsub"),
        (("--to", "pubsub:my-project/events", "--subscription", "1"), "cannot be a topic or subscription"),
        (("--json",), "say where"),
    ],
)
def test_slips_of_generate_are_usage_errors(arguments: tuple[str, ...], said: str) -> None:
    """A wrong option is named before a client is made or a file opened."""
    problem = run("generate", "service-logs", "--events", "1", *arguments).exception
    assert isinstance(problem, UsageError)
    assert said in str(problem)


def test_a_file_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    """A folder in the place of the file ends in a sentence."""
    problem = run("generate", "equipment", "--events", "1", "--to", f"files:{tmp_path}").exception
    assert isinstance(problem, EbbError)
    assert str(tmp_path) in str(problem)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("absent.log", "--to", "pubsub:my-project/logs"), "no file absent.log"),
        (("files:/nowhere/*.log", "--to", "pubsub:my-project/logs"), "no file matches"),
        ((__file__, "--to", "files:out.ndjson"), "needs a topic"),
        ((__file__, "--to", "pubsub:my-project/logs", "--subscription", "no"), "cannot be"),
    ],
)
def test_slips_of_replay_are_usage_errors(arguments: tuple[str, ...], said: str) -> None:
    """Missing files and a target that is no topic are named before a client is made."""
    problem = run("replay", "--format", "native", *arguments).exception
    assert isinstance(problem, UsageError)
    assert said in str(problem)
