"""Commands called as a user calls them, in a home, at a time of the test's own."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

import pipelines
from governance.errors import EbbError
from pipelines import settings
from pipelines.cli import ebb

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    import pytest
    from click.testing import Result


def call(home: Path, *arguments: str) -> Result:
    """Run a command in a home."""
    return CliRunner().invoke(ebb, [*arguments, "--home", str(home)])


def answer(home: Path, *arguments: str) -> dict[str, Any]:
    """Run a command that must succeed and return its JSON."""
    result = call(home, *arguments, "--json")
    assert result.exception is None, result.exception
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def code(result: Result) -> int:
    """Return the exit code that `ebb` gives for ebb's own errors."""
    return result.exception.exit_code if isinstance(result.exception, EbbError) else result.exit_code


def set_clock(patch: pytest.MonkeyPatch, instant: datetime) -> None:
    """Set the wall clock, which goes on from there: dates in a test stay as far off as when they were written."""
    for found in pkgutil.walk_packages(pipelines.__path__, "pipelines."):
        importlib.import_module(found.name)  # one that comes later would keep this clock
    real = settings.wall_clock
    ahead = real() - instant
    for module in list(sys.modules.values()):
        if vars(module).get("wall_clock") is real:
            patch.setattr(module, "wall_clock", lambda: real() - ahead)
