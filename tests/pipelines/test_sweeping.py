"""A sweep from plan to certificate, what refuses it, and holds that win; on a real database and a real ledger."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from governance.errors import EbbError, RefusedError, UsageError
from pipelines import sweeping
from pipelines.register_check import problems_of
from pipelines.settings import load_settings, wall_clock
from pipelines.sweep_room import Room
from pipelines.sweeping import approve_sweep, certify_sweep, plan_sweep, verify_sweep
from retention.certificate import check, to_page
from retention.holds import Hold
from retention.plan import Limit, Plan
from retention.survey import survey
from retention.sweeps import find_sweep, list_sweeps, place_hold, record_plan, release_holds
from tests.retention.rooms import NOW, REGISTER, apply_here, make_room, query, work_off

if TYPE_CHECKING:
    from pathlib import Path

ALL = Limit(share=1.0)


def planned(room: Room, now: datetime = NOW, limit: Limit = ALL, by: str = "planner") -> Plan:
    """Plan and approve."""
    plan = plan_sweep(room, now=now, by=by, limit=limit)
    approve_sweep(room, plan.digest, "approver")
    return plan


def test_a_sweep_takes_exactly_what_is_due_and_is_certified(tmp_path: Path) -> None:
    """Planned rows go with their lines, the re-scan agrees, the signature holds, a second sweep is empty."""
    room = make_room(tmp_path)
    plan = planned(room)
    expected = query(tmp_path, "SELECT count(*) FROM orders WHERE date(completed_at, '+3 years') < '2026-06-01'")[0][0]
    assert plan.due == expected > 150
    done = apply_here(room, plan.digest)
    assert done.removed("shop.orders") == done.removed_children("shop.orders") == expected
    assert query(tmp_path, "SELECT count(*) FROM orders")[0][0] == 400 - expected
    assert verify_sweep(room, plan.digest)["ok"]
    signed = certify_sweep(room, plan.digest)
    assert check(json.loads(json.dumps(signed)))["datasets"][0]["removed"] == expected
    assert "customer" not in json.dumps(signed)
    assert "shop.orders" in to_page(signed)
    assert plan_sweep(room, now=NOW, by="planner", limit=ALL).due == 0
    assert room.ledger.first_broken() is None


def test_applying_and_certifying_twice_is_once(tmp_path: Path) -> None:
    """The second apply deletes nothing and writes nothing; the certificate is the same."""
    room = make_room(tmp_path)
    plan = planned(room)
    first = apply_here(room, plan.digest)
    entries = room.ledger.head()
    assert apply_here(room, plan.digest).removed("shop.orders") == first.removed("shop.orders")
    assert room.ledger.head() == entries
    verify_sweep(room, plan.digest)
    assert certify_sweep(room, plan.digest) == certify_sweep(room, plan.digest)


def test_over_the_limit_nothing_goes(tmp_path: Path) -> None:
    """The default of a quarter refuses before the first delete; so does a limit of rows."""
    room = make_room(tmp_path)
    for limit in (Limit(), Limit(share=1.0, rows=10)):
        plan = planned(room, limit=limit)
        with pytest.raises(RefusedError, match="over the limit, nothing was deleted"):
            apply_here(room, plan.digest)
    assert query(tmp_path, "SELECT count(*) FROM orders") == [(400,)]


def test_without_approval_or_second_pair_of_eyes_nothing_goes(tmp_path: Path) -> None:
    """Somebody approves; with the setting, somebody else than the planner."""
    room = make_room(tmp_path)
    plan = plan_sweep(room, now=NOW, by="lin", limit=ALL)
    with pytest.raises(RefusedError, match="must approve"):
        apply_here(room, plan.digest)
    approve_sweep(room, plan.digest, "lin")
    strict = Room(load_settings(home=tmp_path, second_pair_of_eyes=True))
    with pytest.raises(RefusedError, match="somebody other than lin"):
        apply_here(strict, plan.digest)
    for herself in ("lin", "Lin", " lin\t", "ｌｉｎ", "li\u200bn"):
        with pytest.raises(RefusedError, match="somebody else approves"):
            approve_sweep(strict, plan.digest, herself)
    for nobody in ("Lin", "lin ", " ", ""):  # as an older version wrote them
        room.ledger.append("sweep.approval", plan.digest, {"by": nobody, "rows": plan.due}, wall_clock())
    with pytest.raises(RefusedError, match="somebody other than lin"):
        apply_here(strict, plan.digest)
    approve_sweep(strict, plan.digest, "wang")
    assert apply_here(strict, plan.digest).removed("shop.orders") == plan.due


def test_a_changed_table_register_or_row_voids_the_plan(tmp_path: Path) -> None:
    """A refund moves a due row's clock; another register has another digest: both refuse, nothing goes."""
    room = make_room(tmp_path)
    plan = planned(room)
    query(tmp_path, "UPDATE orders SET refunded_at = '2026-05-01 00:00:00' WHERE id = 1")
    with pytest.raises(RefusedError, match=r"disagree|changed"):
        apply_here(room, plan.digest)
    plan = planned(room)
    (tmp_path / "datasets.yaml").write_text(
        REGISTER.format(path=tmp_path / "shop.sqlite").replace("sepp", "mic_global")
    )
    with pytest.raises(RefusedError, match="register has changed"):
        apply_here(Room(load_settings(home=tmp_path)), plan.digest)
    assert query(tmp_path, "SELECT count(*) FROM orders") == [(400,)]


def test_a_plan_gives_no_row_away_to_who_guesses_it(tmp_path: Path) -> None:
    """The ledger keeps plans for years: without the installation's key nobody can try rows until a fingerprint fits."""
    room = make_room(tmp_path)
    query(tmp_path, "DELETE FROM order_lines")
    query(tmp_path, "DELETE FROM orders WHERE id <> 41")
    dataset = room.dataset("shop.orders")
    for plan in (planned(room), plan_sweep(room, now=NOW, by="lin", limit=ALL)):
        [unit] = plan.units
        [guessed] = survey(dataset, room.store("shop"), NOW, ()).units
        assert (guessed.part, guessed.rows) == (unit.part, unit.rows)
        assert guessed.state != unit.state
    again = plan_sweep(Room(load_settings(home=tmp_path)), now=NOW, by="lin", limit=ALL)
    assert again.units == plan.units
    elsewhere = make_room(tmp_path / "elsewhere", 0, REGISTER.replace("{path}", str(tmp_path / "shop.sqlite")))
    assert plan_sweep(elsewhere, now=NOW, by="lin", limit=ALL).units[0].state != unit.state


def test_a_row_swapped_for_another_is_seen(tmp_path: Path) -> None:
    """The same number of due rows, but not the same rows."""
    room = make_room(tmp_path)
    plan = planned(room)
    query(tmp_path, "UPDATE orders SET completed_at = '2022-01-01 00:00:00' WHERE id = 1")
    query(tmp_path, "UPDATE orders SET completed_at = '2022-01-02 00:00:00' WHERE id = 2")
    with pytest.raises(RefusedError):
        apply_here(room, plan.digest)


def test_an_extension_that_is_decided_in_the_future_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-RET-04: it would keep rows longer than twelve months; by +08:00 dates, and what was decided today counts."""
    room = make_room(
        tmp_path,
        register=REGISTER
        + "    extension: {{criterion: RC-2, reason: r, owner: o, decided: 2026-06-02, until: 2027-06-01}}\n",
    )
    monkeypatch.setattr(sweeping, "wall_clock", lambda: datetime(2026, 6, 1, 15, 59, tzinfo=UTC))
    with pytest.raises(RefusedError, match=r"shop\.orders: its extension is decided on a day that is still to come"):
        plan_sweep(room, now=datetime(2027, 7, 1, tzinfo=UTC), by="lin", limit=ALL)
    monkeypatch.setattr(sweeping, "wall_clock", lambda: datetime(2026, 6, 1, 16, 0, tzinfo=UTC))
    assert plan_sweep(room, now=None, by="lin", limit=ALL).due == 0


def test_a_forecast_and_an_expired_plan_are_never_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instant to come deletes nothing; a plan of yesterday needs to be made anew."""
    room = make_room(tmp_path)
    plan = planned(room, now=datetime(2099, 1, 1, tzinfo=UTC))
    with pytest.raises(RefusedError, match="still to come"):
        apply_here(room, plan.digest)
    plan = planned(room)
    later = datetime.now(tz=UTC) + timedelta(hours=25)
    monkeypatch.setattr(sweeping, "wall_clock", lambda: later)
    with pytest.raises(RefusedError, match="expired"):
        apply_here(room, plan.digest)


def test_a_hold_placed_between_plan_and_apply_wins_and_its_release_resumes(tmp_path: Path) -> None:
    """Held orders stay with their lines; after the release the next sweep takes exactly them."""
    room = make_room(tmp_path)
    plan = planned(room)
    wall = datetime.now(tz=UTC)
    place_hold(
        room.ledger,
        Hold("2026-17", "shop.orders", "subject", frozenset({"customer-3"})),
        by="wu",
        reason="claim",
        wall=wall,
    )
    held = query(
        tmp_path,
        "SELECT count(*) FROM orders WHERE customer='customer-3' AND date(completed_at,'+3 years')<'2026-06-01'",
    )[0][0]
    done = apply_here(room, plan.digest)
    assert held > 0
    assert done.removed("shop.orders") == plan.due - held == done.removed_children("shop.orders")
    report = verify_sweep(room, plan.digest)
    assert report["ok"], report
    again = plan_sweep(room, now=NOW, by="planner", limit=ALL)
    assert (again.due, again.share("shop.orders").count("case")) == (
        0,
        query(tmp_path, "SELECT count(*) FROM orders WHERE customer='customer-3'")[0][0],
    )
    assert release_holds(room.ledger, "2026-17", by="wu", wall=datetime.now(tz=UTC)) == 1
    last = planned(room)
    assert last.due == held
    apply_here(room, last.digest)
    assert verify_sweep(room, last.digest)["ok"]
    with pytest.raises(UsageError, match="nothing is held"):
        release_holds(room.ledger, "2026-17", by="wu", wall=datetime.now(tz=UTC))


def test_a_release_after_the_plan_does_not_widen_it(tmp_path: Path) -> None:
    """Rows that were held when the plan was made are not in it: the next sweep takes them."""
    room = make_room(tmp_path)
    wall = datetime.now(tz=UTC)
    place_hold(
        room.ledger, Hold("c", "shop.orders", "record", frozenset({"1", "2"})), by="wu", reason="claim", wall=wall
    )
    plan = planned(room)
    release_holds(room.ledger, "c", by="wu", wall=datetime.now(tz=UTC))
    apply_here(room, plan.digest)
    assert query(tmp_path, "SELECT count(*) FROM orders WHERE id IN (1, 2)") == [(2,)]
    assert verify_sweep(room, plan.digest)["datasets"][0]["wrong"] == []
    assert planned(room).due == 2


def test_deleting_too_much_or_too_little_is_seen(tmp_path: Path) -> None:
    """Somebody else's deletion, a due row that came back, and a lost parent fail the verification."""
    room = make_room(tmp_path)
    plan = planned(room)
    apply_here(room, plan.digest)
    query(tmp_path, "DELETE FROM orders WHERE id = 399")
    wrong = verify_sweep(room, plan.digest)["datasets"][0]["wrong"]
    assert any("1 more row is gone than planned" in line for line in wrong)
    assert any("lost their parent" in line for line in wrong)
    query(tmp_path, "INSERT INTO orders VALUES (1, 'customer-1', 'closed', '2021-01-05 00:00:00', NULL)")
    assert any("still there" in line for line in verify_sweep(room, plan.digest)["datasets"][0]["wrong"])
    with pytest.raises(RefusedError, match="only a sweep that was verified"):
        certify_sweep(room, plan.digest)


def test_a_broken_ledger_or_an_overlapping_sweep_stops_everything(tmp_path: Path) -> None:
    """No deletion on a record that cannot be trusted, nor beside another."""
    room = make_room(tmp_path)
    plan = planned(room)
    with room.ledger.sweeping(), pytest.raises(RefusedError, match="another sweep"):
        apply_here(room, plan.digest)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        connection.execute("DROP TRIGGER ebb_ledger_no_update")
        connection.execute("UPDATE ebb_ledger SET kind = 'nothing' WHERE number = 1")
    connection.close()
    with pytest.raises(EbbError, match=r"entry 1|no plan"):
        apply_here(room, plan.digest)


def test_interrupted_between_units_it_goes_on_and_counts_once(tmp_path: Path) -> None:
    """A unit whose rows went but whose outcome was not written is counted when it is done again."""
    room = make_room(tmp_path)
    plan = planned(room)

    class Stop(Exception):  # noqa: N818
        """Stands for a power cut."""

    def half(sweep: object, pending: object) -> None:
        work_off(room, sweep, list(pending)[:7])  # type: ignore[arg-type,call-overload]
        raise Stop

    with pytest.raises(Stop):
        sweeping.apply_sweep(room, plan.digest, half)
    unit = next(u for u in plan.units if (u.dataset, u.part) not in find_sweep(room.ledger, plan.digest).outcomes)
    month = f"{int(unit.part[:4]) - 3}{unit.part[4:]}"
    condition = f"completed_at LIKE '{month}%' AND completed_at NOT LIKE '%-28%'"
    ids = query(tmp_path, f"SELECT id FROM orders WHERE {condition}")
    room.ledger.append(
        "sweep.intent",
        plan.digest,
        {"dataset": unit.dataset, "part": unit.part, "rows": unit.rows},
        datetime.now(tz=UTC),
    )
    query(tmp_path, f"DELETE FROM order_lines WHERE order_id = {ids[0][0]}")
    query(tmp_path, f"DELETE FROM orders WHERE id = {ids[0][0]}")
    done = apply_here(room, plan.digest)
    assert done.removed("shop.orders") == done.removed_children("shop.orders") == plan.due
    assert verify_sweep(room, plan.digest)["ok"]


def test_rows_are_anonymized_where_the_register_says_so(tmp_path: Path) -> None:
    """Names go, amounts stay; a second sweep finds them done; the certificate says anonymized."""
    register = REGISTER.replace("    children: [{{table: order_lines, column: order_id}}]\n", "") + (
        "    action: anonymize\n    anonymize: {{treatments: {{customer: {{do: suppress}}}}, keep: [id, state]}}\n"
    )
    room = make_room(tmp_path, register=register)
    plan = planned(room)
    apply_here(room, plan.digest)
    assert verify_sweep(room, plan.digest)["ok"]
    assert query(tmp_path, "SELECT count(*) FROM orders") == [(400,)]
    assert query(tmp_path, "SELECT count(*) FROM orders WHERE customer IS NULL") == [(plan.due,)]
    again = plan_sweep(room, now=NOW, by="planner", limit=ALL)
    assert (again.due, again.share("shop.orders").count("done")) == (0, plan.due)
    assert certify_sweep(room, plan.digest)["datasets"][0]["action"] == "anonymize"


@pytest.mark.parametrize("kind", ["TEXT", "DATE"])
def test_times_that_are_written_in_another_form_are_found_again(tmp_path: Path, kind: str) -> None:
    """What is planned goes, by dates without hyphens too, and beside an optional clock that tells no time."""
    room = make_room(tmp_path)
    query(tmp_path, f"ALTER TABLE orders ADD COLUMN done {kind}")
    query(tmp_path, "UPDATE orders SET done = replace(substr(completed_at, 1, 10), '-', '')")
    query(tmp_path, "UPDATE orders SET done = substr(completed_at, 1, 10) WHERE id % 2")
    for number, text in enumerate(("n/a", "", "0000-00-00", "9999-99-99", "none-at-al")):
        query(tmp_path, f"UPDATE orders SET refunded_at = '{text}' WHERE id % 30 = {number}")
    (tmp_path / "datasets.yaml").write_text(
        REGISTER.format(path=tmp_path / "shop.sqlite").replace("[completed_at]", "[done]"), encoding="utf-8"
    )
    room = Room(load_settings(home=tmp_path))
    plan = planned(room)
    due = query(tmp_path, "SELECT count(*) FROM orders WHERE date(completed_at, '+3 years') < '2026-06-01'")[0][0]
    assert plan.due == due > 150
    assert apply_here(room, plan.digest).removed("shop.orders") == due
    assert verify_sweep(room, plan.digest)["ok"]


def test_lists_and_empty_columns_are_anonymized_once(tmp_path: Path) -> None:
    """A row empty in one column and not yet in another is due; what was made of a text is not made into another."""
    register = REGISTER.replace("    children: [{{table: order_lines, column: order_id}}]\n", "") + (
        "    action: anonymize\n    anonymize: {{keep: [id, state], treatments: {{customer: {{do: suppress}}, "
        "city: {{do: keep, values: [Nanjing]}}, "
        "note: {{do: categorize, bands: {{calls: [phone], letters: [mail]}}}}}}}}\n"
    )
    room = make_room(tmp_path, register=register)
    query(tmp_path, "ALTER TABLE orders ADD COLUMN city TEXT DEFAULT 'Nanjing'")
    query(tmp_path, "ALTER TABLE orders ADD COLUMN note TEXT DEFAULT 'rings his phone'")
    query(tmp_path, "UPDATE orders SET customer = NULL WHERE id = 1")
    query(tmp_path, "UPDATE orders SET city = 'Wherever', note = NULL WHERE id = 2")
    query(tmp_path, "UPDATE orders SET customer = NULL, note = 'letters' WHERE id = 3")
    plan = planned(room)
    assert plan.share("shop.orders").count("done") == 1
    apply_here(room, plan.digest)
    assert verify_sweep(room, plan.digest)["ok"]
    rows = query(tmp_path, "SELECT customer, city, note FROM orders WHERE id IN (1, 2, 3) ORDER BY id")
    assert rows == [(None, "Nanjing", "calls"), (None, "other", None), (None, "Nanjing", "letters")]
    assert plan_sweep(room, now=NOW, by="planner", limit=ALL).due == 0


def test_a_list_cannot_be_written_into_numbers(tmp_path: Path) -> None:
    """Planning says so, instead of stopping in the middle of a sweep."""
    register = REGISTER.replace("    children: [{{table: order_lines, column: order_id}}]\n", "") + (
        "    action: anonymize\n    anonymize: {{keep: [id, state], treatments: {{customer: {{do: suppress}}, "
        "house: {{do: keep, values: [one]}}}}}}\n"
    )
    room = make_room(tmp_path, register=register)
    query(tmp_path, "ALTER TABLE orders ADD COLUMN house INTEGER")
    with pytest.raises(RefusedError, match="house is no text"):
        planned(room)
    assert any("house is no text" in line for line in problems_of(room))


def test_a_column_that_nobody_named_is_not_anonymous(tmp_path: Path) -> None:
    """R-RET-08: planning is refused, and applying too if the column came after the plan; nothing was touched."""
    register = REGISTER.replace("    children: [{{table: order_lines, column: order_id}}]\n", "") + (
        "    action: anonymize\n    anonymize: {{treatments: {{customer: {{do: suppress}}}}, keep: [id, state]}}\n"
    )
    plan = planned(make_room(tmp_path, register=register))
    query(tmp_path, "ALTER TABLE orders ADD COLUMN phone TEXT DEFAULT '13800138000'")
    room = Room(load_settings(home=tmp_path))
    for attempt in (lambda: apply_here(room, plan.digest), lambda: planned(room)):
        with pytest.raises(RefusedError, match="what becomes of the column phone"):
            attempt()
    assert query(tmp_path, "SELECT count(*) FROM orders WHERE customer IS NULL") == [(0,)]


@pytest.mark.parametrize("token", ["v1.2026H1." + "a" * 26, "v1s.2026H1." + "a" * 40])
def test_a_token_that_was_kept_fails_the_verification(tmp_path: Path, token: str) -> None:
    """R-RET-08: a due order with its name removed and a token kept is not anonymous, whoever made the token."""
    register = REGISTER.replace("    children: [{{table: order_lines, column: order_id}}]\n", "") + (
        "    action: anonymize\n    anonymize: {{treatments: {{customer: {{do: suppress}}}}, keep: [id, state]}}\n"
    )
    room = make_room(tmp_path, register=register)
    query(tmp_path, f"UPDATE orders SET state = '{token}' WHERE id = 1")
    plan = planned(room)
    apply_here(room, plan.digest)
    report = verify_sweep(room, plan.digest)
    assert [finding["wrong"] for finding in report["datasets"] if finding["wrong"]] == [
        ["1 anonymized row still holds a token"]
    ]
    with pytest.raises(RefusedError, match="only a sweep that was verified"):
        certify_sweep(room, plan.digest)


def test_a_plan_from_before_there_was_a_list_keeps_its_digest(tmp_path: Path) -> None:
    """Recorded without a list of endings, it is read back as what its digest says."""
    room = make_room(tmp_path)
    old = planned(room).model_copy(update={"endings_digest": None})
    assert "endings_digest" not in old.to_json()
    record_plan(room.ledger, old, datetime.now(tz=UTC))
    assert find_sweep(room.ledger, old.digest).plan == old


def test_every_sweep_is_listed_with_its_state(tmp_path: Path) -> None:
    """Planned, approved, applied, verified, certified; a digest may be shortened, not below eight digits."""
    room = make_room(tmp_path)
    plan = planned(room)
    plan_sweep(room, now=NOW, by="planner", limit=Limit())
    assert [sweep.state for sweep in list_sweeps(room.ledger)] == ["approved", "planned"]
    assert find_sweep(room.ledger, plan.digest[:12]).digest == plan.digest
    for digest, kind in (("abc", UsageError), ("0" * 12, RefusedError)):
        with pytest.raises(kind):
            find_sweep(room.ledger, digest)
