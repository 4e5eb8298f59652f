"""Tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.tables import print_table

if TYPE_CHECKING:
    import pytest


def test_no_line_ends_with_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    """Short cells in the last column leave nothing behind them."""
    print_table(["a", "longer"], [["x", "y"], ["x", ""]])
    assert capsys.readouterr().out.splitlines()[1:] == ["x  y", "x"]


def test_cells_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """A row wider than the terminal keeps every character, brackets included, on one line."""
    cells = ["x" * 90, "[bold]漢字[/bold]", 7]
    print_table(["first", "second", "third"], [cells])
    _, line = capsys.readouterr().out.splitlines()
    assert line.split() == [str(cell) for cell in cells]
