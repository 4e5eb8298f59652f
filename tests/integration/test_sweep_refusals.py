"""What refuses a sweep: one sentence, an exit code, and nothing is deleted; when it is put right, the sweep is done.

| what | exit | test |
|---|---|---|
| `apply --now` later than the wall clock | 3 | test_sweep_command: nothing_acts_later_than_the_wall_clock |
| a key under a floor destroyed | 3 | test_due_dates: a_key_is_not_destroyed_before_its_day |
| a key under a hold destroyed | 3 | test_key_work: a_hold_keeps_…; here: no_option_destroys_a_held_key |
| stale digest; too short a one | 3; 2 | test_sweeping: a_forecast_and_an_expired_…; here: a_digest_that_no_plan_has |
| changed policy | 3 | here: a_pack_changed_since_the_plan |
| changed register, table, row | 3 | test_sweeping: a_changed_table_register_or_row_…, a_row_swapped_… |
| clock in the past | 3 | test_ledger: a_clock_behind_the_last_entry_…; here: a_clock_before_the_plan |
| keyring or root key missing | 1 | here: without_the_keyring_or_the_root_key |
| ops key missing while a case holds | 3 | test_sweep_keys: without_the_ops_key_… |
| a standing case's list removed | 1 | test_ledger_sweep: a_case_whose_list_was_removed_… |
| the number of a released case | 3 | test_sweep_command: holds_are_placed_listed_and_released_… |
| news of an order since the plan | 3 | test_presuming: a_presumed_order_that_is_heard_of_again_…, a_completed_order_… |
| a due date's key destroyed by hand | 0, 1 | here: a_key_destroyed_by_hand |
| text where a time should be | 0, held | here: text_that_is_no_time |
| a number without a unit | 3 | here: numbers_without_a_unit |
| what a column cannot hold is open or held | 3 | test_column_types: what_no_value_of_the_column_can_be_… |
| a column that nobody named, anonymized | 3 | test_sweeping: a_column_that_nobody_named_… |
| an extension decided on a day to come | 3 | test_sweeping: an_extension_that_is_decided_… |
| time without zone | 1, 2 | here: a_time_without_zone |
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from governance import policy
from governance.errors import RefusedError
from pipelines import settings, sweeping
from pipelines.settings import load_settings
from pipelines.sweep_room import Room
from retention.holds import Hold
from retention.sweeps import find_sweep, place_hold, release_holds
from retention.vault.layout import rows_under
from tests.integration.sweeps import is_whole, planned, vault_with_due_orders
from tests.retention.rooms import make_room, query

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.sweeps import Said
    from tests.transactions import Place

DUE_DATES = ["2023-11-04", "2023-11-05", "2023-11-06"]


@pytest.fixture
def vault(tmp_path: Path) -> Place:
    """Return a vault with three orders that are due, each on a day of its own, and one without a completion."""
    return vault_with_due_orders(tmp_path)


def due_dates(place: Place) -> list[str]:
    """Return the due dates of the vault's rows."""
    return sorted({str(row) for row in place.rows()["due_date"].to_pylist() if row is not None})


@pytest.mark.parametrize("gone", ["keyring.sqlite", "root.key"])
def test_without_the_keyring_or_the_root_key(vault: Place, ebb: Callable[..., Said], gone: str) -> None:
    """Keys could not go with their rows: nothing is deleted; with the key back the sweep is done."""
    room = Room(load_settings(home=vault.folder))
    plan = planned(room)
    assert plan.due == 9
    (vault.folder / gone).rename(vault.folder / "away")
    assert ebb(room, "sweep", "apply", plan.digest).is_one_sentence(1, gone, "`ebb keys init`")
    assert due_dates(vault) == DUE_DATES
    assert not find_sweep(room.ledger, plan.digest).begun
    (vault.folder / "away").rename(vault.folder / gone)
    assert ebb(room, "sweep", "apply", plan.digest).code == 0
    assert due_dates(vault) == []
    assert {key.key_id for key in vault.keyring.due_keys() if key.destroyed} >= set(DUE_DATES)
    is_whole(room, plan)


def test_a_key_destroyed_by_hand(vault: Place, ebb: Callable[..., Said]) -> None:
    """Its rows go as planned; those that a case holds cannot be put under the case's key: that is said, they stay."""
    room = Room(load_settings(home=vault.folder))
    vault.keyring.destroy_due_date("2023-11-04", settings.wall_clock(), blocking=lambda _: 0)
    plan = planned(room)
    hold = Hold("C-1", "vault.transactions", "dataset")
    place_hold(room.ledger, hold, by="wu", reason="claim", wall=settings.wall_clock())
    stopped = ebb(room, "sweep", "apply", plan.digest)
    assert stopped.is_one_sentence(1, "no vault.identity key of 2023-11-04", "release the hold")
    assert due_dates(vault) == DUE_DATES
    release_holds(room.ledger, "C-1", by="wu", wall=settings.wall_clock())
    assert ebb(room, "sweep", "apply", plan.digest).code == 0
    assert due_dates(vault) == []
    is_whole(room, plan)


def test_no_option_destroys_a_held_key(vault: Place, ebb: Callable[..., Said]) -> None:
    """Held rows keep their case's key through a sweep, and no command takes it."""
    room = Room(load_settings(home=vault.folder))
    plan = planned(room)
    hold = Hold("C-1", "vault.transactions", "dataset")
    place_hold(room.ledger, hold, by="wu", reason="claim", wall=settings.wall_clock())
    assert ebb(room, "sweep", "apply", plan.digest).code == 0
    assert due_dates(vault) == DUE_DATES
    with pytest.raises(RefusedError):
        vault.keyring.destroy_due_date(
            "case:C-1", settings.wall_clock(), blocking=lambda key: rows_under(vault.table(), key)
        )
    for name in ("case:C-1", "2099-01-01"):
        assert ebb(room, "keys", "destroy", name, "--yes").is_one_sentence(2)
    assert "case:C-1" not in {key.key_id for key in vault.keyring.due_keys() if key.destroyed}
    assert not {"--force", "--override"} & set(ebb(room, "keys", "destroy", "--help").out.split())


def rows_in(room: Room) -> int:
    """Count the shop's orders."""
    return int(query(room.settings.home, "SELECT count(*) FROM orders")[0][0])


def test_a_digest_that_no_plan_has(tmp_path: Path, ebb: Callable[..., Said]) -> None:
    """An unknown digest, one of another plan's past, and one that is too short are refused."""
    room = make_room(tmp_path)
    old = planned(room)
    query(tmp_path, "DELETE FROM order_lines WHERE order_id = 3")
    query(tmp_path, "DELETE FROM orders WHERE id = 3")
    planned(room)
    assert ebb(room, "sweep", "apply", "0" * 64).is_one_sentence(3, "`ebb sweep list` shows them")
    assert ebb(room, "sweep", "apply", "abc").is_one_sentence(2, "at least 8 digits")
    assert ebb(room, "sweep", "apply", old.digest).is_one_sentence(3, "plan anew")
    assert rows_in(room) == 399


def test_a_pack_changed_since_the_plan(
    tmp_path: Path, ebb: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was approved under other promises is not done."""
    packs = tmp_path / "packs"
    shutil.copytree(Path(policy.__file__).parent / "packs", packs)
    for path in packs.iterdir():
        path.write_text(path.read_text().replace("system: sepp\n", "system: workshop\n"))
        if path.stem != "sepp":
            path.unlink()
    (packs / "sepp.yaml").write_text((packs / "sepp.yaml").read_text().replace("id: sepp", "id: workshop_2026"))
    (packs / "sepp.yaml").rename(packs / "workshop_2026.yaml")
    monkeypatch.setenv("EBB_PACKS", str(packs))
    room = make_room(tmp_path / "home")
    plan = planned(room)
    path = packs / "workshop_2026.yaml"
    path.write_text(path.read_text().replace("title: ", "title: New ", 1))
    assert ebb(room, "sweep", "apply", plan.digest).is_one_sentence(3, "the policy has changed", "plan anew")
    assert rows_in(room) == 400


def test_a_clock_before_the_plan(tmp_path: Path, ebb: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose clock went back deletes nothing, plans nothing, and says so."""
    room = make_room(tmp_path)
    plan = planned(room)
    earlier = datetime.now(tz=UTC) - timedelta(hours=3)
    monkeypatch.setattr(sweeping, "wall_clock", lambda: earlier)
    assert ebb(room, "sweep", "apply", plan.digest).is_one_sentence(3, "set the clock right first")
    drill = ("--now", "2026-06-01T00:00:00Z")
    assert ebb(room, "sweep", "plan", *drill).is_one_sentence(3, "set the clock right first")
    assert rows_in(room) == 400


def test_text_that_is_no_time(tmp_path: Path, ebb: Callable[..., Said]) -> None:
    """Rows whose clock holds words are held and counted as unknown; the others go."""
    room = make_room(tmp_path)
    query(tmp_path, "UPDATE orders SET completed_at = 'customer-7 paid' WHERE id < 100")
    plan = planned(room)
    assert plan.share("shop.orders").count("RET_NO_CLOCK") == 100 + 15
    assert ebb(room, "sweep", "apply", plan.digest).code == 0
    assert query(tmp_path, "SELECT count(*) FROM orders WHERE id < 100") == [(100,)]
    assert rows_in(room) == 400 - plan.due
    is_whole(room, plan)


def test_numbers_without_a_unit(tmp_path: Path, ebb: Callable[..., Said]) -> None:
    """A clock that has become a number is refused by name, without a value, by plan, by apply and by the check."""
    room = make_room(tmp_path)
    plan = planned(room)
    query(tmp_path, "ALTER TABLE orders RENAME COLUMN completed_at TO old")
    query(tmp_path, "ALTER TABLE orders ADD COLUMN completed_at INTEGER")
    query(tmp_path, "UPDATE orders SET completed_at = 1600000000")
    assert ebb(room, "sweep", "plan").is_one_sentence(3, "shop.orders, completed_at: a clock column is of type int64")
    assert ebb(room, "sweep", "apply", plan.digest).is_one_sentence(3, "nothing was deleted", "plan anew")
    checked = ebb(room, "datasets", "check")
    assert checked.is_one_sentence(1, "1 problem in the register")
    assert "the clock completed_at is of type int64, which is no time" in checked.out
    assert rows_in(room) == 400


def test_a_time_without_zone(tmp_path: Path, ebb: Callable[..., Said]) -> None:
    """A register that does not say whose time it is, or names no zone, is refused, and so is such an instant."""
    room = make_room(tmp_path)
    plan = planned(room)
    path = tmp_path / "datasets.yaml"
    whole = path.read_text()
    path.write_text(whole.replace("    zone: Asia/Shanghai\n", ""))
    for arguments in (("sweep", "plan"), ("sweep", "apply", plan.digest), ("datasets", "check")):
        assert ebb(room, *arguments).is_one_sentence(1, "datasets.yaml", "zone")
    path.write_text(whole.replace("Asia/Shanghai", "Europe/Atlantis"))
    assert ebb(room, "sweep", "apply", plan.digest).is_one_sentence(1, "not a time zone")
    path.write_text(whole)
    assert ebb(room, "sweep", "plan", "--now", "2026-06-01T00:00:00").is_one_sentence(2, "has no zone")
    assert rows_in(room) == 400
