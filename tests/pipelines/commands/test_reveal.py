"""`ebb reveal` as people type it, over a real lake, ledger and keyring, with a field that was treated by `encrypt`."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from governance.errors import LedgerError, RefusedError
from pipelines import key_work, revealing
from pipelines.cli import ebb
from pipelines.settings import load_settings, wall_clock
from tests.pipelines.calling import code
from tests.transforms.deid.every import CASE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

TEXTS = ("13912345678", "张伟 ext. 7", "\x1b[2Jgone")
OF_THE_FIELD = ("--case", "2026-17", "--system", "every", "--field", "secret", "--reason", "call back")


def call(home: Path, *arguments: object) -> Result:
    """Run a command in a home."""
    packs = ("--packs", str(CASE / "packs"))
    return CliRunner().invoke(ebb, [*map(str, arguments), *packs, "--home", str(home)])


def reveal(home: Path, *arguments: object, by: str = "ops") -> Result:
    """Run `ebb reveal …` as somebody."""
    return call(home, "reveal", *arguments, "--by", by)


def reveal_list(home: Path) -> str:
    """Return what `ebb reveal list` prints."""
    return call(home, "reveal", "list").output


def read(home: Path, *arguments: object) -> Any:
    """Run a command that must succeed and return its JSON."""
    result = call(home, *arguments, "--json")
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with three events of the personal path, and their tokens in a file beside it."""
    folder = tmp_path_factory.mktemp("made")
    now = wall_clock().isoformat()
    lines = [
        {"system": "every", "event_type": "page_view", "event_time": now, "event_id": str(number)}
        | {"subject": {"account": f"u-{number}"}, "fields": {"secret": text}}
        for number, text in enumerate(TEXTS)
    ]
    (folder / "events.ndjson").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    home = folder / "home"
    done = read(
        home, "run", "service-logs", "--from", f"files:{folder / 'events.ndjson'}", "--drain",
        "--authorization", "operator", "--authorized-systems", "every",
    )  # fmt: skip
    assert done["personal"] == len(TEXTS)
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """Return a home of the test's own."""
    return shutil.copytree(made, tmp_path / "home")


@pytest.fixture
def tokens(home: Path, tmp_path: Path) -> Path:
    """Return a file of the tokens that `ebb query` shows."""
    rows = read(home, "query", "SELECT secret FROM personal_service_log", "--personal")
    path = tmp_path / "tokens.txt"
    path.write_text("".join(f"{row['secret']}\n" for row in rows))
    return path


def asked(home: Path, tokens: Path, *more: object) -> str:
    """Ask as lin, and return the request's number."""
    result = reveal(home, "request", *OF_THE_FIELD, "--tokens-from", tokens, "--json", *more, by="lin")
    assert result.exception is None, result.exception
    return str(json.loads(result.stdout)["request"])


def approved(home: Path, tokens: Path, *more: object) -> str:
    """Ask as lin, approve as wang and chen, and return the request's number."""
    number = asked(home, tokens, *more)
    assert read(home, "reveal", "approve", number, "--by", "wang")["state"] == "requested"
    document = read(home, "reveal", "approve", number, "--by", "chen")
    assert (document["state"], document["approved_by"]) == ("approved", ["wang", "chen"])
    return number


def kinds(home: Path) -> list[str]:
    """Return the kinds of the ledger's entries."""
    return [entry["kind"] for entry in read(home, "ledger", "show")["entries"]]


def everything_written(home: Path, told: Sequence[str]) -> bytes:
    """Return every byte of a home's ledger and other files but the lake, and of what was said."""
    files = [path for path in home.rglob("*") if path.is_file() and "lake" not in path.relative_to(home).parts]
    assert any(path.name.startswith("ledger.sqlite") for path in files)
    return b"\n".join([*(path.read_bytes() for path in files), *(line.encode() for line in told)])


def test_asked_for_approved_twice_and_opened_once(home: Path, tokens: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The texts come back to who opens, each step says the next, and neither texts nor tokens are written down."""
    caplog.set_level("DEBUG")
    said = [reveal(home, "request", *OF_THE_FIELD, "--tokens-from", tokens, by="lin").output]
    number = read(home, "reveal", "list")["requests"][0]["request"]
    assert "3 tokens of every's secret under case 2026-17, asked for by lin.\n" in said[0]
    assert f"ebb reveal approve {number}" in said[0]
    said += [reveal(home, "approve", number, by="wang").output]
    assert "Approved by wang, 1 of 2" in said[1]
    assert f"Next, by one more: ebb reveal approve {number}" in said[1]
    said += [reveal(home, "approve", number, by="chen").output]
    assert f"Next: ebb reveal open {number} --tokens-from FILE" in said[2]

    opened = reveal(home, "open", number, "--tokens-from", tokens).output
    shown = dict(line.split(maxsplit=1) for line in opened.splitlines()[1:4])
    assert set(shown) == set(tokens.read_text().split())
    assert sorted(shown.values()) == sorted([TEXTS[0], TEXTS[1], r"\x1b[2Jgone"])
    assert "Opened 3 of 3 under case 2026-17." in opened

    again = reveal(home, "open", number, "--tokens-from", tokens)
    assert code(again) == 3
    said += [again.output, str(again.exception), reveal_list(home), call(home, "ledger", "show").output]
    assert "opened" in said[-2]
    content = read(home, "ledger", "show", "--kind", "reveal.opened")["entries"][0]["content"]
    assert content == {"by": "ops", "case": "2026-17", "tokens": 3, "epochs": content["epochs"]}
    assert kinds(home) == ["reveal.requested", "reveal.approved", "reveal.approved", "reveal.opened"]
    assert read(home, "ledger", "verify")["ok"]
    written = everything_written(home, [*said, caplog.text, json.dumps(read(home, "ledger", "show"))])
    assert number.encode() in written
    of_tokens = tokens.read_text().split()
    for secret in (*TEXTS, *of_tokens, *(token.rpartition(".")[2] for token in of_tokens)):
        assert secret.encode() not in written


def test_for_machines_the_pairs_are_one_document(home: Path, tokens: Path) -> None:
    """With --json each token has its text, null where none can be had, and both are counted."""
    with tokens.open("a") as file:
        file.write("v1s.2020H1.AAAA\n")
    number = approved(home, tokens)
    document = read(home, "reveal", "open", number, "--tokens-from", tokens)
    assert (document["case"], document["opened"], document["not_opened"]) == ("2026-17", 3, 1)
    assert {pair["text"] for pair in document["pairs"]} == {*TEXTS, None}
    assert read(home, "reveal", "list")["requests"][0]["state"] == "opened"


def test_tokens_of_another_scope_stay_shut(home: Path, tokens: Path) -> None:
    """The answer says how many, and why that may be; the attempt is on record."""
    number = approved(home, tokens, "--recipient", "partner")
    output = reveal(home, "open", number, "--tokens-from", tokens).output
    assert "Opened 0 of 3" in output
    assert "3 cannot be opened: the key is destroyed, or of another system" in output
    assert kinds(home)[-1] == "reveal.opened"


def test_tokens_of_a_destroyed_key_stay_shut(home: Path, tokens: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the key is gone two approvals open nothing."""
    monkeypatch.setattr(key_work, "SETTLED_AFTER", timedelta(seconds=0.2))
    number = approved(home, tokens)
    shutil.rmtree(home / "lake")
    epoch = tokens.read_text().split(".")[1]
    assert code(call(home, "keys", "rotate", "--system", "every")) == 0
    destroyed = call(home, "keys", "destroy", epoch, "--yes")
    assert destroyed.exception is None, destroyed.exception
    assert "Opened 0 of 3" in reveal(home, "open", number, "--tokens-from", tokens).output


def test_what_is_refused_opens_nothing(home: Path, tokens: Path, tmp_path: Path) -> None:
    """Too few approvals, who asked, the same person again, other tokens, no such request: exit code 3, no record."""
    number = asked(home, tokens)
    other = tmp_path / "other.txt"
    other.write_text(tokens.read_text().splitlines()[0])
    refused = [reveal(home, "open", number, "--tokens-from", tokens), reveal(home, "approve", number, by="lin")]
    assert code(reveal(home, "approve", number, by="wang")) == 0
    refused += [reveal(home, "approve", number, by="Wang"), reveal(home, "open", number, "--tokens-from", tokens)]
    assert code(reveal(home, "approve", number, by="chen")) == 0
    refused += [reveal(home, "open", number, "--tokens-from", other), reveal(home, "approve", "abc")]
    assert [code(result) for result in refused] == [3] * 6
    assert kinds(home) == ["reveal.requested", "reveal.approved", "reveal.approved"]
    assert not any(text in result.output + str(result.exception) for result in refused for text in TEXTS)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--system", "nowhere"), "no pack is of this system; known are every"),
        (("--field", "nothing"), "no such field"),
        (("--case", "Zhang Wei"), "not valid: case"),
    ],
)
def test_a_request_that_cannot_be_meant_is_no_request(
    home: Path, tokens: Path, more: tuple[str, str], why: str
) -> None:
    """Unknown names are a mistake of the call, and leave no entry."""
    result = reveal(home, "request", *OF_THE_FIELD, *more, "--tokens-from", tokens)
    assert (code(result), why in str(result.exception)) == (2, True), result.exception
    assert kinds(home) == []


def test_a_file_of_values_is_refused_without_a_word_of_them(home: Path, tmp_path: Path) -> None:
    """A file of texts, or of bytes that are none, is named by its line."""
    path = tmp_path / "values.txt"
    for content in (TEXTS[0].encode(), b"\xff\xfe\x00"):
        path.write_bytes(content)
        result = reveal(home, "request", *OF_THE_FIELD, "--tokens-from", path)
        assert (code(result), str(result.exception)[:6]) == (2, "line 1")
        assert TEXTS[0] not in result.output + str(result.exception)


def test_before_anybody_asked_the_list_says_so(home: Path) -> None:
    """An empty list is a sentence."""
    assert reveal_list(home) == "Nobody asked to have a token opened.\n"


def test_a_ledger_that_takes_no_record_opens_nothing(home: Path, tokens: Path) -> None:
    """If the entry cannot be written no key is asked for; the request stays as it was."""
    number = approved(home, tokens)
    with sqlite3.connect(home / "ledger.sqlite") as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON ebb_ledger WHEN NEW.kind = 'reveal.opened' "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    result = reveal(home, "open", number, "--tokens-from", tokens)
    assert isinstance(result.exception, LedgerError)
    assert result.output == ""
    assert "approved" in reveal_list(home)


def test_a_broken_ledger_opens_nothing(home: Path, tokens: Path) -> None:
    """An approval that was changed by hand ends it, even if its name would do."""
    number = approved(home, tokens)
    with sqlite3.connect(home / "ledger.sqlite") as database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute("UPDATE ebb_ledger_payloads SET payload = replace(payload, 'wang', 'zhao')")
    result = reveal(home, "open", number, "--tokens-from", tokens)
    assert (code(result), "nothing is opened on such a record" in str(result.exception)) == (1, True)
    assert kinds(home)[-1] == "reveal.approved"


def test_of_two_at_once_one_opens(home: Path, tokens: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes second to the ledger is refused, though the request was free when both looked."""
    number = approved(home, tokens)
    settings = load_settings(home=home)
    first: list[dict[str, str | None]] = []

    def clock() -> datetime:
        monkeypatch.setattr(revealing, "wall_clock", wall_clock)
        first.append(revealing.open_reversal(settings, number, tokens, "chen")[1])
        return wall_clock()

    monkeypatch.setattr(revealing, "wall_clock", clock)
    with pytest.raises(RefusedError, match="somebody else opened this request"):
        revealing.open_reversal(settings, number, tokens, "wang")
    assert set(first[0].values()) == set(TEXTS)
