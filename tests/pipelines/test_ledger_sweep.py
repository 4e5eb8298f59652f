"""The ledger's own payloads go three years after their last use, by the same sweep; its chain stays whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from governance.errors import RefusedError
from governance.ledger import Ledger
from governance.ledger import store as ledger_store
from pipelines.cli import ebb
from pipelines.settings import Settings, load_settings, wall_clock
from pipelines.sweep_room import Room
from pipelines.sweeping import approve_sweep, certify_sweep, plan_sweep, verify_sweep
from retention.endings import Ending
from retention.holds import Hold
from retention.ledger_use import LEDGER, in_use
from retention.plan import Limit, Plan, make_plan
from retention.sweeps import (
    endings_at,
    find_sweep,
    holds_at,
    list_ending,
    list_sweeps,
    place_hold,
    record_plan,
    release_holds,
)
from tests.pipelines.calling import call, code
from tests.postgresql import as_role, own_database, own_roles, take_payload
from tests.retention.rooms import apply_here

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ALL = Limit(share=1.0)
NOW = wall_clock()
MARK = "customer-who-is-marked"


@dataclass
class Past:
    """A ledger with entries of years ago, and which of them must stay."""

    room: Room
    done: Plan
    flying: Plan
    stay: set[int]
    gone: set[int]


def years(number: float) -> datetime:
    """Return an instant so many years ago, and a day, so that no leap day matters."""
    return NOW - timedelta(days=365.25 * number + 2)


def small_plan(wall: datetime) -> Plan:
    """Return a plan without datasets."""
    digests = {"register": "r", "policy": "p", "holds": "h", "endings": "e"}
    return make_plan([], now=wall, wall=wall, drill=False, by="lin", digests=digests, limit=ALL)


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings with an empty ledger: a file, or where the test asks for it a server's, worked on as `ops`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield load_settings(home=tmp_path)
        return
    server = request.getfixturevalue("postgresql")
    with own_roles(server, "ops") as roles, own_database(server) as url:
        Ledger.open(url)
        ledger_store.grant(url, roles["ops"], "ops")
        yield load_settings(home=tmp_path, ledger_url=as_role(url, roles["ops"]))


@pytest.fixture
def past(settings: Settings) -> Past:
    """Sweeps and cases of all kinds, recorded between six years ago and yesterday."""
    ledger = Ledger.open(settings.ledger_url)
    stay: set[int] = set()
    gone: set[int] = set()

    def add(numbers: set[int], kind: str, reference: str, content: dict[str, Any], ago: float) -> None:
        numbers.add(ledger.append(kind, reference, content, years(ago)).number)

    def hold(numbers: set[int], case: str, ago: float) -> None:
        place_hold(ledger, Hold(case, "*", "subject", frozenset({MARK})), by="wu", reason="claim", wall=years(ago))
        numbers.add(ledger.head()[0])

    done, flying = small_plan(years(6)), small_plan(years(5.2))
    record_plan(ledger, done, years(6))
    gone.add(ledger.head()[0])
    name = {"dataset": "d", "part": "2020-01", "rows": 1}
    for kind in ("sweep.approval", "sweep.intent"):
        add(gone, kind, done.digest, {**name, "by": "lin"}, 5.99)
    add(gone, "sweep.outcome", done.digest, {**name, "children": 0, "kept": 0}, 5.98)
    add(gone, "sweep.applied", done.digest, {"rows": 1}, 5.97)
    hold(stay, "STANDS", 5.9)
    hold(gone, "OVER", 5.8)
    add(gone, "keys.destroyed", "a-keyring", {"keys": []}, 5.7)
    hold(stay, "LATE", 5.6)
    record_plan(ledger, flying, years(5.2))
    stay.add(ledger.head()[0])
    add(stay, "sweep.approval", flying.digest, {"by": "lin"}, 5.19)
    add(stay, "sweep.intent", flying.digest, name, 5.18)
    add(gone, "hold.released", "OVER", {"by": "wu"}, 4)
    add(stay, "hold.released", "LATE", {"by": "wu"}, 1)
    for _ in range(3):
        add(stay, "noise", "x", {}, 0)
    return Past(Room(settings), done, flying, stay, gone)


def payloads(room: Room) -> set[int]:
    """Return the numbers of entries whose payload is there."""
    return {entry.number for entry in room.ledger.entries() if entry.payload is not None}


def swept(room: Room, only: Sequence[str] = ()) -> Plan:
    """Plan, approve, apply and verify."""
    plan = plan_sweep(room, now=None, by="a", limit=ALL, only=only)
    approve_sweep(room, plan.digest, "b")
    apply_here(room, plan.digest)
    report = verify_sweep(room, plan.digest)
    assert report["ok"], report
    return plan


@pytest.mark.parametrize("settings", ["sqlite", "postgresql"], indirect=True)
def test_what_is_due_goes_and_what_is_in_use_stays(past: Past) -> None:
    """Finished sweeps and released cases go whole; standing cases, late releases and unfinished sweeps stay."""
    room, before = past.room, past.room.ledger.head()
    plan = swept(room)
    share = plan.share(LEDGER)
    assert share.retention == "GOV"
    assert share.due == len(past.gone)
    assert share.count("case") == len(past.stay) - 3
    assert payloads(room) & set(range(1, before[0] + 1)) == past.stay
    assert room.ledger.first_broken() is None
    assert room.ledger.first_broken(before) is None
    assert {hold.case for hold in holds_at(room.ledger)} == {"STANDS"}
    signed = certify_sweep(room, plan.digest)
    (entry,) = [one for one in signed["datasets"] if one["dataset"] == LEDGER]
    assert (entry["removed"], entry["class"]) == (len(past.gone), "GOV")
    assert MARK not in json.dumps(signed)
    assert plan_sweep(room, now=None, by="a", limit=ALL).share(LEDGER).due == 0


def test_lists_and_pages_cope_with_payloads_that_are_gone(past: Past) -> None:
    """The plan that went is said to have gone; lists show what is there; a certificate of before is no more."""
    room = past.room
    swept(room)
    with pytest.raises(RefusedError, match="deleted from the ledger when it was due"):
        find_sweep(room.ledger, past.done.digest)
    listed = {sweep.digest: sweep.state for sweep in list_sweeps(room.ledger)}
    assert past.done.digest not in listed
    assert listed[past.flying.digest] == "applying"
    home = str(room.settings.home)
    for command in (["sweep", "list"], ["hold", "list"], ["ledger", "verify"], ["ledger", "show", "--json"]):
        result = CliRunner().invoke(ebb, [*command, "--home", home])
        assert result.exit_code == 0, result.output
        assert MARK not in result.output


def test_a_released_case_goes_three_years_later(past: Past) -> None:
    """What stood is due after its release has lasted three years, and not a day before."""
    ledger = past.room.ledger
    release_holds(ledger, "STANDS", by="wu", wall=wall_clock())
    cases = {hold.case for hold in in_use(ledger, wall_clock() + timedelta(days=3 * 365))}
    assert "STANDS" in cases
    cases = {hold.case for hold in in_use(ledger, wall_clock() + timedelta(days=3 * 365 + 3))}
    assert "STANDS" not in cases


def test_what_is_listed_outlives_the_sweep_of_the_ledger_while_a_case_stands(tmp_path: Path) -> None:
    """R-RET-10: an ending of five years ago stays, and counts, until the case is over for three years."""
    room = Room(load_settings(home=tmp_path))
    place_hold(room.ledger, Hold("C", "*", "dataset"), by="wu", reason="claim", wall=years(5.5))
    ending = Ending("e1", "account", "*", years(5), frozenset({MARK}))
    list_ending(room.ledger, ending, by="lin", wall=years(5))
    assert swept(room, only=(LEDGER,)).due == 0
    release_holds(room.ledger, "C", by="wu", wall=wall_clock())
    assert swept(room, only=(LEDGER,)).due == 0
    assert endings_at(room.ledger, wall_clock()) == [ending]


def test_a_case_whose_list_was_removed_stops_every_sweep(past: Past) -> None:
    """One sentence with the case and what to do, exit 1; the list of sweeps is there all the same."""
    (standing,) = past.room.ledger.entries("hold.placed", "STANDS")
    take_payload(past.room.settings.ledger_url, standing.number)
    home = past.room.settings.home
    for command in (["sweep", "plan"], ["hold", "list"]):
        result = call(home, *command)
        assert code(result) == 1
        assert "case STANDS stands" in str(result.exception)
    assert call(home, "sweep", "list").exception is None
    assert call(home, "hold", "release", "STANDS").exception is None
    assert call(home, "hold", "list").exception is None


def test_the_default_limit_refuses_a_sweep_of_most_of_the_ledger(past: Past) -> None:
    """A quarter of the ledger is as suspicious as a quarter of a table."""
    plan = plan_sweep(past.room, now=None, by="a", limit=Limit(share=0.05), only=(LEDGER,))
    approve_sweep(past.room, plan.digest, "b")
    before = payloads(past.room)
    with pytest.raises(RefusedError, match=r"over the limit, nothing was deleted: ledger\.payloads"):
        apply_here(past.room, plan.digest)
    assert payloads(past.room) == before


def test_killed_before_its_outcome_is_recorded_it_counts_once(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are gone, the outcome is not written: the next apply finishes, with the plan's numbers."""
    room = past.room
    plan = plan_sweep(room, now=None, by="a", limit=ALL, only=(LEDGER,))
    approve_sweep(room, plan.digest, "b")
    real = Ledger.append

    def dying(self: Ledger, kind: str, *rest: Any) -> Any:
        if kind == "sweep.outcome":
            raise KeyboardInterrupt
        return real(self, kind, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append", dying)
        with pytest.raises(KeyboardInterrupt):
            apply_here(room, plan.digest)
    assert apply_here(room, plan.digest).removed(LEDGER) == plan.due == len(past.gone)
    assert verify_sweep(room, plan.digest)["ok"]


def test_a_hold_placed_after_the_plan_keeps_entries(past: Past) -> None:
    """A case on records of the ledger itself wins, as everywhere."""
    room = past.room
    plan = plan_sweep(room, now=None, by="a", limit=ALL, only=(LEDGER,))
    approve_sweep(room, plan.digest, "b")
    number = min(past.gone)
    place_hold(
        room.ledger, Hold("C", LEDGER, "record", frozenset({str(number)})), by="a", reason="claim", wall=wall_clock()
    )
    assert apply_here(room, plan.digest).removed(LEDGER) == len(past.gone) - 1
    assert verify_sweep(room, plan.digest)["ok"]
    assert number in payloads(room)


def test_nothing_of_a_deleted_payload_is_left_in_the_file(tmp_path: Path) -> None:
    """Neither the file nor its write-ahead log holds whom a released case listed."""
    settings = load_settings(home=tmp_path)
    room = Room(settings)
    hold = Hold("OVER", "*", "subject", frozenset({MARK}))
    place_hold(room.ledger, hold, by="wu", reason="claim", wall=years(6))
    release_holds(room.ledger, "OVER", by="wu", wall=years(5))
    stored = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(MARK.encode() in path.read_bytes() for path in stored)
    swept(room, only=(LEDGER,))
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or MARK.encode() not in path.read_bytes(), path


def test_without_a_ledger_nothing_breaks(tmp_path: Path) -> None:
    """Listing and checking make none; the first plan makes it, and finds nothing in it."""
    home = tmp_path / "home"
    home.mkdir()
    for command in ("list", "check"):
        result = CliRunner().invoke(ebb, ["datasets", command, "--home", str(home)])
        assert result.exit_code == 0, result.output
    assert list(home.iterdir()) == []
    plan = plan_sweep(Room(load_settings(home=home)), now=None, by="a", limit=Limit())
    assert plan.share(LEDGER).rows == 0
    assert datetime.now(tz=UTC) < plan.expires
