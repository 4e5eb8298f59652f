"""Non-interference: who did it does not show in what every analyst sees; only what was done, and when by the hour.

Two worlds hold the same events, but for cookies, accounts, devices, the last octets of addresses, minutes within the
hour, names of events and the order of arrival. The whole chain, from lines to the anonymous table, must give the same
rows in both, tokens aside; and tokens must group the rows of each world as that world's identifiers do.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from governance.keys import Keyring, OpsKey, RootKey
from governance.policy.treatments import Pseudonymize
from tests.transforms.deid.chain import CATALOGUE, Chain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transforms.deid.events import Batch

WALL = datetime(2026, 11, 23, 4, tzinfo=UTC)
STREAMS = ("service_log", "equipment")
TOKENS = {
    row.field
    for stream in STREAMS
    for row in CATALOGUE.stream_fields(stream)
    if isinstance(row.treatment("anonymous"), Pseudonymize)
}
PLAIN = {
    "page_url": ["/buy/steel.html", "/u/7?sid=1", None],
    "user_agent": ["Mozilla/5.0 (Windows NT 10.0) Chrome/120.0", None],
    "http_status": [200, 404],
    "os_version": ["Android 12.1", "iOS 17"],
    "device_model": ["SM-G973F", "iPhone 12"],
    "memory_info": ["8 GB", None],
}
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=12)
octets = st.integers(0, 255)


@st.composite
def deeds(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw what happened: everything that may show."""
    fields = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in PLAIN.items()})
    deed = st.fixed_dictionaries(
        {
            "system": st.sampled_from(sorted(CATALOGUE.systems)),
            "type": st.integers(0, 20),
            "day": st.integers(18, 22),
            "hour": st.integers(0, 23),
            "net": st.tuples(st.integers(1, 223), octets),
            "fields": fields,
            "with": st.frozensets(st.sampled_from(["cookie_id", "device_id", "mac_address", "remote_user"])),
        }
    )
    return draw(st.lists(deed, min_size=1, max_size=12))


@st.composite
def actors(draw: st.DrawFn, number: int) -> list[dict[str, Any]]:
    """Draw who did it and all that must not show."""
    people = draw(st.lists(words, min_size=1, max_size=3, unique=True))
    actor = st.fixed_dictionaries(
        {
            "who": st.sampled_from(people),
            "id": st.uuids(),
            "clock": st.tuples(st.integers(0, 59), st.integers(0, 59), st.integers(0, 999999)),
            "host": st.tuples(octets, octets),
            "known_as": st.frozensets(st.sampled_from(["account", "cookie", "device"])),
            "place": st.integers(),
        }
    )
    return draw(st.lists(actor, min_size=number, max_size=number))


@st.composite
def two_worlds(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Draw one list of deeds and two lists of those who did them."""
    done = draw(deeds())
    return done, draw(actors(len(done))), draw(actors(len(done)))


def world(stream: str, done: Sequence[dict[str, Any]], by: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events of one world, in its own order of arrival."""
    allowed = {row.field for row in CATALOGUE.stream_fields(stream)}
    events = []
    for deed, actor in zip(done, by, strict=True):
        minute, second, micro = actor["clock"]
        address = ".".join(map(str, (*deed["net"], *actor["host"])))
        fields = deed["fields"] | {"ip_address": address} | dict.fromkeys(deed["with"], actor["who"])
        types = event_types(stream, deed["system"])
        events.append(
            {
                "event_id": str(actor["id"]),
                "system": deed["system"],
                "event_type": types[deed["type"] % len(types)],
                "event_time": f"2026-11-{deed['day']}T{deed['hour']:02d}:{minute:02d}:{second:02d}.{micro:06d}Z",
                "subject": dict.fromkeys(actor["known_as"], actor["who"]),
                "fields": {name: value for name, value in fields.items() if name in allowed and value is not None},
            }
        )
    order = sorted(range(len(events)), key=lambda number: by[number]["place"])
    return [events[number] for number in order]


@cache
def event_types(stream: str, system: str) -> list[str]:
    """Return the event types of a stream that the system's policy names today."""
    pack = CATALOGUE.pack_at(system, WALL)
    assert pack is not None
    return sorted(CATALOGUE.event_types(stream) & pack.names)


@cache
def chain(stream: str) -> Chain:
    """Return one chain over a keyring of its own."""
    return Chain(_keyring(), WALL, stream)


@cache
def _keyring() -> Keyring:
    made = Keyring.create(f"sqlite:///{Path(mkdtemp()) / 'keyring.sqlite'}", RootKey(bytes(range(32))))
    made.set_ops_public(OpsKey(bytes(range(1, 33))).public())
    return made


def visible(batch: Batch) -> Counter[tuple[Any, ...]]:
    """Return the rows as a multiset: every column but the key, and of a token only whether there is one."""
    rows = batch.outputs["anonymous"].drop_columns(["event_key"]).to_pylist()
    shown = [{k: v is not None if k in TOKENS else v for k, v in row.items()} for row in rows]
    return Counter(tuple(sorted((k, v) for k, v in row.items() if v not in (None, False))) for row in shown)


@given(two_worlds())
@settings(deadline=None, max_examples=30)
def test_who_did_it_does_not_show(worlds: tuple[list, list, list]) -> None:
    """Two worlds that differ in people, minutes, last octets and order have the same anonymous table (R-COMB-05)."""
    done, these, those = worlds
    for stream in STREAMS:
        one, two = (chain(stream).run(world(stream, done, by)) for by in (these, those))
        assert one.dead_letters == two.dead_letters == []
        assert one.outputs["personal"].num_rows == two.outputs["personal"].num_rows == 0
        assert set(one.outputs["anonymous"].column_names) == set(two.outputs["anonymous"].column_names)
        assert visible(one) == visible(two)
        assert sum(visible(one).values()) == len(done)


@given(two_worlds())
@settings(deadline=None, max_examples=30)
def test_tokens_of_two_days_have_nothing_in_common(worlds: tuple[list, list, list]) -> None:
    """Within a +08:00 day and a system a token stands for one identifier; across days and systems none recurs."""
    done, by, _ = worlds
    same = [actor | {"who": by[0]["who"]} for actor in by]
    rows = chain("service_log").run(world("service_log", done, same)).outputs["anonymous"].to_pylist()
    for name in TOKENS & set(rows[0]):
        seen: dict[tuple[str, str], set[str]] = {}
        for row in rows:
            if row[name] is not None:
                seen.setdefault((row["event_date"], row["system"]), set()).add(row[name])
        assert all(len(tokens) == 1 for tokens in seen.values())
        tails = [token.rpartition(".")[2] for tokens in seen.values() for token in tokens]
        assert len(set(tails)) == len(tails)
        assert all(token.startswith(f"v1.{date}.") for (date, _), tokens in seen.items() for token in tokens)


@given(two_worlds(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_the_order_of_arrival_leaves_no_trace(worlds: tuple[list, list, list], shuffle: Any) -> None:
    """The same events in any order make the same table, row for row and key for key."""
    done, by, _ = worlds
    by = [actor | {"id": f"{actor['id']}-{number}"} for number, actor in enumerate(by)]
    events = world("service_log", done, by)
    table = chain("service_log").run(events).outputs["anonymous"]
    shuffle.shuffle(events)
    assert chain("service_log").run(events).outputs["anonymous"].equals(table)
