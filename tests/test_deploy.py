"""The units for systemd: what they start exists, they stop gently, start again, and give nothing away."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipelines.cli import ebb

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
UNITS = sorted(path.name for path in DEPLOY.glob("ebb-*"))
SERVICES = [name for name in UNITS if name.endswith(".service")]


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
def test_services_start_a_command_that_exists(name: str) -> None:
    """The command and each of its options are known to ebb."""
    program, *arguments = shlex.split(parsed(name)["Service"]["ExecStart"][0])
    assert program.endswith("/ebb")
    help_text = CliRunner().invoke(ebb, [arguments[0], "--help"]).output
    assert all(argument in help_text for argument in arguments[1:] if argument.startswith("--"))


def test_the_timer_starts_its_service_every_day() -> None:
    """A day that was missed is made up for."""
    timer = parsed("ebb-compact.timer")["Timer"]
    assert timer["OnCalendar"] == ["*-*-* 03:30:00 Asia/Shanghai"]
    assert timer["Persistent"] == ["yes"]
    assert "ebb-compact.service" in UNITS


@pytest.mark.parametrize("name", UNITS)
def test_systemd_has_nothing_to_say_against_it(name: str) -> None:
    """Where systemd is installed, it verifies the unit itself."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd-analyze")
    done = subprocess.run([program, "verify", str(DEPLOY / name)], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if name in line and "is not executable" not in line]
    assert not [line for line in said if "Unknown" in line or "Failed to parse" in line or "Invalid" in line]
