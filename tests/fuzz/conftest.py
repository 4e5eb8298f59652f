"""One passage for all tests of this folder: what its decoders learned from one input must not harm another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fuzz.passage import Passage

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def passage(tmp_path_factory: pytest.TempPathFactory) -> Passage:
    """Return the steps of all streams over a throw-away keyring."""
    folder: Path = tmp_path_factory.mktemp("passage")
    return Passage(folder)
