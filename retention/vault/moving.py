"""Moving rows of the vault between files: whole files are replaced, in fenced commits, so that twice is once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from retention.stores.contention import attempts, commit_beside
from retention.vault.layout import due_date_of, write_rows
from retention.vault.payloads import envelope_anew

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from governance.keys import EnvelopeOpener, Keyring
    from retention.stores.commit_log import DataFile
    from retention.stores.delta import FencedTable


class MovedAwayError(Exception):
    """Another writer has replaced a file meanwhile: plan anew."""


def replace_files(
    table: FencedTable, old: Sequence[DataFile], rows: Sequence[pa.Table], metadata: Mapping[str, str]
) -> None:
    """Put `rows` in the place of the files `old`, in one commit.

    Raises:
        MovedAwayError: one of `old` is no longer there; nothing was changed.
    """
    gone = {file.path for file in old}
    files = [file for part in rows for file in write_rows(table, part)]
    said = {**metadata, "ebb.rows": "0"}
    for _ in attempts():
        if not gone <= {file.path for file in table.files()}:
            table.discard_files(files)
            raise MovedAwayError
        if commit_beside(table, files, said, removed=old, spoiled=lambda changes: changes.took(gone)):
            return
        table.refresh()


def hold_rows(
    table: FencedTable,
    files: Sequence[DataFile],
    held: Callable[[pa.Table], np.ndarray],
    case: str,
    *,
    opener: EnvelopeOpener,
    keyring: Keyring,
    metadata: Mapping[str, str],
) -> int:
    """Put held rows under the key of their case, before the key of their due date goes (R-RET-10).

    Args:
        table: the vault.
        files: files to look at; one commit each.
        held: given a file's rows, marks those to hold.
        case: the case's number.
        opener: opens rows with the ops key.
        keyring: gives the case's key.
        metadata: stands in each commit; no personal data.

    Returns:
        How many rows were enveloped anew; rows that are under the case's key already do not count, so that twice is
        once. A file that another writer has replaced meanwhile raises MovedAwayError: look again.
    """
    key_id, done = f"case:{case}", 0
    for file in files:
        rows = table.rows_of(file)
        mask = np.asarray(held(rows), dtype=bool) & np.array([one != key_id for one in rows["key_id"].to_pylist()])
        if not mask.any():
            continue
        kept = envelope_anew(rows.filter(pa.array(mask)), key_id, opener, keyring)
        parts = [part for part in (kept, rows.filter(pa.array(~mask))) if part.num_rows]
        replace_files(table, [file], parts, {**metadata, "ebb.action": "hold"})
        done += kept.num_rows
    return done


def files_due(table: FencedTable, today: str) -> list[DataFile]:
    """Return the files whose rows are due on `today`, a +08:00 date; by their names, nothing is opened."""
    return [file for file in table.files() if (due := due_date_of(file)) is not None and due <= today]
