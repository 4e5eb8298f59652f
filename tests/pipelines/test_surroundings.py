"""Bad surroundings: each ends with its exit code and one sentence that says what to do next, without a traceback."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from pipelines import tools
from tests.conftest import missing
from tests.emulator import PROJECT, free_port, running_emulator
from tests.integration.processes import EBB, keys, started, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import Emulator

NOW = "2026-11-01T00:00:00+08:00"
ROWS = ("analytics/service_log", "personal/service_log")


def events(number: int, start: int = 0) -> bytes:
    """Return lines of events."""
    event = '{"event_id":"e-%d","system":"sepp","event_type":"page_view","event_time":"2026-10-01T08:00:00Z"}\n'
    return "".join(event % one for one in range(start, start + number)).encode()


def ebb(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run `ebb` and return exit code and what it said; no debugging, no traceback."""
    surroundings = {name: value for name, value in os.environ.items() if name != "EBB_DEBUG"} | environment
    done = subprocess.run(
        [str(EBB), *arguments], capture_output=True, text=True, timeout=100, check=False, env=surroundings
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "an error that ebb does not know" not in said
    return done.returncode, said


@pytest.fixture
def drain(tmp_path: Path) -> tuple[str, ...]:
    """Return the arguments of a run over one file of one event; the home is not there yet."""
    path = tmp_path / "events.ndjson"
    path.write_bytes(events(1))
    source = ("run", "service-logs", "--from", f"files:{path}", "--drain", "--now", NOW)
    return (*source, "--home", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (("--system", "nobody"), 2, "there are index_site"),
        (("--format", "klingon"), 2, "use native, apache_combined"),
        (("--format", "none.yaml"), 2, "check the path"),
        (("--runner", "nonsense"), 2, "use embedded, prism"),
        (("--runner", "DataflowRunnerr"), 2, "use embedded, prism"),
        (("--now", "nonsense"), 2, "is not an instant: write"),
        (("--now", "2026-02-30T00:00:00Z"), 2, "is not an instant: write"),
        (("--now", "2026-11-01"), 2, "add Z or an offset"),
        (("--now", "0001-01-01T00:00:00+14:00"), 2, "give an instant within"),
        (("--now", "9999-12-31T23:59:59Z"), 2, "give an instant within"),
        (("--packs", "/no/such/folder"), 2, "does not exist"),
        (("--nonsense=1",), 2, "see `ebb run --help`"),
    ],
)
def test_a_call_that_cannot_work_makes_nothing(
    drain: tuple[str, ...], tmp_path: Path, more: tuple[str, ...], code: int, words: str
) -> None:
    """An unknown system, format, runner, folder or instant is refused before the home is made."""
    ended, said = ebb(*drain, *more)
    assert (ended, words in said) == (code, True), said
    assert not (tmp_path / "home").exists()


def test_an_unknown_pack_is_named_with_those_there_are() -> None:
    """`ebb policy show` of a pack that is not there lists the packs."""
    ended, said = ebb("policy", "show", "nosuch")
    assert ended == 2
    assert "packs are index_site" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id: [", "a.yaml:2: file: is not readable as YAML"),
        ('id: !!int ""', "a.yaml:1: file: is not readable as YAML"),
        ("id: x\nsystem: sepp\n", "names: is missing"),
        ("- a\n- b\n", "a.yaml:1"),
        (None, "a.yaml:1: file: cannot be opened"),
    ],
)
def test_a_broken_folder_of_packs_names_file_and_line(
    drain: tuple[str, ...], tmp_path: Path, text: str | None, words: str
) -> None:
    """A pack that is no YAML, no pack or no file is named with its line, and nothing is made."""
    (tmp_path / "packs").mkdir()
    path = tmp_path / "packs" / "a.yaml"
    path.mkdir() if text is None else path.write_text(text)
    ended, said = ebb(*drain, "--packs", str(tmp_path / "packs"))
    assert (ended, words in said) == (1, True), said
    assert "`ebb policy check`" in said
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: [\n", "line 2: not YAML"),
        ('name: !!int ""', "not YAML"),
        ("name: x", "event_type"),
        ("name: x\nevent_type: web_log\nevent_time: published\nfields: {no_such: /a}\n", "fields.no_such"),
        ("name: x\nevent_type: web_log\nevent_time: published\nmeta: {dnt: 99999999999999999999}\n", "meta.dnt"),
        ("[" * 3000, "not YAML"),
    ],
)
def test_a_broken_mapping_names_file_and_place(drain: tuple[str, ...], tmp_path: Path, text: str, words: str) -> None:
    """A mapping that is no YAML, lacks a part or fills a name that is not there is refused before anything is made."""
    (tmp_path / "m.yaml").write_text(text)
    ended, said = ebb(*drain, "--format", str(tmp_path / "m.yaml"))
    assert (ended, words in said) == (2, True), said
    assert not (tmp_path / "home").exists()


def test_keys_that_do_not_fit_are_told_apart(drain: tuple[str, ...], tmp_path: Path) -> None:
    """A root key of another keyring, none, one that is no key, and a keyring that is none each have their sentence."""
    home = tmp_path / "home"
    assert ebb(*drain)[0] == 0
    root = home / "root.key"
    before = root.read_text()
    root.write_text("07" * 32)
    assert_says(ebb(*drain), 1, "does not belong to the keyring", "EBB_ROOT_KEY")
    root.unlink()
    assert_says(ebb(*drain), 1, "is missing: restore it")
    assert_says(ebb(*drain, EBB_ROOT_KEY="zz"), 1, "32 bytes as hexadecimal or base64")
    assert ebb(*drain, EBB_ROOT_KEY=before.strip())[0] == 0
    (home / "keyring.sqlite").write_text("no keyring")
    assert_says(ebb(*drain, EBB_ROOT_KEY=before.strip()), 1, "is not a keyring: check --home")


def assert_says(answer: tuple[int, str], code: int, *words: str) -> None:
    """One sentence with these words, and this code."""
    assert answer[0] == code, answer
    assert all(word in answer[1] for word in words), answer
    assert len(answer[1].strip().splitlines()) == 1


def test_a_home_that_cannot_be_written(drain: tuple[str, ...], tmp_path: Path) -> None:
    """A home below a file, in a folder that takes none, or that is a file, is the surroundings' or the call's fault."""
    run = drain[:-1]
    assert_says(ebb(*run, str(tmp_path / "events.ndjson" / "x")), 2, "cannot be made", "--home")
    assert_says(ebb(*run, "/proc/ebb"), 2, "cannot be made", "--home")
    assert_says(ebb(*run, "/proc"), 1, "cannot write in /proc", "check the folder")
    ended, said = ebb(*run, str(tmp_path / "events.ndjson"))
    assert (ended, "is a file" in said) == (2, True)


def test_a_file_that_may_not_be_read_is_named_at_the_end(tmp_path: Path) -> None:
    """The other files are taken first; the report comes, then the name of the file that is closed, and exit 1."""
    (tmp_path / "closed.ndjson").write_bytes(events(3))
    (tmp_path / "closed.ndjson").chmod(0)
    (tmp_path / "open.ndjson").write_bytes(events(2, 7))
    run = [EBB, "run", "service-logs", "--from", f"files:{tmp_path}/*.ndjson", "--drain", "--now", NOW]
    if os.geteuid() == 0:  # who reads everything, unless that is taken away
        setpriv = shutil.which("setpriv") or missing("setpriv, to run as somebody to whom a file may be closed")
        run = [setpriv, "--bounding-set=-dac_override,-dac_read_search", *run]
    done = subprocess.run(
        [*map(str, run), "--home", str(tmp_path / "home")], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "rows, anonymous                 2" in done.stdout
    assert done.stderr.count("closed.ndjson may not be read: let this user read it") == 1


def test_prism_missing_or_broken(drain: tuple[str, ...], tmp_path: Path) -> None:
    """A binary that is missing, not executable, for another machine, or that ends at once, is told with its remedy."""
    prism = tmp_path / "prism"
    for _ in range(2):  # absent, then there but not executable
        assert_says(ebb(*drain, "--runner", "prism", EBB_PRISM=str(prism)), 2, "may be run", "`make prism`")
        assert not (tmp_path / "home").exists()
        prism.write_text("no program")
    prism.chmod(0o755)
    ended, said = ebb(*drain, "--runner", "prism", EBB_PRISM=str(prism))
    assert (ended, "is no program for this machine" in said, "`make prism`" in said) == (1, True, True)
    prism.write_text("#!/bin/sh\nexit 3\n")
    ended, said = ebb(*drain, "--runner", "prism", EBB_PRISM=str(prism))
    assert (ended, "Prism did not start" in said) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "service-logs", "--from", "pubsub:ebb-tests/nosuch"),
        ("run", "service-logs", "--from", "pubsub:ebb-tests/nosuch", "--dry-run"),
        ("replay", "FILE", "--format", "native", "--to", "pubsub:ebb-tests/nosuch"),
        ("generate", "service-logs", "--events", "5", "--seed", "1", "--to", "pubsub:ebb-tests/nosuch"),
    ],
)
def test_unreachable_pubsub_ends_soon(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """With nobody at PUBSUB_EMULATOR_HOST every command ends within seconds, with one sentence."""
    path = tmp_path / "events.ndjson"
    path.write_bytes(events(1))
    told = [str(path) if one == "FILE" else one for one in arguments]
    since = time.monotonic()
    answer = ebb(*told, "--home", str(tmp_path / "home"), PUBSUB_EMULATOR_HOST=f"127.0.0.1:{free_port()}")
    assert time.monotonic() - since < 55  # before the client's own minute; on a free machine it takes four seconds
    assert answer[0] == 1, answer
    assert "PUBSUB_EMULATOR_HOST" in answer[1] or "is it running?" in answer[1]
    assert len(answer[1].strip().splitlines()) == 1
    assert not (tmp_path / "home" / "lake").exists()


def test_no_way_into_pubsub_says_how_to_sign_in(tmp_path: Path) -> None:
    """Without emulator and without credentials the sentence names both ways."""
    answer = ebb(
        "run", "service-logs", "--from", "pubsub:ebb-tests/nosuch", "--home", str(tmp_path / "home"),
        PUBSUB_EMULATOR_HOST="", GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "none.json"),
    )  # fmt: skip
    assert_says(answer, 1, "set PUBSUB_EMULATOR_HOST, or sign in with gcloud")


@pytest.mark.emulator
def test_a_missing_subscription_is_named(emulator: Emulator, tmp_path: Path) -> None:
    """A subscription that does not exist is named, with how to make it."""
    source = f"pubsub:{emulator.project}/no-such-subscription"
    assert_says(
        ebb("run", "service-logs", "--from", source, "--home", str(tmp_path / "home")),
        1, "there is no subscription", "create it",
    )  # fmt: skip


@pytest.mark.emulator
def test_a_subscription_deleted_in_mid_run_ends_the_run(emulator: Emulator, tmp_path: Path) -> None:
    """A run whose subscription goes away commits what it has and ends with a sentence."""
    topic, subscription = emulator.new_topic()
    emulator.publish(topic, [(events(500), {})])
    home, log = tmp_path / "home", tmp_path / "log"
    source = f"pubsub:{emulator.project}/{subscription}"
    with started("run", "service-logs", "--from", source, "--now", NOW, "--home", str(home), log=log) as process:
        wait_for(lambda: keys(home, *ROWS).total() == 500, 60, log)
        emulator.delete_subscription(subscription)
        assert process.wait(60) == 1, log.read_text()
    said = log.read_text()
    assert "it does not exist; create it first" in said
    assert "Traceback" not in said
    assert keys(home, *ROWS).total() == 500


@pytest.mark.slow
@pytest.mark.emulator
@pytest.mark.parametrize("drains", [False, True])
def test_an_emulator_killed_and_started_again_in_mid_run(tmp_path: Path, drains: bool) -> None:
    """A run outlives its Pub/Sub: it waits, a drain too, and goes on where the subscription is there again."""
    java, jar = tools.find_java(), tools.find_emulator_jar()
    if java is None or jar is None:
        missing("Java and the Pub/Sub emulator")
    port, home, log = free_port(), tmp_path / "home", tmp_path / "log"
    host = {"PUBSUB_EMULATOR_HOST": f"127.0.0.1:{port}"}
    arguments = ["run", "service-logs", "--now", NOW, "--home", str(home), *(["--drain"] if drains else [])]
    source = f"pubsub:{PROJECT}/events-again-sub"
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv(*next(iter(host.items())))
        with running_emulator(java, jar, tmp_path / "one", port) as first:
            topic, _ = first.make_topic("events-again")
            first.publish(topic, [(events(500), {})])
            process = stack.enter_context(started(*arguments, "--from", source, "--quiet", "8", log=log, **host))
            wait_for(lambda: keys(home, *ROWS).total() == 500, 60, log)
            os.kill(first.pid, signal.SIGKILL)
            time.sleep(12)
            assert process.poll() is None, log.read_text()
        second = stack.enter_context(running_emulator(java, jar, tmp_path / "two", port))
        second.make_topic("events-again")
        second.publish(topic, [(events(1000), {})])
        wait_for(lambda: keys(home, *ROWS).total() == 1000 or process.poll() is not None, 90, log)
        if not drains:
            process.terminate()
        if process.wait(60):  # it looked before the subscription was made again: it said so, and is started again
            assert "it does not exist; create it first" in log.read_text()
            ended, said = ebb(*arguments, *([] if drains else ["--drain"]), "--from", source, **host)
            assert ended == 0, said
    assert "Traceback" not in log.read_text()
    found = keys(home, *ROWS)
    assert (len(found), set(found.values())) == (1000, {1})
