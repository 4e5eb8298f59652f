"""The command line as a whole: what it says of itself, of wrong calls, and of what comes next."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from pipelines import cli
from tests.pipelines.calling import call, code
from tests.retention.rooms import make_room

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WIDTH = 80


def groups(group: click.Group, *names: str) -> Iterator[tuple[str, ...]]:
    """Yield the names of every group of commands."""
    yield names
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from groups(command, *names, name)


@pytest.mark.parametrize("names", list(groups(cli.ebb)), ids=" ".join)
def test_each_command_has_one_whole_line_in_its_list(names: tuple[str, ...]) -> None:
    """On a terminal of 80 columns no sentence is cut off, and none takes two lines."""
    result = CliRunner().invoke(cli.ebb, [*names, "--help"], terminal_width=WIDTH)
    listed = result.output.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    group: click.Command = cli.ebb
    for name in names:
        assert isinstance(group, click.Group)
        group = group.commands.get(name) or cli.ebb.get_command(click.Context(cli.ebb), name)  # type: ignore[assignment]
    assert isinstance(group, click.Group)
    assert [line.split()[0] for line in listed] == group.list_commands(click.Context(group))
    assert not [line for line in listed if len(line) > WIDTH or line.endswith(("...", "…"))]


@pytest.mark.parametrize(
    ("typed", "said", "command"),
    [
        ("nosuch", "No such command 'nosuch'", "ebb"),
        (
            "sweep plan --limit-share 2",
            "Invalid value for '--limit-share': 2.0 is not in the range 0<x<=1",
            "ebb sweep plan",
        ),
        ("hold place", "Missing argument 'CASE'", "ebb hold place"),
        ("keys list more", "Got unexpected extra argument (more)", "ebb keys list"),
        ("policy list --packs /no", "Invalid value for '--packs': Directory '/no' does not exist", "ebb policy list"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_where_to_look(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, said: str, command: str
) -> None:
    """Unknown commands, bad values, what is missing and what is too much: exit code 2 and one line."""
    monkeypatch.setattr(sys, "argv", ["ebb", *typed.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, *capsys.readouterr()) == (2, "", f"ebb: {said}: see `{command} --help`\n")


def test_a_group_alone_shows_its_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`ebb sweep` is a question, not a riddle."""
    monkeypatch.setattr(sys, "argv", ["ebb", "sweep"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "Commands:\n  apply " in capsys.readouterr().err


@pytest.mark.parametrize(
    "typed",
    [
        "sweep plan --nonsense",
        "sweep plan --limit-share 2",
        "sweep plan --dataset shop.order",
        "sweep plan --now soon",
        "sweep show 3f2a",
        "hold place C --dataset shop.order --whole --reason claim",
        "hold place C --person sep:account:u1 --reason claim",
        "hold release 2026-18",
        "ended withdraw 5f0c9a7e2b14",
        "ended service --system sep --at 2026-01-01T00:00:00Z",
        "policy show seppp",
        "policy explain sepp no_such_field",
        "catalog service_logs",
        "keys destroy 2026H5 --yes",
        "vault presume show 3f2a",
        "run service-logs --from nowhere",
        "generate service-logs --events 1 --system sep",
    ],
)
def test_a_mistyped_call_ends_with_2(tmp_path: Path, typed: str) -> None:
    """An unknown option, a bad value, a name that is nothing's: one exit code in every command."""
    make_room(tmp_path, orders=1)
    assert call(tmp_path, "keys", "init").exception is None
    result = call(tmp_path, *typed.split())
    assert code(result) == 2, (result.output, result.exception)


@pytest.mark.parametrize(
    "typed",
    [
        "sweep approve 3f2a91c04be7",
        "sweep apply 3f2a91c04be7 --now 2999-01-01T00:00:00Z",
        "compact --now 2999-01-01T00:00:00Z",
        "ended service --system sepp --at 2999-01-01T00:00:00Z",
        "reveal approve 5d41402abc4b",
    ],
)
def test_what_must_not_be_ends_with_3(tmp_path: Path, typed: str) -> None:
    """No plan of this digest, no request of this number, a time that has not come: the call was right, and refused."""
    make_room(tmp_path, orders=1)
    result = call(tmp_path, *typed.split())
    assert code(result) == 3, (result.output, result.exception)


def test_the_next_command_can_be_copied(tmp_path: Path) -> None:
    """Every `Next:` of a sweep goes on in the home, lake and register that were named, spaces and all."""
    home = tmp_path / "a home"
    home.mkdir()
    make_room(home, orders=50)
    register = home / "datasets.yaml"
    register.rename(tmp_path / "the register.yaml")
    places = ["--home", str(home), "--datasets", str(tmp_path / "the register.yaml")]
    typed = ["sweep", "plan", "--limit-share", "1", *places]
    for verb in ("approve", "apply", "verify"):
        result = CliRunner().invoke(cli.ebb, typed)
        (told,) = [line for line in result.output.splitlines() if line.startswith("Next: ")]
        typed = shlex.split(told.removeprefix("Next: ebb "))
        assert typed[:2] == ["sweep", verb]
        assert typed[3:] == places
    assert CliRunner().invoke(cli.ebb, typed).exit_code == 0


def test_what_was_not_typed_is_not_carried_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of the environment is there for the next command too."""
    make_room(tmp_path, orders=50)
    monkeypatch.setenv("EBB_HOME", str(tmp_path))
    result = CliRunner().invoke(cli.ebb, ["sweep", "plan", "--limit-share", "1"])
    assert result.output.splitlines()[-1].startswith("Next: ebb sweep approve ")
    assert "--" not in result.output.splitlines()[-1]
