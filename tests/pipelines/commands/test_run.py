"""`ebb run` and `ebb demo` over files, in this process: what they write, say and refuse."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from governance.errors import EbbError, UsageError
from pipelines.cli import ebb
from pipelines.clock import RunClock, parse_instant
from retention.stores.delta import open_table

if TYPE_CHECKING:
    from pathlib import Path

NOW = ("--now", "2026-11-01T00:00:00+08:00")
EVENT = {
    "event_id": "e-1",
    "system": "sepp",
    "event_type": "page_view",
    "event_time": "2026-10-01T08:30:00Z",
    "subject": {"account": "u-47110815"},
    "fields": {
        "page_url": "https://www.example.com/p/47110815?q=1",
        "ip_address": "203.0.113.77",
        "device_id": "d-47110815",
    },
    "meta": {"source": "own"},
}


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Return a file of one good event and one with a naive time."""
    path = tmp_path / "events.ndjson"
    bad = {**EVENT, "event_id": "e-2", "event_time": "2026-10-01T08:30:00"}
    path.write_text("\n".join(json.dumps(event) for event in (EVENT, bad)) + "\n")
    return path


def call(*arguments: object) -> Result:
    """Call `ebb` in this process."""
    return CliRunner().invoke(ebb, [str(argument) for argument in arguments])


def ran(events: Path, home: Path, *more: object) -> dict[str, Any]:
    """Drain the events and return the report."""
    result = call("run", "service-logs", "--from", f"files:{events}", "--drain", *NOW, "--home", home, "--json", *more)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_a_run_accounts_for_every_line_and_a_second_one_takes_nothing(events: Path, tmp_path: Path) -> None:
    """Rows and dead letters add up to what was read; files are taken once."""
    total = ran(events, tmp_path / "home")
    assert (total["read"], total["rows"], total["dead_letters"]) == (2, 1, {"TIME_NO_ZONE": 1})
    assert ran(events, tmp_path / "home")["read"] == 0


def test_without_authorization_a_member_takes_the_anonymous_path(events: Path, tmp_path: Path) -> None:
    """The default writes no subject; an operator's declaration opens the personal table and stands in its commits."""
    anonymous = ran(events, tmp_path / "one")
    assert (anonymous["rows"], anonymous["personal"]) == (1, 0)
    row = open_table(anonymous["tables"]["anonymous"]).dataset().to_table().to_pylist()[0]
    assert row["subject"] is None
    assert row["ip_address"] == "203.0.0.0/16"
    told = ("--authorization", "operator", "--authorized-systems", "sepp")
    personal = ran(events, tmp_path / "two", *told)
    assert (personal["rows"], personal["personal"]) == (0, 1)
    table = open_table(personal["tables"]["personal"])
    assert table.dataset().to_table()["subject"][0].as_py().startswith("v1.2026H2.")
    assert "accounts of sepp" in table.commits(1)[0]["ebb.authorization"]


def test_a_drill_is_recorded_in_the_commits(events: Path, tmp_path: Path) -> None:
    """`--now` stands in the commit, and old events are past their time without it."""
    total = ran(events, tmp_path)
    assert open_table(total["tables"]["anonymous"]).commits(1)[0]["ebb.now"] == NOW[1]
    late = call(
        "run", "service-logs", "--from", f"files:{events}", "--drain", "--now", "2027-11-01T00:00:00Z",
        "--home", tmp_path / "late", "--json",
    )  # fmt: skip
    assert json.loads(late.stdout)["dropped"]["EXPIRED_ON_ARRIVAL"] == 1


def test_people_read_what_was_made_and_what_became_of_the_events(events: Path, tmp_path: Path) -> None:
    """Without --json the first run says what it made, and the report names counts, codes and places."""
    result = call("run", "service-logs", "--from", f"files:{events}", "--drain", *NOW, "--home", tmp_path / "home")
    assert result.exit_code == 0
    for words in ("Made the keyring", "events in", "rows, anonymous", "TIME_NO_ZONE", "analytics/service_log"):
        assert words in result.output
    assert "47110815" not in result.output


def test_a_dry_run_shows_before_and_after_and_writes_nothing(events: Path, tmp_path: Path) -> None:
    """Ten events go through with throw-away keys; the home is not even made."""
    arguments = ("run", "service-logs", "--from", f"files:{events}", *NOW, "--home", tmp_path / "home", "--dry-run")
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert len(shown["before"]) == 2
    assert shown["after"]["anonymous"][0]["ip_address"] == "203.0.0.0/16"
    assert shown["rejected"] == [{"stage": "decode", "code": "TIME_NO_ZONE", "path": "event_time"}]
    assert not (tmp_path / "home").exists()
    assert "Nothing was written" in call(*arguments).output


def test_a_dry_run_pairs_each_event_with_what_becomes_of_it(events: Path, tmp_path: Path) -> None:
    """Pairs stand in the order of the input; rows are JSON with instants in +08:00, rejects have code and path."""
    arguments = ("run", "service-logs", "--from", f"files:{events}", *NOW, "--home", tmp_path / "home", "--dry-run")
    good, bad = json.loads(call(*arguments, "--json").stdout)["events"]
    assert json.loads(good["before"])["event_id"] == "e-1"
    assert good["anonymous"][0]["event_hour"] == "2026-10-01T16:00:00+08:00"
    assert bad["rejected"] == [{"stage": "decode", "code": "TIME_NO_ZONE", "path": "event_time"}]
    lines = [line for line in call(*arguments).stdout.splitlines() if line]
    assert [line.split()[0] for line in lines[1:-1]] == ["before", "anonymous", "before", "rejected"]
    assert json.loads(lines[2].removeprefix("anonymous"))["event_hour"] == "2026-10-01T16:00:00+08:00"
    assert json.loads(lines[4].removeprefix("rejected"))["code"] == "TIME_NO_ZONE"


def test_equipment_events_have_tables_of_their_own(tmp_path: Path) -> None:
    """The equipment job takes equipment-info events."""
    path = tmp_path / "equipment.ndjson"
    event = {**EVENT, "event_type": "equipment_info", "fields": {"os_version": "12.4", "device_id": "d-1"}}
    path.write_text(json.dumps(event) + "\n")
    result = call("run", "equipment", "--from", f"files:{path}", "--drain", *NOW, "--home", tmp_path, "--json")
    total = json.loads(result.stdout)
    assert total["rows"] == 1
    assert total["tables"]["anonymous"].endswith("analytics/equipment")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "nowhere"), "neither pubsub:"),
        (("--from", "files:/no/such/*.log", "--drain"), "no file matches"),
        (("--from", "files:x", "--system", "nobody"), "no pack is of the system"),
        (("--from", "files:x", "--authorization", "operator"), "--authorized-systems"),
        (("--from", "files:x", "--authorization", "operator", "--authorized-systems", "nobody"), "no pack"),
        (("--from", "files:x", "--now", "yesterday"), "not an instant"),
        (("--from", "files:x", "--now", "2026-01-01T00:00:00"), "has no zone"),
        (("--from", "files:x", "more"), "one stream at a time"),
        (("--from", "files:x", "--format", "apache_combined"), "--system"),
        (("--from", "files:x", "--format", "gdpr_sample"), "--system"),
        (("--from", "files:x", "--format", "nowhere.yml"), "check the path"),
        (("--from", "files:/tmp"), "is a folder: use files:/tmp/*"),
    ],
)
def test_a_wrong_call_says_what_to_do(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    """Mistakes are named before anything is written."""
    result = call("run", "service-logs", "--home", tmp_path / "home", *arguments)
    assert isinstance(result.exception, UsageError)
    assert words in str(result.exception)
    assert not (tmp_path / "home").exists()


def test_an_unknown_format_is_the_users_mistake(events: Path, tmp_path: Path) -> None:
    """The decoder's refusal reaches the user through the engine as one sentence."""
    result = call(
        "run", "service-logs", "--from", f"files:{events}", "--drain", "--format", "klingon", "--home", tmp_path
    )
    assert isinstance(result.exception, EbbError)
    assert "while running" not in str(result.exception)


def test_a_mapping_may_be_called_yml_and_its_event_type_must_be_one_of_the_stream(tmp_path: Path) -> None:
    """A constant event type that the stream does not have is refused before the home is made."""
    mapping, home = tmp_path / "m.yml", tmp_path / "home"
    arguments = ("--from", f"files:{mapping}", "--drain", "--format", mapping, "--home", home, *NOW)
    mapping.write_text("{name: m, system: sepp, event_type: no_such, event_time: published}")
    refused = call("run", "service-logs", *arguments)
    assert isinstance(refused.exception, UsageError)
    assert "no_such is no event type" in str(refused.exception)
    assert not home.exists()
    mapping.write_text("{name: m, system: sepp, event_type: web_log, event_time: published}")
    assert call("run", "service-logs", *arguments).exit_code == 0


@pytest.mark.parametrize(("name", "words"), [("apache_combined", "--system"), ("klingon", "no format is called")])
def test_a_replay_wants_a_system_too(events: Path, name: str, words: str) -> None:
    """Lines that would all be rejected are not published."""
    result = call("replay", events, "--format", name, "--to", "pubsub:ebb-test/logs")
    assert isinstance(result.exception, UsageError)
    assert words in str(result.exception)


def test_a_run_says_what_a_surprising_sum_means(events: Path, tmp_path: Path) -> None:
    """Half of the events rejected, and no event read where there are files, each have their sentence."""
    arguments = ("run", "service-logs", "--from", f"files:{events}", "--drain", *NOW, "--home", tmp_path / "home")
    first, second = call(*arguments), call(*arguments)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert f"`ebb dead-letters list --home {tmp_path / 'home'}` says why" in first.stderr
    assert "nothing new: the file was read to its end before" in second.stderr
    assert "rejected:" not in second.stderr


@pytest.mark.usefixtures("events")
def test_a_damaged_file_does_not_keep_the_others_out(tmp_path: Path) -> None:
    """What is readable before the damage is taken, other files go on, and the run ends with 1 and the file's name."""
    lines = [json.dumps({**EVENT, "event_id": f"z-{n}", "fields": {"page_url": f"/{n * 7919}"}}) for n in range(2000)]
    (tmp_path / "damaged.ndjson").write_bytes(gzip.compress("\n".join(lines).encode())[:-3000])
    (tmp_path / "last.ndjson").write_text(json.dumps({**EVENT, "event_id": "e-3"}) + "\n")
    home = tmp_path / "home"
    result = call(
        "run", "service-logs", "--from", f"files:{tmp_path}/*.ndjson", "--drain", *NOW, "--home", home, "--json"
    )
    assert isinstance(result.exception, EbbError)
    assert str(result.exception).count("damaged.ndjson cannot be read on (EOFError): it is damaged") == 1
    total = json.loads(result.stdout)
    assert total["dead_letters"] == {"TIME_NO_ZONE": 1}
    assert 100 < total["rows"] - 2 < 2000
    (tmp_path / "damaged.ndjson").write_text("\n".join(lines) + "\n")
    assert ran(tmp_path / "*.ndjson", home)["rows"] == 2000 - (total["rows"] - 2)


def test_an_unexpected_error_names_kind_and_place_but_no_value(
    events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a library says of a value never reaches the screen."""

    def quoting(*_: object) -> None:
        raise ValueError("could not convert u-47110815")

    monkeypatch.setattr("transforms.deid.decode.Decoder.__call__", quoting)
    result = call("run", "service-logs", "--from", f"files:{events}", "--drain", *NOW, "--home", tmp_path / "home")
    assert isinstance(result.exception, EbbError)
    assert "47110815" not in str(result.exception) + result.output
    assert "decoding failed (ValueError at" in str(result.exception)


def test_the_demo_shows_an_event_and_an_answer_and_is_made_anew(tmp_path: Path) -> None:
    """The demo runs twice in its own folder, and leaves a folder alone that is not its own."""
    for _ in range(2):
        result = call("demo", "--events", 1000, "--home", tmp_path / "demo")
        assert result.exit_code == 0, result.output
    for words in ("events in", "as analysts see it", '"ip_address"', "daily_devices", "What to try next"):
        assert words in result.output
    (tmp_path / "mine").mkdir()
    refused = call("demo", "--home", tmp_path / "mine")
    assert isinstance(refused.exception, EbbError)


def test_the_clock_of_a_drill_stands_still_and_the_wall_does_not() -> None:
    """`now` is the drill's instant, `wall` is not."""
    clock = RunClock(parse_instant("2015-05-21T00:00:00Z"))
    assert clock.now().year == 2015
    assert clock.wall().year >= 2026
    assert RunClock(parse_instant(None)).now().year >= 2026
