"""A vault of its own for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.transactions import Place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A real keyring and an empty lake."""
    return Place(tmp_path)
