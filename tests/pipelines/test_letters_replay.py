"""`ebb dead-letters show` and `replay`, over lakes that real runs filled."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from governance.errors import KeyringError, UsageError
from governance.policy import load_catalogue, loading
from pipelines import engines, letters_replay, opened_letters
from pipelines.cli import ebb
from pipelines.launch import RunOptions
from pipelines.sources.letters import LettersSource
from retention.dead_letters import Selection
from retention.stores.delta import open_table

EVENT = {"system": "sepp", "event_type": "page_view", "event_time": "2026-10-01T08:30:00Z"}
NOW = ("--now", "2026-11-01T00:00:00+08:00")
ACCESS = '203.0.113.9 - - [01/Oct/2026:08:00:00 +0000] "GET /some-path HTTP/1.1" 200 5 "-" "-"'


def line(name: str, **changes: object) -> str:
    """Return an event of a member as a line."""
    event = {**EVENT, "event_id": name, "subject": {"account": "u-4711"}, "fields": {"page_url": "/a"}} | changes
    return json.dumps(event)


BAD = [
    line("wrong", fields={"http_status": "abc"}),
    line("zone", event_time="2026-10-01T08:30:00"),
    line("nobody", system="elsewhere"),
    line("secret", fields={"password": "x"}),
    line("good"),
    '{"cut": ',
    "\x1b[31m\udce4".encode("utf-8", "surrogateescape").decode("latin-1"),
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that is not made yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EBB_ROOT_KEY", raising=False)
    return tmp_path / "home"


def call(home: Path, *arguments: object) -> Result:
    """Call `ebb …`."""
    return CliRunner().invoke(ebb, [*map(str, arguments), "--home", str(home)])


def ran(home: Path, lines: list[str], *more: object, name: str = "lines") -> dict[str, Any]:
    """Drain lines from a file and return the report."""
    path = home.parent / name
    path.write_text("\n".join(lines) + "\n")
    result = call(home, "run", "service-logs", "--from", f"files:{path}", "--drain", *NOW, "--json", *more)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def replayed(home: Path, *more: object) -> dict[str, Any]:
    """Replay, and return what became of the service log's letters."""
    result = call(home, "dead-letters", "replay", "--ops-key", home / "ops.key", *NOW, "--json", *more)
    assert result.exit_code == 0, (result.output, result.exception)
    streams = json.loads(result.stdout)["streams"]
    return dict(streams.get("service_log", {}))


def rows(home: Path, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table of the lake."""
    found: list[dict[str, Any]] = open_table(f"{home}/lake/{table}").dataset().to_table().to_pylist()
    return found


def pack_of(home: Path, system: str) -> Path:
    """Return a folder with a pack for one more system: what operations do when a pack was missing."""
    assert system not in load_catalogue().systems
    folder = home.parent / "packs"
    folder.mkdir(exist_ok=True)
    text = (Path(loading.__file__).with_name("packs") / "sepp.yaml").read_text()
    (folder / f"{system}.yaml").write_text(
        text.replace("id: sepp\n", f"id: {system}\n", 1).replace("system: sepp\n", f"system: {system}\n", 1)
    )
    return folder


def test_a_mended_pack_brings_letters_back_under_their_keys_and_once(home: Path) -> None:
    """Letters that pass now become rows with the key they had; a second replay stores nothing; others stay letters."""
    ran(home, BAD)
    letters = rows(home, "dead_letters")
    keys = {letter["code"]: letter["event_key"] for letter in letters}
    packs = pack_of(home, "elsewhere")
    dry = replayed(home, "--packs", packs, "--dry-run")
    assert (dry["letters"], dry["became_rows"], dry["destroyed"]) == (5, 1, 1)
    assert len(rows(home, "analytics/service_log")) == 1
    first = replayed(home, "--packs", packs)
    assert (first["became_rows"], first["dropped"]) == (1, {"REJECTED_AGAIN": 4})
    stored = {row["system"]: row["event_key"] for row in rows(home, "analytics/service_log")}
    assert stored["elsewhere"] == keys["POLICY_NONE"]
    second = replayed(home, "--packs", packs)
    assert (second["became_rows"], second["dropped"]) == (0, {"REJECTED_AGAIN": 4, "DUPLICATE": 1})
    assert rows(home, "dead_letters") == letters
    assert len(rows(home, "analytics/service_log")) == 2


def test_lines_of_other_formats_come_back_by_their_own_or_another(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A letter keeps format, system and position; replay may give a format or a system that was missing."""
    monkeypatch.setattr("pipelines.launch.check_system", lambda *_: None)  # as messages may come, which are not asked
    ran(home, [ACCESS], "--format", "apache_combined")
    (letter,) = rows(home, "dead_letters")
    assert letter["code"] == "SCHEMA_MISSING"
    assert replayed(home)["dropped"] == {"REJECTED_AGAIN": 1}
    assert replayed(home, "--system", "sepp")["became_rows"] == 1
    (row,) = rows(home, "analytics/service_log")
    assert (row["event_key"], row["http_status"]) == (letter["event_key"], 200)
    ran(home, [ACCESS + " x"], name="native")
    assert replayed(home, "--format", "apache_combined", "--system", "sepp")["dropped"]["DUPLICATE"] == 1
    assert replayed(home, "--format", "apache_combined", "--system", "sepp")["dropped"] == {"DUPLICATE": 2}


def test_what_a_step_behind_decoding_rejected_comes_back(home: Path) -> None:
    """An event that was too early is a row once its time has come; the personal path is taken if it is authorized."""
    total = ran(home, [line("early", event_time="2026-11-20T00:00:00Z")])
    assert total["dead_letters"] == {"TIME_IN_FUTURE": 1}
    result = call(
        home, "dead-letters", "replay", "--ops-key", home / "ops.key", "--now", "2026-11-21T00:00:00Z",
        "--authorization", "operator", "--authorized-systems", "sepp",
    )  # fmt: skip
    assert "service_log: 1 letter, of which 1 became rows" in result.output
    assert len(rows(home, "personal/service_log")) == 1


def test_selection_by_day_code_stream_and_key(home: Path) -> None:
    """Only the letters that are meant are opened."""
    ran(home, BAD)
    letters = {letter["code"]: letter for letter in rows(home, "dead_letters")}
    key = letters["SCHEMA_TYPE"]["event_key"].hex()
    today = letters["SCHEMA_TYPE"]["received_date"]
    for chosen, number in (
        (("--code", "SCHEMA_TYPE"), 1),
        (("--code", "SCHEMA_TYPE", "--code", "TIME_NO_ZONE"), 2),
        (("--day", today), 5),
        (("--day", "2020-01-01"), 0),
        (("--stream", "service-logs"), 5),
        (("--stream", "equipment"), 0),
        (("--key", key[:12]), 1),
    ):
        assert replayed(home, "--dry-run", *chosen).get("letters", 0) == number, chosen
    for wrong in (("--day", "today"), ("--key", "xyz")):
        assert isinstance(call(home, "dead-letters", "show", "--ops-key", "k", *wrong).exception, UsageError)


def test_show_opens_with_the_ops_key_and_tames_what_it_prints(home: Path) -> None:
    """The record is shown whole, in JSON also where it is no text; control characters do not reach the terminal."""
    ran(home, BAD)
    shown = call(home, "dead-letters", "show", "--ops-key", home / "ops.key")
    assert "u-4711" in shown.output
    assert "\x1b" not in shown.output
    assert not [line for line in shown.output.splitlines() if line.endswith(" None")]
    assert "SECRET_PROHIBITED" in shown.output
    document = json.loads(call(home, "dead-letters", "show", "--ops-key", home / "ops.key", "--json").stdout)
    by_code = {letter["code"]: letter for letter in document["dead_letters"]}
    assert by_code["SCHEMA_TYPE"]["record"] == BAD[0]
    assert by_code["SECRET_PROHIBITED"]["record"] is None
    assert call(home, "dead-letters", "show", "--ops-key", home / "ops.key", "--limit", 2).output.endswith("2 shown.\n")
    none = call(home, "dead-letters", "show", "--ops-key", home / "ops.key", "--code", "NONE")
    assert "No dead letter is like that" in none.output


def test_a_record_that_is_no_text_is_shown_in_base64(home: Path) -> None:
    """Bytes that are not UTF-8 are handed out unharmed."""
    home.mkdir()
    (home.parent / "bytes").write_bytes(b"\xff\xfe\x00\n")
    assert call(home, "run", "service-logs", "--from", f"files:{home.parent}/bytes", "--drain").exit_code == 0
    document = json.loads(call(home, "dead-letters", "show", "--ops-key", home / "ops.key", "--json").stdout)
    assert base64.b64decode(document["dead_letters"][0]["record_base64"]) == b"\xff\xfe\x00"


def test_without_the_ops_key_nothing_opens(home: Path) -> None:
    """A missing key, one that others can read, another key, and a lake without letters each have their message."""
    assert isinstance(call(home, "dead-letters", "show", "--ops-key", "k").exception, KeyringError)
    call(home, "keys", "init")
    empty = call(home, "dead-letters", "replay", "--ops-key", home / "ops.key")
    assert isinstance(empty.exception, UsageError)
    assert "there are no dead letters" in str(empty.exception)
    ran(home, BAD)
    for path, words in (
        (home / "nowhere", "is missing"),
        (home / "root.key", "is not the ops key that this keyring seals to"),
        (home.parent / "lines", "is open to other users"),
    ):
        for command in ("show", "replay"):
            result = call(home, "dead-letters", command, "--ops-key", path)
            assert isinstance(result.exception, KeyringError), command
            assert words in str(result.exception)
    assert call(home, "dead-letters", "show").exit_code == 2


def test_a_letter_that_is_due_is_neither_shown_nor_replayed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its due date on a letter counts as gone, though no sweep has come for it (R-RET-12)."""
    ran(home, [BAD[0]])
    due = datetime.now(tz=UTC) + timedelta(days=30)
    for module in (letters_replay, opened_letters):
        monkeypatch.setattr(module, "wall_clock", lambda: due)
    assert "it is due" in call(home, "dead-letters", "show", "--ops-key", home / "ops.key").output
    gone = replayed(home)
    assert (gone["letters"], gone["due"]) == (0, 1)


def test_a_replay_goes_on_where_its_last_commit_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the engine recycles its pipeline, each letter is still taken exactly once."""
    ran(home, [line(f"e-{number}", system="elsewhere") for number in range(25)])
    monkeypatch.setattr(engines, "BUNDLES_IN_A_PIPELINE", 2)
    taken: list[int] = []
    real = LettersSource.segments

    def counted(self: LettersSource) -> Any:
        for segment in real(self):
            taken.append(1)
            yield segment

    monkeypatch.setattr(LettersSource, "segments", counted)

    options = RunOptions(
        stream="", source="", home=home, packs=pack_of(home, "elsewhere"), now=NOW[1], max_events=4, as_json=True
    )
    done = letters_replay.replay(options, Selection(), home / "ops.key", None, dry_run=False)["service_log"]
    assert (done.total.read, done.rows) == (25, 25)
    assert len(rows(home, "analytics/service_log")) == 25
