"""What a sweep of the vault opens: files that may be due, and no other; `verify` opens them all."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from governance.errors import LakeError, RefusedError
from governance.keys import ALGORITHM, PARTS, Envelope
from governance.policy.retention import due_date
from pipelines.settings import ensure_home, load_settings
from pipelines.sweep_room import Room
from pipelines.sweeping import approve_sweep, plan_sweep, verify_sweep
from retention.plan import Limit
from retention.stores.delta import FencedTable, create_table
from retention.vault.layout import SCHEMA, vault_spec, write_rows
from tests.retention.rooms import apply_here

if TYPE_CHECKING:
    from retention.plan import Plan
    from retention.stores.commit_log import DataFile

NOW = datetime(2024, 1, 30, 16, tzinfo=UTC)
"""31 January 2024 in Shanghai."""
COMPLETED = (date(2021, 1, 9), date(2021, 1, 19), date(2021, 2, 9), date(2021, 3, 9), None)
ROWS = 3


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return a home whose vault holds three rows for each completion; those of January are due."""
    settings = load_settings(home=tmp_path)
    ensure_home(settings)
    keyring = settings.opener()
    create_table(vault_spec(settings.lake))
    table = FencedTable(vault_spec(settings.lake))
    for number, completed in enumerate(COMPLETED):
        due = None if completed is None else str(due_date("TXN", completed))
        key_id = due or "open-2024-01"
        envelope = Envelope(keyring.due_date_public(key_id))
        keys = [bytes([number, row]) * 8 for row in range(ROWS)]
        values = {
            "event_key": keys,
            "system": ["sepp"] * ROWS,
            "event_type": ["order_paid"] * ROWS,
            "due_month": [due[:7] if due else key_id] * ROWS,
            "due_date": [due] * ROWS,
            "clock_date": [str(completed or "2024-01-20")] * ROWS,
            "completed_date": [completed and str(completed)] * ROWS,
            "algorithm": [ALGORITHM] * ROWS,
            "key_id": [key_id] * ROWS,
            **{f"{part}_key": [envelope.wrapped(part)] * ROWS for part in PARTS},
            **{part: [envelope.fill(part, b"payload", key) for key in keys] for part in PARTS},
        }
        rows = pa.table({name: values.get(name, [None] * ROWS) for name in SCHEMA.names}, schema=SCHEMA)
        assert table.commit(write_rows(table, rows), {})
    return Room(settings)


def planned(room: Room) -> Plan:
    """Plan and approve."""
    plan = plan_sweep(room, now=NOW, by="a", limit=Limit(share=1.0), only=("vault.transactions",))
    approve_sweep(room, plan.digest, "b")
    return plan


def later(room: Room) -> list[tuple[DataFile, Path]]:
    """Return the files of months to come, and where they lie."""
    table = FencedTable(vault_spec(room.settings.lake))
    return [(file, Path(table.uri) / file.path) for file in table.files() if file.partition in {"2024-02", "2024-03"}]


def test_a_sweep_opens_no_file_of_a_later_month(room: Room) -> None:
    """With nothing but noise in every file of a later month, plan and apply do their work; verify names such a file."""
    files = later(room)
    assert len(files) == 2
    whole = {path: path.read_bytes() for _, path in files}
    for path, content in whole.items():
        path.write_bytes(os.urandom(len(content)))
    plan = planned(room)
    assert (plan.due, plan.shares[0].rows) == (6, 15)
    assert apply_here(room, plan.digest).removed("vault.transactions") == 6
    destroyed = {key.key_id for key in room.settings.opener().due_keys() if key.destroyed}
    assert destroyed == {"2024-01-10", "2024-01-20"}
    with pytest.raises(LakeError, match=r"due_month=2024-0[23]/.* cannot be read"):
        verify_sweep(room, plan.digest)
    for path, content in whole.items():
        path.write_bytes(content)
    assert verify_sweep(room, plan.digest)["ok"]


def test_a_later_file_that_is_not_what_the_log_says_stops_the_sweep(room: Room) -> None:
    """A file of another size is opened after all, and nothing is deleted while it cannot be read."""
    plan = planned(room)
    _, path = later(room)[0]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(LakeError, match="cannot be read"):
        apply_here(room, plan.digest)
    path.unlink()
    with pytest.raises(LakeError, match="are gone"):
        apply_here(room, plan.digest)
    assert plan_sweep(room, now=NOW, by="a", limit=Limit(), only=("vault.transactions",)).due == 6


def test_rows_of_later_months_that_went_since_the_plan_stop_the_sweep(room: Room) -> None:
    """Somebody took a file of a later month away: fewer rows are there than the plan was made on."""
    plan = planned(room)
    table = FencedTable(vault_spec(room.settings.lake))
    assert table.commit([], {}, removed=[later(room)[0][0]])
    with pytest.raises(RefusedError, match="15 rows were planned on, 12 are there"):
        apply_here(room, plan.digest)
