"""The command line in this process, so that Beam is imported once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelines import cli
from tests.integration.sweeps import Said

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.sweep_room import Room


@pytest.fixture
def ebb(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Return what runs a command in the home of a room and tells how it ended."""
    monkeypatch.delenv("EBB_DEBUG", raising=False)

    def run(room: Room, *arguments: str) -> Said:
        monkeypatch.setattr("sys.argv", ["ebb", *arguments, "--home", str(room.settings.home)])
        capfd.readouterr()
        code: int | str | None = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code
        printed = capfd.readouterr()
        assert isinstance(code, int)
        return Said(code, printed.out, printed.err)

    return run
