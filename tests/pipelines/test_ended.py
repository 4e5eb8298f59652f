"""`ebb ended`: cancelled, cleared, stopped; listed, planned, removed, verified, and removed again when it returns."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from governance.errors import RefusedError
from governance.policy import load_catalogue
from pipelines.lake_datasets import STREAMS
from pipelines.settings import load_settings, wall_clock
from pipelines.sinks.letters import DEAD_LETTERS, letters_spec
from pipelines.sweep_room import Room
from pipelines.sweeping import approve_sweep, certify_sweep, plan_sweep, verify_sweep
from retention.holds import Hold
from retention.plan import Limit
from retention.stores.delta import FencedTable, create_table, open_table
from retention.sweeps import place_hold
from tests.pipelines.calling import answer, call, code, set_clock
from tests.postgresql import take_payload
from tests.retention.rooms import apply_here, make_room, query
from tests.transactions import step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from retention.plan import Plan

AT = "2026-11-10T04:00:00Z"
DAYS = ("2026-11-08", "2026-11-10", "2026-11-12")
PERSON = "sepp:account:zhang.wei"
ALL = Limit(share=1.0)
REGISTER = """\
stores:
  - {{id: shop, kind: sql, url: "sqlite:///{path}"}}
datasets:
  - {{id: shop.orders, store: shop, table: orders, system: sepp, role: record, class: TXN, zone: Asia/Shanghai,
      clock: {{columns: [completed_at]}}, subject: customer}}
  - {{id: shop.mart, store: shop, table: mart, system: sepp, role: copy, class: TXN, zone: Asia/Shanghai,
      clock: {{columns: [completed_at]}}, subject: customer, key: [id]}}
  - {{id: shop.profiles, store: shop, table: profiles, system: sepp, role: record, class: PROFILE, zone: Asia/Shanghai,
      clock: {{columns: [seen_at]}}, subject: customer, key: [customer]}}
"""


def view(who: str, day: str, number: int = 0, **fields: str) -> bytes:
    """Return an event of the service log."""
    event = {
        "event_id": f"{who}/{day}/{number}",
        "system": "sepp",
        "event_type": "page_view",
        "event_time": f"{day}T12:00:00+08:00",
        "subject": {"account": who},
        "fields": {"page_url": "/goods/1", **fields},
    }
    return json.dumps(event).encode()


def order(who: str, day: str) -> bytes:
    """Return an order that says when it was completed."""
    line = step("order_closed", day, order=f"{who}-{day}", transaction_completed_at=f"{day}T12:00:00+08:00")
    return line.replace(b'"u1"', json.dumps(who).encode())


def arrive(home: Path, lines: Sequence[bytes], stream: str = "service-logs") -> None:
    """Run events into the lake, as of 13 November; people have authorized it."""
    source = home.parent / f"{stream}-{len(list(home.parent.iterdir()))}.ndjson"
    source.write_bytes(b"\n".join(lines))
    more = ("--authorization", "operator", "--authorized-systems", "sepp") if stream == "service-logs" else ()
    options = ("--from", f"files:{source}", "--now", "2026-11-13T00:00:00Z", "--drain", *more)
    result = call(home, "run", stream, *options)
    assert result.exception is None, result.exception


@pytest.fixture(scope="module", autouse=True)
def _in_november() -> Iterator[None]:
    """Let it be two weeks after the events: half a year later they are due without an ending."""
    with pytest.MonkeyPatch.context() as patch:
        set_clock(patch, datetime(2026, 11, 27, 4, tzinfo=UTC))
        yield


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """Return a home of the test's own."""
    return Path(shutil.copytree(made, tmp_path / "home"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with three days of two people, each with a search and an order of last year."""
    home = tmp_path_factory.mktemp("made") / "home"
    lines = [view(who, day) for who in ("zhang.wei", "li.na") for day in DAYS]
    lines += [view(who, DAYS[0], 1, search_query="umbrella") for who in ("zhang.wei", "li.na")]
    arrive(home, lines)
    arrive(home, [order(who, "2025-06-01") for who in ("zhang.wei", "li.na")], "transactions")
    return home


def rows(home: Path, table: str = "personal/service_log") -> int:
    """Count the rows of a table."""
    return int(open_table(str(home / "lake" / table)).dataset().count_rows())


def planned(home: Path) -> tuple[Room, Plan]:
    """Plan and approve a sweep of everything."""
    room = Room(load_settings(home=home))
    plan = plan_sweep(room, now=None, by="planner", limit=ALL)
    approve_sweep(room, plan.digest, "approver")
    return room, plan


def swept(home: Path) -> dict[str, int]:
    """Plan, approve, apply, verify; return what went by dataset."""
    room, plan = planned(home)
    done = apply_here(room, plan.digest)
    report = verify_sweep(room, plan.digest)
    assert report["ok"], report
    assert certify_sweep(room, plan.digest)["plan"] == plan.digest
    return {share.dataset: done.removed(share.dataset) for share in plan.shares if done.removed(share.dataset)}


def test_of_a_cancelled_account_only_the_vaults_rows_remain(home: Path) -> None:
    """R-CANC-01: copies until the day go; later days, other people and the order stay."""
    said = call(home, "ended", "account", "--person", PERSON, "--at", AT)
    assert said.exception is None, said.exception
    assert "personal.service_log" in said.output
    assert "nobody is found in it: analytics.service_log" in said.output
    assert swept(home) == {"personal.service_log": 3}
    assert (rows(home), rows(home, "vault/transactions")) == (5, 2)
    assert swept(home) == {}


def test_letters_that_had_arrived_go_but_those_of_transactions(home: Path) -> None:
    """A letter is dated by its arrival; one of a sale stays until it is settled: it is the only record (R-RET-02)."""
    settings = load_settings(home=home)
    keyring, spec = settings.opener(), letters_spec(settings.lake)
    create_table(spec)
    table = FencedTable(spec)
    for stream, received, number in (("service_log", "2026-11-10", 1), ("service_log", "2026-11-11", 2),
                                     ("transactions", "2026-11-01", 3)):  # fmt: skip
        row = {
            "event_key": [bytes([number]) * 16],
            "received_date": [received],
            "stream": [stream],
            "probe": [keyring.event_keys(stream).subject_probe("sepp", "account", "zhang.wei")],
            "due_date": ["2026-12-10"],
        }
        columns = {name: row.get(name, [None]) for name in DEAD_LETTERS.names}
        assert table.commit(table.write_files(pa.table(columns, schema=DEAD_LETTERS)), {})
    answer(home, "ended", "account", "--person", PERSON, "--at", AT)
    assert swept(home) == {"personal.service_log": 3, "dead_letters": 1}
    assert rows(home, "dead_letters") == 2


def test_the_vaults_rows_of_a_cancelled_account_go_when_they_are_due(home: Path) -> None:
    """R-RET-02, R-RET-09: in year two they stay whoever asks, after the floor they go as all others do."""
    arrive(home, [order("zhang.wei", "2023-11-12")], "transactions")
    for scope in ("account", "orders"):
        answer(home, "ended", scope, "--person", PERSON, "--at", AT)
    assert swept(home)["vault.transactions"] == 1
    left = open_table(str(home / "lake/vault/transactions")).dataset().to_table()["due_date"].to_pylist()
    assert left == ["2028-06-02"] * 2


def test_what_returns_is_due_again(home: Path) -> None:
    """R-RET-12: the list stays, so a replay of the same events is removed by the next sweep."""
    answer(home, "ended", "account", "--person", PERSON, "--at", AT)
    swept(home)
    arrive(home, [view("zhang.wei", day) for day in DAYS])
    assert rows(home) == 5 + 2
    assert swept(home) == {"personal.service_log": 2}


def test_cleared_searches_go_and_the_other_rows_stay(home: Path) -> None:
    """R-RET-09: of the person's rows only those that hold a search."""
    answer(home, "ended", "searches", "--person", PERSON, "--at", AT)
    assert swept(home) == {"personal.service_log": 1}
    assert rows(home) == 7


def test_a_stopped_service_ends_for_everybody_and_floors_stay(home: Path) -> None:
    """R-STOP-01: both tables of both paths until the day; what nobody can tell the system of goes with its days."""
    arrive(home, [view("nobody", day).replace(b'{"account": "nobody"}', b"{}") for day in DAYS])
    answer(home, "ended", "service", "--system", "sepp", "--at", AT)
    assert swept(home) == {"personal.service_log": 6, "analytics.service_log": 2}
    assert rows(home, "vault/transactions") == 2
    answer(home, "ended", "service", "--system", "mic_global", "--at", AT)
    assert swept(home) == {}


def test_listed_after_the_plan_it_is_taken_by_the_next_one(home: Path) -> None:
    """A plan takes what was approved and counted, and nothing that is listed later."""
    answer(home, "ended", "searches", "--person", "sepp:account:li.na", "--at", AT)
    room, plan = planned(home)
    answer(home, "ended", "account", "--person", PERSON, "--at", AT)
    assert apply_here(room, plan.digest).removed("personal.service_log") == plan.due == 1
    assert verify_sweep(room, plan.digest)["ok"]
    assert swept(home) == {"personal.service_log": 3}


def test_a_stream_that_goes_on_does_not_make_the_plan_void(home: Path) -> None:
    """Late rows of others change nothing; one of the listed was not approved, so the plan is made anew."""
    answer(home, "ended", "account", "--person", PERSON, "--at", AT)
    room, plan = planned(home)
    arrive(home, [view("li.na", DAYS[0], 7)])
    assert apply_here(room, plan.digest).removed("personal.service_log") == 3
    assert verify_sweep(room, plan.digest)["ok"]
    arrive(home, [view("zhang.wei", DAYS[0], 8)])
    room, plan = planned(home)
    arrive(home, [view("zhang.wei", DAYS[0], 9)])
    with pytest.raises(RefusedError, match="plan anew"):
        apply_here(room, plan.digest)
    assert swept(home) == {"personal.service_log": 2}


def test_withdrawn_after_the_plan_it_stays(home: Path) -> None:
    """A listing that was a mistake takes nothing, approved or not."""
    number = answer(home, "ended", "account", "--person", PERSON, "--at", AT)["number"]
    room, plan = planned(home)
    assert plan.due == 3
    assert call(home, "ended", "withdraw", number).exception is None
    assert sum(o["rows"] for o in apply_here(room, plan.digest).outcomes.values()) == 0
    assert verify_sweep(room, plan.digest)["ok"]
    assert rows(home) == 8
    assert code(call(home, "ended", "withdraw", number)) == 2
    assert "Nothing is listed" in call(home, "ended", "list").output


def test_a_hold_wins_over_an_ending(home: Path) -> None:
    """R-RET-10: held rows of a cancelled account stay, and go in the first sweep after the release."""
    answer(home, "ended", "account", "--person", PERSON, "--at", AT)
    assert call(home, "hold", "place", "C-1", "--person", PERSON, "--reason", "claim").exception is None
    assert swept(home) == {}
    assert call(home, "hold", "release", "C-1").exception is None
    assert swept(home) == {"personal.service_log": 3}


def test_a_list_that_is_not_the_plans_stops_the_sweep(home: Path) -> None:
    """What the plan was made under is bound by its digest."""
    answer(home, "ended", "account", "--person", PERSON, "--at", AT)
    room, plan = planned(home)
    entry = room.ledger.entries("ending.listed")[0]
    take_payload(room.settings.ledger_url, entry.number)
    with pytest.raises(RefusedError, match="list of endings"):
        apply_here(room, plan.digest)
    assert rows(home) == 8


def test_nobody_is_named_and_mistakes_are_said(home: Path, tmp_path: Path) -> None:
    """From a file or by name; no identifier in ledger or output; a future end, nobody and no such system refused."""
    people = tmp_path / "people"
    people.write_text(f"{PERSON}\nsepp:cookie:cookie-of-wang-77\n\n", encoding="utf-8")
    listed = call(home, "ended", "account", "--subjects-from", str(people), "--at", AT)
    shown = call(home, "ledger", "show", "--json").output
    payloads = "".join(entry.payload or "" for entry in Room(load_settings(home=home)).ledger.entries())
    table = call(home, "ended", "list")
    for name in ("zhang.wei", "cookie-of-wang-77"):
        assert name not in listed.output + shown + payloads + table.output
    assert {one["dataset"] for one in answer(home, "ended", "list")["endings"]} == {
        "*", "dead_letters", "personal.equipment", "personal.service_log"
    }  # fmt: skip
    assert code(call(home, "ended", "account", "--person", PERSON, "--at", "2099-01-01T00:00:00Z")) == 3
    assert code(call(home, "ended", "account", "--at", AT)) == 2
    assert code(call(home, "ended", "account", "--person", "zhang.wei", "--at", AT)) == 2
    assert code(call(home, "ended", "service", "--system", "nobody", "--at", AT)) == 2
    assert code(call(home, "ended", "orders", "--person", "sepp:cookie:cookie-of-wang-77", "--at", AT)) == 2
    people.write_text("\n", encoding="utf-8")
    assert code(call(home, "ended", "account", "--subjects-from", str(people), "--at", AT)) == 2


@pytest.mark.parametrize("stream", STREAMS)
def test_no_table_of_the_lake_but_the_vault_holds_transactions(stream: str) -> None:
    """So who cleared orders is in no analytics table from the beginning (R-RET-09)."""
    catalogue = load_catalogue()
    held = [*catalogue.stream_fields(stream), *(catalogue.inventory[name] for name in catalogue.event_types(stream))]
    assert not [row.field for row in held if row.retention == "TXN"]


def test_a_plan_needs_no_root_key_where_no_database_is_registered(home: Path) -> None:
    """The lake's tables hold tokens and probes as they stand in the list, and the ledger's own class has a floor."""
    answer(home, "ended", "account", "--person", PERSON, "--at", AT)
    (home / "root.key").unlink()
    assert answer(home, "sweep", "plan", "--limit-share", "1")["due"] == 3


def test_only_a_database_in_which_somebody_may_be_found_needs_the_root_key(tmp_path: Path) -> None:
    """R-RET-09: orders that were cleared are no matter of profiles; the mart cannot be planned without the keyring."""
    make_room(tmp_path, register=REGISTER)
    query(tmp_path, "DROP TABLE order_lines")
    query(tmp_path, "CREATE TABLE mart AS SELECT id, customer, completed_at FROM orders")
    query(tmp_path, "CREATE TABLE profiles(customer TEXT PRIMARY KEY, seen_at TEXT)")
    assert call(tmp_path, "keys", "init").exception is None
    answer(tmp_path, "ended", "orders", "--person", "sepp:account:customer-3", "--at", AT)
    (tmp_path / "root.key").unlink()
    assert call(tmp_path, "sweep", "plan", "--dataset", "shop.profiles").exception is None
    assert code(call(tmp_path, "sweep", "plan", "--dataset", "shop.mart")) == 1


SYSTEMS = """\
stores:
  - {{id: shop, kind: sql, url: "sqlite:///{path}"}}
datasets:
  - {{id: shop.members, store: shop, table: members, system: all, systems: origin, role: record, class: PROFILE,
      zone: Asia/Shanghai, clock: {{columns: [seen_at]}}, subject: customer, key: [id]}}
  - {{id: shop.mixed, store: shop, table: mixed, system: all, role: copy, class: PROFILE,
      zone: Asia/Shanghai, clock: {{columns: [seen_at]}}, subject: customer, key: [id]}}
"""


def test_the_same_name_in_another_system_is_somebody_else(tmp_path: Path) -> None:
    """R-CANC-01: in a table of several systems an account is one of its row's system; without that nobody is found."""
    make_room(tmp_path, register=SYSTEMS)
    query(tmp_path, "CREATE TABLE members(id INTEGER PRIMARY KEY, customer TEXT, origin TEXT, seen_at TEXT)")
    for number, (who, origin) in enumerate((("zhang.wei", "sepp"), ("zhang.wei", "mic_global"), ("li.na", "sepp"))):
        query(tmp_path, f"INSERT INTO members VALUES ({number}, '{who}', '{origin}', '2026-05-01 10:00:00')")
    query(tmp_path, "CREATE TABLE mixed AS SELECT id, customer, seen_at FROM members")
    assert call(tmp_path, "keys", "init").exception is None
    listed = answer(tmp_path, "ended", "account", "--person", PERSON, "--at", AT)
    assert listed["datasets"] == ["shop.members"]
    assert "shop.mixed" in listed["without_subject"]
    assert swept(tmp_path) == {"shop.members": 1}
    assert query(tmp_path, "SELECT id FROM members ORDER BY 1") == [(1,), (2,)]


def test_databases_by_keyed_names(tmp_path: Path) -> None:
    """R-RET-09: cleared in month 10, gone from the copy, the record due after three years; profiles end too."""
    make_room(tmp_path, register=REGISTER)
    query(tmp_path, "DROP TABLE order_lines")
    query(tmp_path, "CREATE TABLE mart AS SELECT id, customer, completed_at FROM orders")
    query(tmp_path, "UPDATE mart SET completed_at = '2026-01-05 10:00:00'")
    query(tmp_path, "UPDATE orders SET completed_at = '2026-01-05 10:00:00'")
    query(tmp_path, "CREATE TABLE profiles(customer TEXT PRIMARY KEY, seen_at TEXT)")
    for number, seen in enumerate(("2026-11-01", "2026-11-09", "2026-11-11", "2026-11-02")):
        query(tmp_path, f"INSERT INTO profiles VALUES ('customer-{number}', '{seen} 10:00:00')")
    assert call(tmp_path, "keys", "init").exception is None
    answer(tmp_path, "ended", "orders", "--person", "sepp:account:customer-3", "--at", AT)
    assert swept(tmp_path) == {"shop.mart": 40}
    people = [f"--person=sepp:account:customer-{number}" for number in (1, 2)]
    assert answer(tmp_path, "ended", "account", *people, "--at", AT)["datasets"] == ["shop.mart", "shop.profiles"]
    assert swept(tmp_path) == {"shop.mart": 80, "shop.profiles": 1}
    assert query(tmp_path, "SELECT customer FROM profiles ORDER BY 1") == [
        ("customer-0",), ("customer-2",), ("customer-3",)
    ]  # fmt: skip
    assert query(tmp_path, "SELECT count(*) FROM orders") == [(400,)]
    room = Room(load_settings(home=tmp_path))
    for instant, due in (("2029-01-05T15:59:59+00:00", 0), ("2029-01-05T16:00:00+00:00", 400)):
        forecast = plan_sweep(room, now=datetime.fromisoformat(instant), by="a", limit=ALL, record=False)
        assert forecast.share("shop.orders").due == due
    held = Hold("c", "shop.mart", "subject", frozenset({"customer-4"}))
    place_hold(room.ledger, held, by="wu", reason="claim", wall=wall_clock())
    answer(tmp_path, "ended", "orders", "--person", "sepp:account:customer-4", "--at", AT)
    assert swept(tmp_path) == {}
    assert "every one as registered" in call(tmp_path, "datasets", "check").output
