"""Synthetic streams: reproducible, many-voiced, and untidy to a known degree."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from types import SimpleNamespace
from typing import Self

import pytest
from faker.providers.ssn import zh_CN

from governance.errors import UsageError
from governance.policy import STREAMS, load_catalogue
from pipelines.synthetic import events

CATALOGUE = load_catalogue()
START = datetime(2026, 9, 1, tzinfo=UTC)


def parsed(stream: str, n: int = 4000, seed: int = 3, **options: float) -> list[dict]:
    """Return `n` undamaged events."""
    lines = events(stream, n, seed, START, CATALOGUE, **{"defects": 0.0, **options})
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("stream", STREAMS)
def test_the_same_arguments_make_the_same_bytes(stream: str) -> None:
    """Two iterations agree byte for byte; another seed or another start does not."""
    first = list(events(stream, 300, 1, START, CATALOGUE))
    assert first == list(events(stream, 300, 1, START, CATALOGUE))
    assert first != list(events(stream, 300, 2, START, CATALOGUE))
    assert first != list(events(stream, 300, 1, START + timedelta(hours=1), CATALOGUE))


def test_another_process_makes_the_same_bytes() -> None:
    """Nothing depends on the order of sets or on hash seeds of the interpreter."""
    command = [
        sys.executable, "-c", "from pipelines.cli import main; main()", "generate", "service-logs",
        "--events", "200", "--seed", "9", "--start", "2026-09-01T00:00:00Z",
    ]  # fmt: skip
    runs = {
        subprocess.run(command, check=True, capture_output=True, env={"PYTHONHASHSEED": str(number)}).stdout
        for number in (1, 2)
    }
    assert len(runs) == 1
    assert runs.pop().splitlines() == list(events("service_log", 200, 9, START, CATALOGUE))


def test_another_day_makes_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Identity numbers hold birthdays, which Faker counts back from today."""
    today = list(events("service_log", 3000, 9, START, CATALOGUE))

    class Later(date):
        """A day years from now."""

        @classmethod
        def today(cls) -> Self:
            return cls(2031, 2, 3)

    monkeypatch.setattr(zh_CN, "datetime", SimpleNamespace(date=Later, timedelta=timedelta))
    assert list(events("service_log", 3000, 9, START, CATALOGUE)) == today


def test_event_ids_of_two_calls_never_meet() -> None:
    """A second call with another length is no repetition of the first, and within a call ids are distinct."""
    first, second = ({event["event_id"] for event in parsed("service_log", n)} for n in (500, 501))
    assert len(first) == 500
    assert not first & second


@pytest.mark.parametrize("stream", STREAMS)
def test_every_system_speaks_and_only_in_names_of_its_policy(stream: str) -> None:
    """All systems appear; types are named by the policy in force; about a hundredth of the events says more."""
    seen = parsed(stream)
    assert {event["system"] for event in seen} == CATALOGUE.systems
    rows = {row.field for row in CATALOGUE.stream_fields(stream)}
    strays = 0
    for event in seen:
        pack = CATALOGUE.pack_at(event["system"], datetime.fromisoformat(event["event_time"]))
        assert pack is not None
        assert event["event_type"] in pack.names & CATALOGUE.event_types(stream)
        assert set(event["fields"]) <= rows
        strays += event["system"] != "mic_domestic" and bool(set(event["fields"]) - pack.names)
    assert 0 < strays < len(seen) * 0.03


def test_an_old_start_uses_the_policy_of_that_time() -> None:
    """Events before 4 August 2022 carry what only the earlier version named."""
    old = datetime(2022, 7, 20, tzinfo=UTC)
    lines = events("service_log", 200, 1, old, CATALOGUE, systems=["mic_global"], defects=0.0)
    types = {json.loads(line)["event_type"] for line in lines}
    pack = CATALOGUE.pack_at("mic_global", old)
    assert pack is not None
    assert types <= pack.names


def test_times_stay_within_the_span() -> None:
    """No event is before the start or after the end, and both ends are used."""
    instants = [datetime.fromisoformat(event["event_time"]) for event in parsed("service_log", span=timedelta(days=2))]
    assert START <= min(instants) < START + timedelta(hours=2)
    assert START + timedelta(hours=46) < max(instants) < START + timedelta(days=2)


def test_sessions_keep_their_subject_device_and_signals() -> None:
    """Consecutive events share subject and meta, four on average, and a device with them."""
    seen = parsed("equipment")
    sessions = [list(group) for _, group in groupby(seen, key=lambda event: (event["subject"], event["meta"]))]
    assert 2.5 < len(seen) / len(sessions) < 6
    for session in sessions:
        macs = {event["fields"]["mac_address"] for event in session if "mac_address" in event["fields"]}
        # Two sessions of unknown visitors may follow each other.
        assert len(macs) <= 1 or session[0]["subject"] == {}


def test_members_have_a_long_tail() -> None:
    """A hundredth of the accounts makes a good part of the events, and many appear in one session only."""
    counts = Counter(event["subject"].get("account") for event in parsed("service_log", 20_000))
    del counts[None]
    busy = sum(count for _, count in counts.most_common(len(counts) // 100))
    assert 0.08 < busy / counts.total() < 0.5
    assert len(counts) > 500


def test_free_text_holds_personal_data_in_several_languages() -> None:
    """Queries are Chinese, English and more; some name phones, e-mail addresses and identity numbers."""
    queries = [event["fields"].get("search_query", "") for event in parsed("service_log", 20_000)]
    text = "\n".join(queries)
    for pattern in (
        r"[\u4e00-\u9fff]", r"[A-Za-z]{4}", r"[\u0400-\u04ff]", r"[\u30a0-\u30ff]",
        r"(?<!\d)1[3578]\d{9}(?!\d)", r"\w@example\.\w", r"(?<!\d)\d{17}[\dX](?!\d)",
    ):  # fmt: skip
        assert re.search(pattern, text), pattern


def test_some_visitors_reject_tracking() -> None:
    """dnt, gpc and rejected cookies occur, and are rarer than their absence."""
    metas = [event["meta"] for event in parsed("service_log")]
    for signal in (
        [meta for meta in metas if meta.get("dnt")],
        [meta for meta in metas if meta.get("gpc")],
        [meta for meta in metas if meta.get("cookie_consent") == "rejected"],
    ):
        assert 0 < len(signal) < len(metas) * 0.15


def test_defects_are_as_many_as_asked_for_and_of_every_kind() -> None:
    """With half of the lines damaged all kinds show, from cut lines and secrets to future times."""
    lines = list(events("service_log", 4000, 1, START, CATALOGUE, defects=0.5))
    good, cut = [], 0
    for line in lines:
        try:
            good.append(json.loads(line))
        except ValueError:
            cut += 1
    assert cut > 50
    fields = {name for event in good if isinstance(event["fields"], dict) for name in event["fields"]}
    assert {"password", "facial_feature", "id_no", "id_card"} <= fields
    times = [event["event_time"] for event in good]
    assert any(not time.endswith("Z") for time in times)
    assert any(time > "2099" for time in times)
    assert any("event_type" not in event for event in good)
    assert {event["system"] for event in good} - CATALOGUE.systems
    assert any(isinstance(value, list) for event in good for value in event["fields"].values())
    assert any(event["meta"].get("minor_marker") for event in good)
    assert any(event["meta"].get("source") == "third_party" for event in good)
    repeated = len(lines) - len(set(lines))
    assert 0.04 < repeated / len(lines) < 0.12
    assert not any(b"\n" in line for line in lines)


def test_the_default_share_of_defects_is_a_few_per_mille() -> None:
    """Without asking, between one and ten lines in a thousand differ from the undamaged stream in kind."""
    lines = list(events("service_log", 20_000, 1, START, CATALOGUE))
    odd = len(lines) - len(set(lines)) + sum(b'"password"' in line or not line.endswith(b"}}") for line in lines)
    assert 10 < odd < 200


def test_a_system_without_events_in_the_stream_is_refused() -> None:
    """Asking for events that no policy of the system names is a usage error, not an endless search."""
    with pytest.raises(UsageError, match="no policy"):
        next(events("service_log", 1, 1, START, CATALOGUE.__class__({}, CATALOGUE.packs), systems=["sepp"]))
