"""What tests of sweeps share: the command line with what it said, a plan that is approved, a vault with due orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipelines.sweeping import approve_sweep, certify_sweep, plan_sweep, verify_sweep
from retention.plan import Limit, Plan
from retention.sweeps import find_sweep
from retention.vault.settling import plan_settlement, settle
from tests.retention.rooms import NOW
from tests.transactions import OPS_BYTES, Place, step

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.sweep_room import Room

CUSTOMER = "customer-"


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    def is_one_sentence(self, code: int, *words: str) -> bool:
        """Assert the exit code, one line with these words on standard error, and no value or traceback."""
        lines = self.err.strip().splitlines()
        assert (self.code, len(lines)) == (code, 1), self
        assert all(word in lines[0] for word in words), self
        assert CUSTOMER not in self.err + self.out
        assert "Traceback" not in self.err
        assert "does not know" not in self.err
        return True


def planned(room: Room, **more: Any) -> Plan:
    """Plan and approve."""
    plan = plan_sweep(room, now=NOW, by="planner", limit=Limit(share=1.0), **more)
    approve_sweep(room, plan.digest, "approver")
    return plan


def is_whole(room: Room, plan: Plan) -> None:
    """Assert that the sweep came to its end: applied, verified, one certificate, every row counted once."""
    assert verify_sweep(room, plan.digest)["ok"]
    signed = certify_sweep(room, plan.digest)
    assert certify_sweep(room, plan.digest) == signed
    assert len(room.ledger.entries("sweep.certificate")) == 1
    outcomes = find_sweep(room.ledger, plan.digest).outcomes
    assert sum(int(o["rows"]) for o in outcomes.values()) == plan.due
    assert sum(e["removed"] for e in signed["datasets"]) == plan.due
    assert room.ledger.first_broken() is None


def vault_with_due_orders(home: Path, orders: int = 3, first: date = date(2020, 11, 3)) -> Place:
    """Make a vault of paid and delivered orders, one a day from `first` on, and one without a completion."""
    home.mkdir(exist_ok=True)
    received = datetime(first.year, first.month, first.day, 4, tzinfo=UTC) + timedelta(days=120)
    place = Place(home, now=received, wall=received)
    lines = [step("order_created", first.isoformat(), "B")]
    for number in range(orders):
        day, order = (first + timedelta(days=number)).isoformat(), f"A-{number}"
        lines += [step(kind, day, order) for kind in ("order_created", "order_paid", "order_delivered")]
    place.store(*lines)
    plan = plan_settlement(place.table(), received.date() + timedelta(days=1), received.date())
    settle(place.table(), plan, place.opener, place.keyring, metadata={"ebb.run": "s"})
    for name, key in (("root.key", bytes(range(100, 132))), ("ops.key", OPS_BYTES)):
        (home / name).write_text(key.hex())
        (home / name).chmod(0o600)
    return place
