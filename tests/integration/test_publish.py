"""Publishing to a real emulator, read back by plain pulls."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
from typing import TYPE_CHECKING

import pytest
import zstandard
from click.testing import CliRunner

from governance.errors import EbbError, UsageError
from pipelines import publish
from pipelines.cli import ebb
from pipelines.endpoints import PubSubEndpoint

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import Emulator

pytestmark = pytest.mark.emulator


def run(*arguments: str) -> str:
    """Run `ebb` and return its standard output; errors are raised as they are."""
    result = CliRunner().invoke(ebb, list(arguments), catch_exceptions=False, standalone_mode=False)
    return result.stdout


def test_generated_lines_arrive_as_they_were(emulator: Emulator, tmp_path: Path) -> None:
    """What `generate --to pubsub` publishes is, line for line, what `--to files` writes for the same seed."""
    arguments = ("generate", "service-logs", "--events", "2000", "--seed", "5", "--start", "2026-09-01T00:00:00Z")
    topic, subscription = emulator.new_topic("generate")
    run(*arguments, "--to", f"files:{tmp_path / 'events.ndjson'}")
    run(*arguments, "--to", f"pubsub:{emulator.project}/{topic}")
    messages = emulator.pull(subscription, until=4)
    assert [message.attributes for message in messages] == [{"format": "native"}] * 4
    lines = sorted(line for message in messages for line in message.data.splitlines(keepends=True))
    written = (tmp_path / "events.ndjson").read_bytes().splitlines(keepends=True)
    assert lines == sorted(written)


@pytest.mark.samples
def test_a_replayed_line_says_where_it_stood(emulator: Emulator, samples: Path, tmp_path: Path) -> None:
    """The first 500 lines of a real log arrive byte for byte, each message with the offset of its first line."""
    with (samples / "web_logs" / "apache_access.log").open("rb") as log:
        content = b"".join(itertools.islice(log, 500))
    file = tmp_path / "access.log"
    file.write_bytes(content * 2)
    topic, subscription = emulator.new_topic("replay")
    answer = run(
        "replay", str(file), "--format", "apache_combined", "--system", "index_site",
        "--to", f"pubsub:{emulator.project}/{topic}", "--json",
    )  # fmt: skip
    told = json.loads(answer)
    assert told["lines"] == 1000
    base = hashlib.sha256(content[:4096]).hexdigest()
    pieces = {}
    for message in emulator.pull(subscription, until=told["messages"]):
        assert message.attributes["format"] == "apache_combined"
        assert message.attributes["system"] == "index_site"
        where, offset = message.attributes["position"].split(":")
        assert where == base
        pieces[int(offset)] = message.data
    assert all((content * 2)[offset:].startswith(data) for offset, data in pieces.items())
    assert b"".join(pieces[offset] for offset in sorted(pieces)) == content * 2


def test_compressed_files_have_the_positions_of_their_content(emulator: Emulator, tmp_path: Path) -> None:
    """A log, its gzip and its zstd, whatever their names, replay with the same data and the same positions."""
    content = b"".join(b"line %d \xff\r\n\n" % number for number in range(700)) + b"no line end"
    (tmp_path / "plain.log").write_bytes(content)
    (tmp_path / "one.gz").write_bytes(gzip.compress(content))
    (tmp_path / "two.gz").write_bytes(zstandard.compress(content))
    seen = []
    for name in ("plain.log", "one.gz", "two.gz"):
        topic, subscription = emulator.new_topic("packed")
        target = f"pubsub:{emulator.project}/{topic}"
        run("replay", f"files:{tmp_path}/{name}", "--format", "native", "--to", target)
        seen.append(sorted((m.attributes["position"], m.data) for m in emulator.pull(subscription, until=1)))
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) == 3


def test_a_pull_of_large_messages_arrives_whole(emulator: Emulator) -> None:
    """Thirty messages of half a MiB come in pulls of up to a hundred, beyond the 4 MiB that gRPC allows by default."""
    topic, subscription = emulator.new_topic("large")
    lines = [b"%05d" % number + b"x" * 100_000 for number in range(150)]
    endpoint = PubSubEndpoint(emulator.project, topic)
    sent = publish.publish(endpoint, publish.pack_lines(lines), {"format": "native"})
    assert (sent.lines, sent.messages) == (150, 30)
    received = emulator.pull(subscription, until=30)
    assert sorted(b"".join(message.data for message in received).split(b"\n")[:-1]) == lines


def test_what_is_missing_is_made_and_named(emulator: Emulator, tmp_path: Path) -> None:
    """On the emulator a missing topic and subscription are made, said so, and receive what follows."""
    (tmp_path / "a.ndjson").write_bytes(b"{}\n")
    target = f"pubsub:{emulator.project}/brand-new"
    arguments = ["replay", str(tmp_path / "a.ndjson"), "--format", "native", "--to", target]
    result = CliRunner().invoke(ebb, [*arguments, "--subscription", "brand-new-sub"], catch_exceptions=False)
    assert "made on the emulator: topic brand-new" in result.stderr
    assert "made on the emulator: subscription brand-new-sub" in result.stderr
    assert [message.data for message in emulator.pull("brand-new-sub", until=1)] == [b"{}\n"]
    again = CliRunner().invoke(ebb, [*arguments, "--subscription", "brand-new-sub"], catch_exceptions=False)
    assert "made" not in again.stderr


def test_an_unknown_topic_is_an_error_that_says_what_to_do(emulator: Emulator) -> None:
    """Publishing without preparing names the missing topic and the command that makes it."""
    endpoint = PubSubEndpoint(emulator.project, "never-made")
    with pytest.raises(EbbError, match="gcloud pubsub topics create never-made"):
        publish.publish(endpoint, publish.pack_lines([b"{}"]), {})


def test_an_emulator_that_is_down_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nobody listening at PUBSUB_EMULATOR_HOST the answer comes within seconds and names the address."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    with pytest.raises(EbbError, match=r"the emulator at 127\.0\.0\.1:1"):
        publish.prepare(PubSubEndpoint("ebb-tests", "topic"))


def test_nothing_is_made_outside_an_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an emulator no topic is made, and a subscription is refused with the command to make it."""
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    endpoint = PubSubEndpoint("ebb-tests", "topic")
    assert publish.prepare(endpoint) == []
    with pytest.raises(UsageError, match="gcloud pubsub subscriptions create wanted"):
        publish.prepare(endpoint, "wanted")
