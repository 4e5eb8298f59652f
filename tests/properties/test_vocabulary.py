"""What holds of every treatment that a pack can choose: the golden case's site has a field for each.

A treatment is run as the engine runs it: over distinct values, under a key of its own if it needs one.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from governance.keys import TokenKey
from governance.policy.keyed import Keyed
from governance.policy.treatments import Pseudonymize, Reject, Suppress
from tests.transforms.deid.chain import NOBODY, Chain
from tests.transforms.deid.conftest import WALL
from tests.transforms.deid.every import CATALOGUE, EVERYBODY, fixed_keyring, read
from tests.transforms.deid.treatments.keys import key
from transforms.deid.treatments.keyed import Beside, bind_keyed
from transforms.deid.treatments.registry import Context, bind, columns_of, in_stream

if TYPE_CHECKING:
    from governance.policy import Row
    from transforms.deid.gate import Authorization
    from transforms.deid.plan import Plan, Step

PACK = CATALOGUE.pack("every_2024")
assert PACK is not None
ROWS = [row for row in CATALOGUE.stream_fields("service_log") if row.field in PACK.names]
TEXTS = [row for row in ROWS if row.type == "text" and not isinstance(in_stream(row.analytics), Suppress | Reject)]
VALUES = st.one_of(
    st.none(),
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.sampled_from(["", "13800138000", "CN", "Nanjing", "8 GB", "1,280.50", "E42: no", "Chrome/99", "/a?b", "\0"]),
    st.ip_addresses().map(str),
    st.dates().map(date.isoformat),
    st.datetimes(timezones=st.timezones()).map(lambda instant: instant.isoformat()),
    st.tuples(st.floats(-90, 90), st.floats(-180, 180)).map(lambda point: f"{point[0]:.5f},{point[1]:.5f}"),
)


def treated(row: Row, texts: list[str | None]) -> list[tuple[Any, ...]]:
    """Return what a field's columns hold of each value; all values are one subject's, of one day."""
    values = pa.array(texts, pa.string())
    if isinstance(row.analytics, Pseudonymize):
        assert row.token_kind is not None
        columns = [pa.array(TokenKey(bytes(32), row.token_kind, "2026H2").tokens(texts), pa.string())]
    elif isinstance(row.analytics, Keyed):
        beside = Beside(["li"] * len(texts), ["2026-11-22"] * len(texts))
        columns = [bind_keyed(row.analytics, row).treat(values, key(), beside)]
    else:
        columns = list(bind(row.analytics, Context(row, PACK.url_templates))(values))
    assert [column.type for column in columns] == [column.type for column in columns_of(row.analytics, row)]
    assert all(len(column) == len(texts) for column in columns)
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


@pytest.mark.parametrize("row", [pytest.param(row, id=row.field) for row in TEXTS])
def test_a_value_is_treated_for_itself(row: Row) -> None:
    """Whatever the texts, each gives what it gives alone, of the promised types: order and company tell nothing."""

    @settings(deadline=None, max_examples=15)  # the first call may load a table
    @given(st.lists(VALUES, min_size=1, max_size=5), st.randoms(use_true_random=False))
    @example(["13800138000", "a" * 5000, "１３８", "张伟", "", None], random.Random(1))
    def check(texts: list[str | None], shuffle: random.Random) -> None:
        results = treated(row, texts)
        assert results == [treated(row, [text])[0] for text in texts]
        order = list(range(len(texts)))
        shuffle.shuffle(order)
        assert treated(row, [texts[place] for place in order]) == [results[place] for place in order]
        for text, result in zip(texts, results, strict=True):
            assert text is not None or set(result) == {None}

    check()


def test_what_is_destroyed_has_no_column() -> None:
    """Suppressed and rejected fields, and those that need a count of rows, have no way out of the stream."""
    silent = {row.field for row in ROWS if isinstance(in_stream(row.analytics), Suppress | Reject)}
    assert silent == {"suppressed", "rejected", "common_drop"}
    assert all(columns_of(row.analytics, row) == () for row in ROWS if row.field in silent)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Return the steps over the golden case's site."""
    return Chain(fixed_keyring(tmp_path_factory.mktemp("keyring")), WALL, catalogue=CATALOGUE)


@pytest.mark.parametrize("authorization", [NOBODY, EVERYBODY], ids=["anonymous", "personal"])
def test_the_order_of_events_makes_no_difference(chain: Chain, authorization: Authorization) -> None:
    """The golden case's events in any order, and in bundles of any size, make the same rows."""
    events = read("input")
    whole = rows(chain, events, authorization)
    for seed in range(2):
        random.Random(seed).shuffle(events)
        assert rows(chain, events, authorization) == whole
        parts = [rows(chain, events[at : at + 20], authorization) for at in range(0, len(events), 20)]
        assert sorted(row for part in parts for row in part) == sorted(whole)


def rows(chain: Chain, events: list[dict[str, Any]], authorization: Authorization) -> list[tuple[Any, ...]]:
    """Return the rows of both tables in their order, without columns that are null."""
    return [
        tuple((column, str(value)) for column, value in row.items() if value is not None)
        for table in chain.run(events, authorization).outputs.values()
        for row in table.to_pylist()
    ]


def test_work_is_done_once_for_each_distinct_value(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 600 events with three values a field, two subjects and two days, no treatment sees more than it must."""
    seen: Counter[str] = Counter()
    tokens = TokenKey.tokens

    def counted_tokens(self: TokenKey, values: list[str | None], generation: int = 0) -> list[str | None]:
        seen["tokens"] += len(values)
        return tokens(self, values, generation)

    plain = {event["event_id"]: event["fields"] for event in read("input")}
    kinds = [plain[name] for name in ("t01-plain", "t02-same-subject", "t09-cjk")]
    events = [
        {
            "event_id": f"d{number}",
            "system": "every",
            "event_type": "page_view",
            "event_time": f"2026-11-2{number % 2}T12:00:00+08:00",
            "subject": {"account": f"u{number % 4 // 2}"},
            "fields": kinds[number % 3],
            "meta": {"source": "own"},
        }
        for number in range(600)
    ]
    chain.run(events[:1], EVERYBODY)  # compiles the plan
    plans = chain._engine._plans
    monkeypatch.setattr(chain._engine, "_plans", {at: counted(plan, seen) for at, plan in plans.items()})
    monkeypatch.setattr(TokenKey, "tokens", counted_tokens)
    assert chain.run(events, EVERYBODY).outputs["personal"].num_rows == 600
    named = {step.source: step for plan in plans.values() for step in plan.steps}
    assert seen.keys() >= {source for source, step in named.items() if step.token_kind is None}
    for source, number in seen.items():
        if source == "tokens":  # four fields, and the subject
            assert number <= 4 * 3 + 2
        else:
            keyed = named[source].keyed
            assert number <= 3 * (2 if keyed and keyed.by_subject else 1) * (2 if keyed and keyed.by_day else 1)


def counted(plan: Plan, seen: Counter[str]) -> Plan:
    """Return a plan that counts the values that its treatments are handed."""
    return replace(plan, steps=tuple(_counted(step, seen) for step in plan.steps))


def _counted(step: Step, seen: Counter[str]) -> Step:
    def treat(values: pa.Array) -> tuple[pa.Array, ...]:
        seen[step.source] += len(values)
        return step.treat(values)

    def treat_keyed(values: pa.Array, *rest: Any) -> pa.Array:
        seen[step.source] += len(values)
        assert step.keyed is not None
        return step.keyed.treat(values, *rest)

    return replace(step, treat=treat, keyed=step.keyed and replace(step.keyed, treat=treat_keyed))
