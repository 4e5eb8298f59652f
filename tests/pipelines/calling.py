"""Commands called as a user calls them, in a home."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from governance.errors import EbbError
from pipelines.cli import ebb

if TYPE_CHECKING:
    from pathlib import Path

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
