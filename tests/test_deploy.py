"""Units for systemd and the crontab: what they start exists, it stops gently, starts again, and gives nothing away."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from pipelines.cli import ebb

if TYPE_CHECKING:
    from collections.abc import Sequence

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
UNITS = sorted(path.name for path in DEPLOY.glob("ebb-*"))
SERVICES = [name for name in UNITS if name.endswith(".service")]
TIMERS = [name for name in UNITS if name.endswith(".timer")]
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
"""Lowest and highest value of the five fields of a crontab's line."""


def parse(arguments: Sequence[str]) -> str:
    """Parse a command line of ebb as ebb itself would, without running it; return the command's path."""
    command: click.Command = ebb
    context, rest = click.Context(ebb, info_name="ebb"), list(arguments)
    while isinstance(command, click.Group):
        name = rest.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"{context.command_path} has no command {name}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    return command.make_context(command.name, rest, parent=context.parent).command_path


def cron_lines() -> list[tuple[str, list[str]]]:
    """Return the jobs of the crontab: the five fields, and the commands."""
    lines = (DEPLOY / "crontab").read_text(encoding="utf-8").splitlines()
    jobs = [line for line in lines if line and not line.startswith("#") and not re.match(r"\w+=", line)]
    found = []
    for job in jobs:
        *fields, user, command = job.split(None, 6)
        assert user == "ebb", job
        found.append((" ".join(fields), re.split(r"\|\||&&", command.split(" > ")[0])))
    return found


def parsed(name: str) -> dict[str, dict[str, list[str]]]:
    """Read a unit: sections, keys, and their values in order."""
    sections: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in (DEPLOY / name).read_text(encoding="utf-8").splitlines():
        if not line or line[0] in "#;":
            continue
        if line.startswith("["):
            section = line.strip("[]")
            assert section not in sections
            sections[section] = defaultdict(list)
        else:
            key, equals, value = line.partition("=")
            assert equals, f"{name}: {line}"
            assert key.isidentifier(), f"{name}: {line}"
            sections[section][key].append(value)
    return sections


def test_the_stream_stops_gently_and_starts_again() -> None:
    """SIGTERM reaches ebb alone and leaves time for a bundle; whatever ends it, it is started again without end."""
    unit = parsed("ebb-service-logs.service")
    service = unit["Service"]
    assert service["KillMode"] == ["mixed"]
    assert service["KillSignal"] == ["SIGTERM"]
    assert int(service["TimeoutStopSec"][0]) >= 60
    assert service["Restart"] == ["always"]
    assert unit["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert unit["Install"]["WantedBy"] == ["multi-user.target"]


@pytest.mark.parametrize("name", SERVICES)
def test_services_can_write_their_home_and_nothing_else(name: str) -> None:
    """No root, no new privileges, no core dump with values in it, a home closed to other users."""
    service = parsed(name)["Service"]
    assert service["User"] == ["ebb"]
    for key in (
        "NoNewPrivileges",
        "ProtectHome",
        "PrivateTmp",
        "PrivateDevices",
        "RestrictSUIDSGID",
        "LockPersonality",
    ):
        assert service[key] == ["yes"], key
    assert service["ProtectSystem"] == ["strict"]
    assert service["CapabilityBoundingSet"] == [""]
    assert service["LimitCORE"] == ["0"]
    assert service["UMask"] == ["0077"]
    assert service["StateDirectoryMode"] == ["0700"]
    assert "EBB_ROOT_KEY=" not in (DEPLOY / name).read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_services_start_commands_that_exist(name: str) -> None:
    """Every command of a unit is parsed by ebb, with its options and their values."""
    for line in parsed(name)["Service"]["ExecStart"]:
        program, *arguments = shlex.split(line)
        assert program == "/opt/ebb/bin/ebb"
        assert parse(arguments).startswith("ebb ")


def test_a_wrong_command_is_noticed() -> None:
    """An option, a value or a command that ebb does not know fails the parsing."""
    with pytest.raises(click.UsageError):
        parse(["sweep", "plan", "--sooner"])
    with pytest.raises(click.UsageError):
        parse(["sweep", "plan", "--limit-share", "2"])
    with pytest.raises(AssertionError):
        parse(["sweep", "rush"])


@pytest.mark.parametrize("name", TIMERS)
def test_timers_start_their_service_every_day(name: str) -> None:
    """A day that was missed is made up for."""
    timer = parsed(name)["Timer"]
    assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:00 Asia/Shanghai", timer["OnCalendar"][0])
    assert timer["Persistent"] == ["yes"]
    assert name.replace(".timer", ".service") in SERVICES


def test_settling_comes_before_the_plan_and_is_skipped_without_the_ops_key() -> None:
    """A machine that does not have the key plans all the same."""
    plan, settle = parsed("ebb-sweep-plan.service")["Unit"], parsed("ebb-vault-settle.service")
    assert plan["Wants"] == plan["After"] == ["ebb-vault-settle.service"]
    assert "Requires" not in plan
    (key,) = settle["Unit"]["ConditionPathExists"]
    assert f"ops.key:{key}" in settle["Service"]["LoadCredential"]


def test_the_plan_has_the_root_key() -> None:
    """People whom an ending lists are found in a database with it alone."""
    service = parsed("ebb-sweep-plan.service")["Service"]
    assert service["LoadCredential"] == ["root.key:/etc/ebb/root.key"]
    assert "EBB_ROOT_KEY_FILE=%d/root.key" in service["Environment"]


def test_no_schedule_applies_a_plan() -> None:
    """Approval is a person's: the unit that applies has a digest for its name, no timer, and takes no for an answer."""
    unit = parsed("ebb-sweep-apply@.service")
    assert "Install" not in unit
    assert unit["Service"]["RestartPreventExitStatus"] == ["2 3"]
    assert [parse(shlex.split(line)[1:]) for line in unit["Service"]["ExecStart"]] == [
        "ebb sweep apply",
        "ebb sweep verify",
        "ebb sweep certificate",
    ]
    assert all("%i" in line for line in unit["Service"]["ExecStart"])
    scheduled = [(DEPLOY / name).read_text() for name in TIMERS] + ["\n".join(c) for _, c in cron_lines()]
    assert not any(word in text for text in scheduled for word in ("apply", "approve"))


def test_the_crontab_is_one() -> None:
    """Five fields within their ranges, then commands that exist; a percent sign would end them."""
    started = []
    for fields, commands in cron_lines():
        for field, (low, high) in zip(fields.split(), FIELDS, strict=True):
            assert field == "*" or low <= int(field) <= high, fields
        for command in commands:
            assert "%" not in command
            program, *arguments = shlex.split(command)
            assert program in {"ebb", "test"}
            started += [parse(arguments)] if program == "ebb" else []
    assert started == [
        "ebb compact",
        "ebb vault settle",
        "ebb vault waiting",
        "ebb ledger verify",
        "ebb sweep plan",
        "ebb sweep plan",
        "ebb keys backup",
        "ebb status",
    ]


@pytest.mark.parametrize("name", UNITS)
def test_systemd_has_nothing_to_say_against_it(name: str) -> None:
    """Where systemd is installed, it verifies the unit itself."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd-analyze")
    done = subprocess.run([program, "verify", str(DEPLOY / name)], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if name in line and "is not executable" not in line]
    assert not [line for line in said if "Unknown" in line or "Failed to parse" in line or "Invalid" in line]
