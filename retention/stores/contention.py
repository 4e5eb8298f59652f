"""How writers of one table try again: after a pause, or at once where nothing that they looked at has changed."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from governance.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from retention.stores.commit_log import Changes, DataFile
    from retention.stores.delta import FencedTable

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


def commit_beside(
    table: FencedTable,
    files: list[DataFile],
    metadata: Mapping[str, str],
    transactions: Mapping[str, int] | None = None,
    removed: Sequence[DataFile] = (),
    *,
    spoiled: Callable[[Changes], bool],
    data_change: bool = True,
) -> bool:
    """Commit at the snapshot in hand; where others were faster, again at once, unless what they did spoils it.

    Whoever looks at the whole table anew before each try never gets through beside a stream that commits in between.

    Args:
        table: at the snapshot that was looked at.
        files: written before.
        metadata: what the commit says; no personal data.
        transactions: application transactions by name.
        removed: files of the snapshot.
        spoiled: given what others committed since, says whether what this commit rests on has changed.
        data_change: False where the rows stay the same and only lie elsewhere.

    Returns:
        True if it is in the table. False if it was spoiled, the log no longer says, or `files` are gone: look anew.
    """
    for _ in range(ATTEMPTS):
        since = table.version
        if table.commit(files, metadata, transactions, removed, data_change=data_change):
            return True
        changes = table.changes(since)
        if changes is None or spoiled(changes) or not table.there(files):
            return False
    return False
