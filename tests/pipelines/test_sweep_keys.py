"""Keys go with their rows: due dates of the vault, days of dead letters; never under a hold, never before."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from governance.calendar import local_date
from governance.errors import RefusedError
from pipelines.cli import ebb
from pipelines.settings import ensure_home, load_settings, wall_clock
from pipelines.sinks.letters import DEAD_LETTERS
from pipelines.sweep_keys import destroy_keys
from pipelines.sweep_room import Room
from pipelines.sweeping import approve_sweep, certify_sweep, plan_sweep, verify_sweep
from retention.holds import Hold
from retention.plan import Limit
from retention.stores.delta import FencedTable, TableSpec, create_table, open_table
from retention.sweeps import holds_at, place_hold, release_holds
from tests.retention.rooms import apply_here

if TYPE_CHECKING:
    from pathlib import Path

    from governance.keys import BundleSealer

NOW = datetime(2025, 3, 15, tzinfo=UTC)


def test_a_day_of_dead_letters_loses_its_key_with_its_last_row(tmp_path: Path) -> None:
    """Swept rows are unreadable in copies too; a day with rows left keeps its key."""
    settings = load_settings(home=tmp_path)
    ensure_home(settings)
    keyring, wall = settings.opener(), wall_clock()
    spec = TableSpec(f"{settings.lake}/dead_letters", DEAD_LETTERS, "received_date", ())
    create_table(spec)
    table = FencedTable(spec)
    for age in (50, 40, 5):
        day = local_date(wall - timedelta(days=age))
        sealer = keyring.sealer("dead_letters", wall - timedelta(days=age))
        assert table.commit(table.write_files(letter(sealer, day)), {})
    room = Room(settings)
    assert destroy_keys(settings, room.dataset("dead_letters"), wall, (), ledger=room.ledger, why="test") == []
    plan = plan_sweep(room, now=None, by="a", limit=Limit(share=1.0))
    assert plan.due == 2
    approve_sweep(room, plan.digest, "b")
    apply_here(room, plan.digest)
    assert verify_sweep(room, plan.digest)["ok"]
    told = [entry.content["keys"] for entry in room.ledger.entries("keys.destroyed", keyring.identity)]
    assert [[scope[0], scope[1]] for keys in told for scope in keys] == [["sealing", "dead_letters"]] * 2
    assert keyring.sealing_days("dead_letters") == [local_date(wall - timedelta(days=5)).isoformat()]
    assert certify_sweep(room, plan.digest)["datasets"][0]["keys_destroyed"] == 2
    with pytest.raises(RefusedError, match="still kept"):
        keyring.destroy_day_key("dead_letters", keyring.sealing_days("dead_letters")[0], blocking=lambda _: 1)


def letter(sealer: BundleSealer, day: date) -> pa.Table:
    """Return a dead letter that a bundle sealed."""
    row: dict[str, list[object]] = {
        "event_key": [day.isoformat().encode()],
        "received_date": [day.isoformat()],
        "day": [sealer.day],
        "sealed": [sealer.seal(b"payload", b"")],
        "wrapped_key": [sealer.wrapped_key()],
        "due_date": [(day + timedelta(days=30)).isoformat()],
    }
    return _with_all(row)


def test_the_key_of_a_day_waits_for_its_last_bundle(tmp_path: Path) -> None:
    """A bundle that was begun before midnight commits after it: the key outlives the next day."""
    settings = load_settings(home=tmp_path)
    ensure_home(settings)
    keyring, room = settings.opener(), Room(settings)
    spec = TableSpec(f"{settings.lake}/dead_letters", DEAD_LETTERS, "received_date", ())
    create_table(spec)
    table = FencedTable(spec)
    dataset = room.dataset("dead_letters")
    sealer = keyring.sealer("dead_letters", datetime(2025, 3, 14, 15, 59, 58, tzinfo=UTC))
    assert sealer.day == "2025-03-14"
    midnight = datetime(2025, 3, 14, 16, tzinfo=UTC)
    for after in (timedelta(seconds=2), timedelta(hours=23)):
        assert destroy_keys(settings, dataset, midnight + after, (), ledger=room.ledger, why="test") == []
    day_after = datetime(2025, 3, 15, 16, tzinfo=UTC)
    assert table.commit(table.write_files(letter(sealer, date(2025, 3, 14))), {})
    assert destroy_keys(settings, dataset, day_after, (), ledger=room.ledger, why="test") == []
    table.refresh()
    assert table.commit([], {}, removed=table.files())
    assert destroy_keys(settings, dataset, day_after, (), ledger=room.ledger, why="test") == ["dead_letters 2025-03-14"]


def test_a_letter_that_comes_in_the_last_moment_keeps_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is read again right before each key: one that came while another went is seen."""
    settings = load_settings(home=tmp_path)
    ensure_home(settings)
    keyring, room = settings.opener(), Room(settings)
    spec = TableSpec(f"{settings.lake}/dead_letters", DEAD_LETTERS, "received_date", ())
    create_table(spec)
    table = FencedTable(spec)
    sealers = [keyring.sealer("dead_letters", datetime(2025, 3, day, tzinfo=UTC)) for day in (1, 2)]
    append = room.ledger.append

    def beside(*arguments: Any, **named: Any) -> Any:
        assert table.commit(table.write_files(letter(sealers[1], date(2025, 3, 2))), {})
        return append(*arguments, **named)

    monkeypatch.setattr(room.ledger, "append", beside)
    with pytest.raises(RefusedError, match="seals 1 row still kept"):
        destroy_keys(settings, room.dataset("dead_letters"), NOW, (), ledger=room.ledger, why="test")
    assert keyring.sealing_days("dead_letters") == ["2025-03-02"]


def _with_all(row: dict[str, list[object]]) -> pa.Table:
    number = len(row["event_key"])
    return pa.table({name: row.get(name, [None] * number) for name in DEAD_LETTERS.names}, schema=DEAD_LETTERS)


@pytest.fixture
def vault(tmp_path: Path) -> Room:
    """Return a home whose vault holds 400 events of transactions, settled."""
    runner, home = CliRunner(), tmp_path / "home"
    source = tmp_path / "events.ndjson"
    for arguments in (
        [
            "generate",
            "transactions",
            "--events",
            "400",
            "--start",
            "2021-06-01T00:00:00Z",
            "--days",
            "400",
            "--to",
            f"files:{source}",
        ],
        ["run", "transactions", "--from", f"files:{source}", "--now", "2023-07-01T00:00:00Z", "--drain"],
        ["vault", "settle"],
    ):
        result = runner.invoke(ebb, [*arguments, "--home", str(home)])
        assert result.exception is None, (arguments, result.exception, result.output)
    return Room(load_settings(home=home))


@pytest.mark.slow
def test_the_vault_is_swept_by_whole_files_and_its_keys_destroyed(vault: Room) -> None:
    """A held person's records stay readable under the case's key; the others' dates lose theirs; release ends both."""
    table = open_table(f"{vault.settings.lake}/vault/transactions")
    rows = table.dataset().to_table(columns=["due_date", "probe"]).to_pylist()
    due = [row for row in rows if row["due_date"] is not None and row["due_date"] <= "2025-03-15"]
    person = next(row["probe"] for row in due if row["probe"] is not None)
    theirs = sum(row["probe"] == person for row in due)
    plan = plan_sweep(vault, now=NOW, by="a", limit=Limit(share=1.0), only=("vault.transactions",))
    assert plan.due == len(due)
    hold = Hold("C-1", "vault.transactions", "subject", frozenset({person.hex()}))
    place_hold(vault.ledger, hold, by="a", reason="claim", wall=wall_clock())
    approve_sweep(vault, plan.digest, "b")
    apply_here(vault, plan.digest)
    assert verify_sweep(vault, plan.digest)["ok"]
    table.refresh()
    left = table.dataset().to_table(columns=["due_date", "probe", "key_id"]).to_pylist()
    kept = [row for row in left if row["due_date"] is not None and row["due_date"] <= "2025-03-15"]
    assert len(kept) == theirs
    assert {row["key_id"] for row in kept} == {"case:C-1"}
    destroyed = {key.key_id for key in vault.settings.opener().due_keys() if key.destroyed}
    assert {row["due_date"] for row in due} <= destroyed
    assert not any(name > "2025-03-15" for name in destroyed)
    assert "case:C-1" not in destroyed

    release_holds(vault.ledger, "C-1", by="a", wall=wall_clock())
    last = plan_sweep(vault, now=NOW, by="a", limit=Limit(share=1.0), only=("vault.transactions",))
    assert last.due == theirs
    approve_sweep(vault, last.digest, "b")
    apply_here(vault, last.digest)
    assert verify_sweep(vault, last.digest)["ok"]
    assert holds_at(vault.ledger) == []
    assert "case:C-1" in {key.key_id for key in vault.settings.opener().due_keys() if key.destroyed}
    assert person.hex() not in json.dumps(certify_sweep(vault, last.digest))


@pytest.mark.slow
def test_without_the_ops_key_a_held_record_of_the_vault_stops_the_sweep(vault: Room) -> None:
    """It could not be put under the case's key: nothing of it is destroyed."""
    place_hold(vault.ledger, Hold("C-2", "vault.transactions", "dataset"), by="a", reason="claim", wall=wall_clock())
    release_holds(vault.ledger, "C-2", by="a", wall=wall_clock())
    plan = plan_sweep(vault, now=NOW, by="a", limit=Limit(share=1.0), only=("vault.transactions",))
    approve_sweep(vault, plan.digest, "b")
    place_hold(vault.ledger, Hold("C-3", "vault.transactions", "dataset"), by="a", reason="claim", wall=wall_clock())
    before = open_table(f"{vault.settings.lake}/vault/transactions").dataset().count_rows()
    vault.settings.ops_key_file.rename(vault.settings.home / "moved")
    result = CliRunner().invoke(ebb, ["sweep", "apply", plan.digest, "--home", str(vault.settings.home)])
    assert isinstance(result.exception, RefusedError)
    assert str(result.exception).endswith("then run the command again")
    assert open_table(f"{vault.settings.lake}/vault/transactions").dataset().count_rows() == before
