"""What README.md, CONTRIBUTING.md and docs/ tell a reader to type works as written.

A fenced `console` block (lines that begin with `$ `) or `sh` block holds commands; those that begin with `ebb` are
run in document order in one temporary folder, those that begin with `make` must name a target. `sh no-test` keeps
a block from being run, its options are checked all the same. `# exits 3` after a command states its exit code.
`mkdir` and `cat > FILE <<'EOF'` with its lines are run too: they make the files of an example.
A command that speaks of `pubsub:` gets the emulator, with the topics and subscriptions it names.

Links lead somewhere, samples are what they claim to be, and no placeholder is left.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
import yaml

from governance.policy.rows import InventoryFile
from pipelines.cli import ebb
from pipelines.settings import Settings

if TYPE_CHECKING:
    from tests.emulator import Emulator

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINKED = [*DOCUMENTS, ROOT / "CHANGELOG.md", ROOT / "SECURITY.md"]
SECONDS = 180
RUN = ("ebb ", "timeout ", "mkdir ", "cat >")
"""How commands begin that are run; `timeout` ends a stream that would go on for ever."""

_FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<info>(?:console|sh)\b[^\n`]*)\n(?P<body>.*?)^(?P=fence)\s*$", re.MULTILINE | re.DOTALL
)
_EXITS = re.compile(r"\s+# exits (?P<code>\d+)$")
_ENDPOINT = re.compile(r"--(?P<way>from|to)[ =]pubsub:(?P<project>[^/\s]+)/(?P<name>\S+)")
_HERE = re.compile(r"^cat >>? \S+ <<'(?P<end>\w+)'$")
_BLOCK = re.compile(r"^(?P<fence>`{3,})(?P<info>[^`\n]*)\n(?P<body>.*?)^(?P=fence)\s*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\((?P<to>[^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(?P<words>.+?) *$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"@[A-Z][A-Z_]*@")
_REASON = re.compile(
    r"\b((?:SCHEMA|TIME|POLICY|PURP|SIGNAL|CONSENT|PROVENANCE|RET|AUDIO)_(?:[A-Z]+_)*[A-Z]+|TOO_LARGE|DUPLICATE"
    r"|EVENT_TYPE_UNKNOWN|EXPIRED_ON_ARRIVAL|REJECTED_AGAIN|(?:SECRET|BIOMETRIC)_PROHIBITED)\b"
)
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """One command as a document shows it."""

    line: int
    text: str
    runs: bool
    code: int = 0


def commands_of(markdown: str) -> list[Command]:
    """Return the `ebb` and `make` commands of the fenced blocks, in order."""
    found = []
    for block in _FENCE.finditer(markdown):
        prompted = block["info"].startswith("console")
        runs = "no-test" not in block["info"].split()
        first = markdown.count("\n", 0, block.start("body")) + 1
        for offset, text in _joined(block["body"], prompted=prompted):
            exits = _EXITS.search(text)
            if text.startswith((*RUN, "make ")):
                shown = text[: exits.start()] if exits else text
                found.append(Command(first + offset, shown, runs, int(exits["code"]) if exits else 0))
    return found


def _joined(body: str, *, prompted: bool) -> list[tuple[int, str]]:
    """Return (line offset, command) with continued lines joined; in `console` only what follows a prompt."""
    lines = body.splitlines()
    found: list[tuple[int, str]] = []
    index = 0
    while index < len(lines):
        start, text = index, lines[index]
        while text.endswith("\\") and index + 1 < len(lines):
            index += 1
            text = text[:-1].rstrip() + " " + lines[index].removeprefix("> ").strip()
        index += 1
        here = _HERE.match(text.removeprefix("$ "))
        while here and index < len(lines) and not text.endswith(f"\n{here['end']}"):
            text, index = f"{text}\n{lines[index]}", index + 1
        if prompted and not text.startswith("$ "):
            continue
        found.append((start, text.removeprefix("$ ").strip()))
    return found


def _documents_with(word: str, *, runs: bool | None = None) -> list[Path]:
    return [
        path
        for path in DOCUMENTS
        if any(
            command.text.startswith(word) and (runs is None or command.runs is runs)
            for command in commands_of(path.read_text(encoding="utf-8"))
        )
    ]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.timeout(900)  # the whole of a document is one test
@pytest.mark.parametrize("path", _documents_with("ebb", runs=True), ids=_name)
def test_the_commands_of_a_document_run_as_written(
    path: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every `ebb` command ends with the code that the document promises, in the document's order."""
    program = Path(sys.executable).with_name("ebb")
    assert program.is_file(), "ebb is not installed in this environment: make setup"
    commands = [c for c in commands_of(path.read_text(encoding="utf-8")) if c.text.startswith(RUN) and c.runs]
    text = "\n".join(command.text for command in commands)
    for name in [name for name in os.environ if name.startswith("EBB_")]:
        if name not in {"EBB_PRISM", "EBB_EMULATOR_JAR"}:
            monkeypatch.delenv(name)
    if "EBB_SAMPLES" in text:
        monkeypatch.setenv("EBB_SAMPLES", str(request.getfixturevalue("samples")))
    if "pubsub:" in text:
        make_topics(request.getfixturevalue("emulator"), text)
    if "prism" in text:
        monkeypatch.setenv("EBB_PRISM", str(request.getfixturevalue("prism")))
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command.text],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        where = f"{_name(path)}:{command.line}: {command.text}"
        assert done.returncode == command.code, f"{where}\n{done.stdout[-4000:]}"


def make_topics(emulator: Emulator, text: str) -> None:
    """Make the topics that the commands publish to, and the subscriptions they read, of the topic named before."""
    from google.api_core.exceptions import AlreadyExists  # noqa: PLC0415 - slow to import
    from google.cloud import pubsub_v1  # noqa: PLC0415

    assert emulator.host == os.environ["PUBSUB_EMULATOR_HOST"]
    topic = ""
    with pubsub_v1.PublisherClient() as publisher, pubsub_v1.SubscriberClient() as subscriber:
        # Topics first: a document may show the reader before the writer.
        ends = sorted(_ENDPOINT.finditer(text), key=lambda end: end["way"] == "from")
        for end in ends:
            if f"--subscription {end['name']}" in text:
                continue  # the document's own command makes it
            with contextlib.suppress(AlreadyExists):
                if end["way"] == "to":
                    topic = f"projects/{end['project']}/topics/{end['name']}"
                    publisher.create_topic(name=topic)
                else:
                    assert topic, f"no command publishes to a topic for {end[0]}"
                    name = f"projects/{end['project']}/subscriptions/{end['name']}"
                    subscriber.create_subscription(name=name, topic=topic, ack_deadline_seconds=60)


@pytest.mark.parametrize("path", _documents_with("ebb"), ids=_name)
def test_the_options_that_a_document_shows_exist(path: Path) -> None:
    """Every `ebb` command of a document exists, and so does each of its options."""
    for command in commands_of(path.read_text(encoding="utf-8")):
        if command.text.startswith("ebb"):
            where = f"{_name(path)}:{command.line}"
            for problem in problems_of(command.text):
                pytest.fail(f"{where}: {problem}")


def problems_of(text: str) -> list[str]:
    """Return what is wrong with the commands and options of one line, pipes and lists included."""
    problems: list[str] = []
    words = shlex.split(text, comments=True)
    for stop in ("|", "||", "&&", ";", "&", ">", ">>", "<", "2>&1"):
        words = words[: words.index(stop)] if stop in words else words
    context: click.Context = click.Context(ebb, info_name="ebb")
    here: click.Command = ebb
    for word in words[1:]:
        if word.startswith("-"):
            continue
        if not isinstance(here, click.Group):
            break
        found = here.get_command(context, word)
        if found is None:
            return [f"{context.command_path} has no command {word}"]
        here, context = found, click.Context(found, info_name=word, parent=context)
    assert here.get_help(context)
    known = {name for option in here.get_params(context) for name in (*option.opts, *option.secondary_opts)}
    for word in words[1:]:
        flag = word.partition("=")[0]
        if re.fullmatch(r"--[a-z].*|-[a-z]", flag) and flag not in known and not here.ignore_unknown_options:
            problems.append(f"{context.command_path} has no option {flag}")
    return problems


@pytest.mark.parametrize("path", _documents_with("make"), ids=_name)
def test_the_make_targets_that_a_document_shows_exist(path: Path) -> None:
    """Every `make` command of a document names targets of the Makefile."""
    targets = set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    for command in commands_of(path.read_text(encoding="utf-8")):
        if command.text.startswith("make"):
            named = [
                word for word in shlex.split(command.text, comments=True)[1:] if "=" not in word and word[0] != "-"
            ]
            unknown = set(named) - targets
            assert not unknown, f"{_name(path)}:{command.line}: no target {unknown}"


def test_commands_are_found_as_a_reader_sees_them() -> None:
    """Prompts, continued lines, stated exit codes and blocks that are not to be run are told apart."""
    text = (
        "```console\n$ ebb keys \\\n>   list\nkeys: 1\n$ ls\n$ ebb query 'x'  # exits 3\n```\n"
        "```sh no-test\nebb doctor\n# ebb run\n```\n```python\nebb = 1\n```\n```sh\nmake run\n```\n"
    )
    assert commands_of(text) == [
        Command(2, "ebb keys list", runs=True),
        Command(6, "ebb query 'x'", runs=True, code=3),
        Command(9, "ebb doctor", runs=False),
        Command(16, "make run", runs=True),
    ]


def test_files_of_an_example_are_found() -> None:
    """A here-document is one command with its lines, whatever they look like."""
    text = "```console\n$ mkdir a\n$ cat > a/b <<'EOF'\n$ ebb x\nebb y\nEOF\n$ ebb keys list\n```\n"
    assert commands_of(text) == [
        Command(2, "mkdir a", runs=True),
        Command(3, "cat > a/b <<'EOF'\n$ ebb x\nebb y\nEOF", runs=True),
        Command(7, "ebb keys list", runs=True),
    ]


@pytest.mark.parametrize("path", LINKED, ids=_name)
def test_the_links_of_a_document_lead_somewhere(path: Path) -> None:
    """A relative link names a file of the project, and with `#` a heading in it."""
    broken = broken_links(path, path.read_text(encoding="utf-8"))
    assert not broken, f"{_name(path)}: broken links: {', '.join(broken)}"


def broken_links(path: Path, markdown: str) -> list[str]:
    """Return the relative links of the document at `path` that lead nowhere."""
    broken = []
    for link in _LINK.finditer(_CODE.sub("", _BLOCK.sub("", markdown))):
        to, _, heading = link["to"].partition("#")
        if "://" in to or to.startswith("mailto:"):
            continue
        target = path.parent / to if to else path
        inside = markdown if target == path else target.read_text(encoding="utf-8") if target.is_file() else ""
        if not target.exists() or (heading and heading not in _anchors(inside)):
            broken.append(link["to"])
    return broken


def _anchors(markdown: str) -> set[str]:
    headings = (found["words"].lower() for found in _HEADING.finditer(_BLOCK.sub("", markdown)))
    return {re.sub(r"[^\w\- ]", "", words).replace(" ", "-") for words in headings}


def test_a_broken_link_is_noticed() -> None:
    """A file or a heading that is not there is broken; other sites, code and what exists are not."""
    text = "# A b\n[x](gone.md) [x](#a-b) [x](#c) [x](https://a.example/) `[x](gone)` [x](docs/)\n```\n[x](gone)\n```\n"
    assert broken_links(ROOT / "README.md", text) == ["gone.md", "#c"]


@pytest.mark.parametrize("path", LINKED, ids=_name)
def test_no_placeholder_is_left_in_a_document(path: Path) -> None:
    """A mark of the form @WORD@ stands for something that was to be filled in."""
    assert _PLACEHOLDER.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", LINKED, ids=_name)
def test_the_samples_of_a_document_are_what_they_claim(path: Path) -> None:
    """JSON and TOML can be read, settings exist, and inventory rows are valid."""
    for block in _BLOCK.finditer(path.read_text(encoding="utf-8")):
        if block["info"] == "json":
            json.loads(block["body"])
        elif block["info"] == "toml":
            assert set(tomllib.loads(block["body"])) <= set(Settings.model_fields)
        elif block["info"] == "yaml" and block["body"].startswith("rows:"):
            InventoryFile.model_validate(yaml.safe_load(block["body"]))


def test_the_rule_that_the_readme_shows_is_the_one_in_force() -> None:
    """The inventory holds the row as the first screen has it."""
    blocks = _BLOCK.finditer((ROOT / "README.md").read_text(encoding="utf-8"))
    shown = next(yaml.safe_load(block["body"]) for block in blocks if block["body"].startswith("rows:"))["rows"]
    rows = yaml.safe_load((ROOT / "governance/policy/inventory.yaml").read_text(encoding="utf-8"))["rows"]
    assert shown == [row for row in rows if row["field"] == shown[0]["field"]]


def test_every_reason_code_is_explained() -> None:
    """docs/reason-codes.md names the codes that the code writes, and no other."""
    written = {
        code
        for room in ("transforms", "pipelines", "retention", "governance")
        for path in (ROOT / room).rglob("*.py")
        for code in _REASON.findall(path.read_text(encoding="utf-8"))
    }
    page = (ROOT / "docs/reason-codes.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `([A-Z]+(?:_[A-Z]+)*)`", page, re.MULTILINE))
    assert explained == written


def test_a_wrong_option_is_noticed() -> None:
    """A command or an option that does not exist is named as a problem."""
    assert problems_of("ebb --version") == []
    assert problems_of("ebb --colour") == ["ebb has no option --colour"]
    assert problems_of("ebb recede --all") == ["ebb has no command recede"]
