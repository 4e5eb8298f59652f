"""Dead letters opened with the ops key, to be looked at."""

from __future__ import annotations

import base64
from itertools import islice
from typing import TYPE_CHECKING, Any

from governance.errors import KeyringError, UsageError
from governance.keys import OpsKey, SealedOpener, china_date
from pipelines.settings import wall_clock
from retention import dead_letters as finding
from retention.stores.delta import open_table, table_exists
from transforms.deid.letters import PURPOSE, read_letter

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.settings import Settings
    from retention.dead_letters import Selection
    from retention.stores.delta import Table

_SHOWN = ("received_date", "stream", "stage", "code", "path", "policy", "due_date")
_OPENED = ("event_key", *_SHOWN, "day", "wrapped_key", "sealed")


def letters_uri(settings: Settings) -> str:
    """Return where the dead letters are."""
    return f"{settings.lake}/dead_letters"


def open_letters(settings: Settings) -> Table:
    """Open the table of dead letters.

    Raises:
        UsageError: nothing was ever rejected here.
    """
    uri = letters_uri(settings)
    if not table_exists(uri):
        raise UsageError(f"there are no dead letters in {settings.lake}: check --home and --lake")
    return open_table(uri)


def ops_key(path: Path, settings: Settings) -> OpsKey:
    """Read the private ops key.

    Raises:
        KeyringError: the file is missing or open to others, or the keyring seals to another key.
    """
    ops = OpsKey.from_file(path)
    if ops.public() != settings.opener().ops_public():
        raise KeyringError(f"{path} is not the ops key that this keyring seals to: give the one that `keys init` made")
    return ops


def show(settings: Settings, ops_key_file: Path, selection: Selection, limit: int) -> list[dict[str, Any]]:
    """Return up to `limit` letters, opened; those whose payload was destroyed without a record."""
    opener = SealedOpener(ops_key(ops_key_file, settings), settings.opener(), PURPOSE)
    found = finding.select(open_letters(settings), selection, china_date(wall_clock()), _OPENED)
    rows = (row for table in found for batch in table.to_batches(1000) for row in batch.to_pylist())
    return [_opened(row, opener) for row in islice(rows, limit)]


def _opened(row: dict[str, Any], opener: SealedOpener) -> dict[str, Any]:
    shown = {"event_key": row["event_key"].hex(), **{name: row[name] for name in _SHOWN}}
    if row["sealed"] is None:
        return shown | {"record": None}
    letter = read_letter(opener.open(row["day"], row["wrapped_key"], row["sealed"], row["event_key"]))
    shown |= {"format": letter.format, "system": letter.system, "published": letter.published}
    shown |= {"base": letter.base, "offset": letter.offset}
    try:
        return shown | {"record": letter.line.decode()}
    except UnicodeDecodeError:
        return shown | {"record_base64": base64.b64encode(letter.line).decode()}
