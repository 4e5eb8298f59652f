"""The main job on real engines: real log lines through the emulator into the lake, each exactly once."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from pipelines.publish import pack_lines
from tests.integration.processes import finished, keys, kill_group, started, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import Emulator

ROWS = ("analytics/service_log", "personal/service_log")
NOW = "2026-11-01T00:00:00+08:00"


def lines(number: int, start: int = 0) -> list[bytes]:
    """Return events number `start` and on."""
    return [
        b'{"event_id":"e-%d","system":"sepp","event_type":"page_view","event_time":"2026-10-%02dT08:00:00Z",'
        b'"subject":{"account":"u%d"},"fields":{"page_url":"https://x.example/p/%d"},"meta":{}}'
        % (n, n % 5 + 1, n % 97, n)
        for n in range(start, start + number)
    ]


def feed(emulator: Emulator, topic: str, events: list[bytes]) -> None:
    """Publish events, packed."""
    emulator.publish(topic, [(packet.data, {}) for packet in pack_lines(events)])


@pytest.mark.emulator
@pytest.mark.samples
def test_real_log_lines_reach_the_table_once_on_the_embedded_engine(
    emulator: Emulator, samples: Path, tmp_path: Path
) -> None:
    """10,000 Apache lines, replayed twice, are 10,000 rows without an address or a user agent in clear."""
    topic, subscription = emulator.new_topic()
    log = str(samples / "web_logs" / "apache_access.log")
    arguments = ("--format", "apache_combined", "--system", "sepp", "--to", f"pubsub:{emulator.project}/{topic}")
    for _ in range(2):
        assert finished("replay", log, *arguments)["lines"] == 10_000
    source = f"pubsub:{emulator.project}/{subscription}"
    total = finished(
        "run", "service-logs", "--from", source, "--drain", "--now", "2015-05-21T00:00:00Z", "--home", str(tmp_path)
    )
    assert (total["read"], total["rows"], total["dropped"]) == (20_000, 10_000, {"DUPLICATE": 10_000})
    assert len(keys(tmp_path, *ROWS)) == 10_000
    answer = finished("query", "SELECT DISTINCT ip_address FROM service_log", "--home", str(tmp_path))
    assert all(row["ip_address"].endswith("/16") for row in answer)


@pytest.mark.emulator
@pytest.mark.prism
@pytest.mark.samples
def test_real_log_lines_reach_the_table_once_on_prism(
    emulator: Emulator, prism: Path, samples: Path, tmp_path: Path
) -> None:
    """Prism streams 10,000 Apache lines until SIGTERM, which ends it cleanly, and everything was acknowledged."""
    topic, subscription = emulator.new_topic()
    log = str(samples / "web_logs" / "apache_access.log")
    target = f"pubsub:{emulator.project}/{topic}"
    finished("replay", log, "--format", "apache_combined", "--system", "sepp", "--to", target)
    said = tmp_path / "log"
    arguments = ("run", "service-logs", "--from", f"pubsub:{emulator.project}/{subscription}", "--runner", "prism")
    home = tmp_path / "home"
    with started(
        *arguments, "--now", "2015-05-21T00:00:00Z", "--home", str(home), log=said, EBB_PRISM=str(prism)
    ) as process:
        wait_for(lambda: keys(home, *ROWS).total() == 10_000, 90, said)
        time.sleep(3)  # the acknowledgements of the last bundle
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0, said.read_text()
    assert set(keys(home, *ROWS).values()) == {1}
    assert emulator.pull(subscription) == []
    assert "10,000" in said.read_text()


@pytest.mark.emulator
def test_two_processes_on_one_subscription_stay_exact(emulator: Emulator, tmp_path: Path) -> None:
    """Two drains at once share 30,000 events, each published twice; the table holds each once."""
    topic, subscription = emulator.new_topic()
    feed(emulator, topic, lines(30_000))
    feed(emulator, topic, lines(30_000))
    home = tmp_path / "home"
    arguments = ("run", "service-logs", "--from", f"pubsub:{emulator.project}/{subscription}", "--drain")
    more = ("--now", NOW, "--max-events", "1000", "--home", str(home), "--json")
    log = tmp_path / "log"
    with started(*arguments, *more, log=log) as one, started(*arguments, *more, log=log) as two:
        assert (one.wait(120), two.wait(120)) == (0, 0), log.read_text()
    found = keys(home, *ROWS)
    assert (len(found), set(found.values())) == (30_000, {1})


@pytest.mark.slow
@pytest.mark.emulator
def test_kill_nine_in_mid_stream_loses_and_doubles_nothing(emulator: Emulator, tmp_path: Path) -> None:
    """A process killed at a random moment while it streams is started anew; rows equal distinct events."""
    topic, subscription = emulator.new_topic(ack_deadline=10)
    home, log = tmp_path / "home", tmp_path / "log"
    source = f"pubsub:{emulator.project}/{subscription}"
    arguments = ("run", "service-logs", "--from", source, "--now", NOW, "--home", str(home), "--max-events", "500")
    randomly = random.Random(20261123)
    fed = 0
    for _ in range(2):
        before = keys(home, *ROWS).total()
        with started(*arguments, log=log) as process:
            for _ in range(10):
                feed(emulator, topic, lines(1000, fed))
                fed += 1000
            wait_for(lambda least=before: keys(home, *ROWS).total() > least, 60, log)
            time.sleep(randomly.uniform(0, 0.3))
            kill_group(process)
    total = finished(*arguments, "--drain", "--quiet", "25", timeout=200)
    found = keys(home, *ROWS)
    assert (len(found), set(found.values())) == (fed, {1})
    assert total["read"] == total["rows"] + total["dropped"].get("DUPLICATE", 0)


def test_a_killed_read_of_files_goes_on_where_its_last_commit_ended(tmp_path: Path) -> None:
    """A drain of files killed on its way is run again: every line is a row, none is one twice."""
    events = tmp_path / "events.ndjson"
    events.write_bytes(b"\n".join(lines(60_000)) + b"\n")
    home, log = tmp_path / "home", tmp_path / "log"
    arguments = ("run", "service-logs", "--from", f"files:{events}", "--drain", "--now", NOW, "--home", str(home))
    with started(*arguments, "--max-events", "1000", log=log) as process:
        wait_for(lambda: keys(home, *ROWS).total() > 3000, 60, log)
        kill_group(process)
    taken = keys(home, *ROWS).total()
    total = finished(*arguments)
    found = keys(home, *ROWS)
    assert (len(found), set(found.values())) == (60_000, {1})
    assert 60_000 - taken <= total["read"] <= 60_000 - taken + 1000
    assert finished(*arguments)["read"] == 0
