"""Run `ebb` so that it dies at a chosen seam.

    python -m tests.kill.crashing SEAM NTH COMMAND…

The process ends by `os._exit(137)`, as abruptly as by SIGKILL: no handler, no flush, no acknowledgement.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from pipelines import cli
from pipelines.sinks.lake import LakeWriter
from pipelines.sources import pubsub
from pipelines.sources.files import FilesReader
from retention.stores.delta import FencedTable

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT = 137
SHORT_LEASE = 10
"""Seconds, so that what a dead process held comes back soon."""

# seam: (class, method, die before it runs instead of after)
SEAMS: dict[str, tuple[type, str, bool]] = {
    "after the pull": (pubsub.PubSubReader, "finisher", False),
    "after the pull of files": (FilesReader, "finisher", False),
    "after the dead letters, before the rows": (LakeWriter, "_append", True),
    "after the write, before the commit": (FencedTable, "commit", True),
    "after a commit": (FencedTable, "commit", False),
    "after the commits, before the acknowledgement": (pubsub.PubSubReader, "_acknowledge", True),
}


def arm(seam: str, nth: int) -> None:
    """Make the `nth` pass of the seam the last thing that this process does."""
    owner, name, before = SEAMS[seam]
    real: Callable[..., Any] = getattr(owner, name)
    passes = 0

    def armed(*arguments: Any, **keywords: Any) -> Any:
        nonlocal passes
        passes += 1
        if passes == nth and before:
            os._exit(EXIT)
        result = real(*arguments, **keywords)
        if passes == nth:
            os._exit(EXIT)
        return result

    setattr(owner, name, armed)


if __name__ == "__main__":
    pubsub.LEASE = SHORT_LEASE
    arm(sys.argv[1], int(sys.argv[2]))
    sys.argv = ["ebb", *sys.argv[3:]]
    cli.main()
