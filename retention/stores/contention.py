"""How often, and with what pauses, writers of one table try again."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from governance.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTEMPTS = 60
"""How often one commit is tried against other writers before it is given up; each waits up to 0.2 s."""


def attempts() -> Iterator[int]:
    """Count tries of a fenced commit, waiting a random while between them.

    Raises:
        LakeError: the other writers never left a gap.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(random.uniform(0.0, min(0.2, 0.005 * 2**attempt)))  # noqa: S311 - spread, not secrecy
        yield attempt
    raise LakeError(f"no commit after {ATTEMPTS} tries: too many writers on one table; raise --max-events")
