"""Synthetic orders: reproducible, alive, in two languages, and with what must never have been sent."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.errors import UsageError
from governance.policy import load_catalogue
from pipelines.synthetic import transactions

CATALOGUE = load_catalogue()
START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = timedelta(days=90)


def lines(n: int, seed: int = 3, **options: Any) -> list[bytes]:
    """Return `n` lines over 90 days."""
    return list(transactions(n, seed, START, CATALOGUE, **{"span": DAYS, **options}))


def test_the_same_arguments_make_the_same_bytes() -> None:
    """Two calls agree byte for byte; another seed does not; the number is exact."""
    assert lines(500) == lines(500)
    assert lines(500) != lines(500, 4)
    assert [len(lines(n)) for n in (0, 1, 7)] == [0, 1, 7]


def test_orders_live_in_time() -> None:
    """Events come in the order of their times within the span; an order is created before anything else happens."""
    events = [json.loads(line) for line in lines(3000, defects=0.0)]
    times = [event["event_time"] for event in events]
    assert times == sorted(times)
    assert times[-1] < (START + DAYS).strftime("%Y-%m-%dT%H:%M:%SZ")
    lives = defaultdict(list)
    for event in events:
        lives[event["fields"]["order_number"]].append(event["event_type"])
    assert all(life[0] == "order_created" for life in lives.values())
    kinds = Counter(event["event_type"] for event in events)
    assert set(kinds) == {
        "order_created", "order_paid", "order_delivered", "order_refunded", "order_disputed", "dispute_closed",
        "order_closed",
    }  # fmt: skip
    assert len({event["event_id"] for event in events}) == 3000


def test_people_write_in_their_language() -> None:
    """Chinese and English goods, names and addresses; every system speaks."""
    events = [json.loads(line) for line in lines(2000, defects=0.0)]
    text = json.dumps(events, ensure_ascii=False)
    assert "水泵" in text
    assert "centrifugal pump" in text
    assert {event["system"] for event in events} == CATALOGUE.systems


def test_prohibited_fields_now_and_then() -> None:
    """About one order in fifty carries a field that must be destroyed."""
    events = [json.loads(line) for line in lines(5000, defects=0.0)]
    hidden = {"bank_card_number", "credit_card", "password", "facial_feature", "id_card_number", "aml_info"}
    bad = sum(bool(hidden & set(event["fields"])) for event in events)
    orders = len({event["fields"]["order_number"] for event in events})
    assert 0.005 < bad / orders < 0.04


def test_one_system_only() -> None:
    """Systems can be chosen; one without orders is refused."""
    assert {json.loads(line)["system"] for line in lines(50, systems=["sepp"], defects=0.0)} == {"sepp"}
    with pytest.raises(UsageError):
        lines(5, systems=["nobody"])
