"""The engine: what leaves it, for whom, and what never does."""

from __future__ import annotations

import io
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance.policy import PackPair
from tests.transforms.deid.chain import CATALOGUE, EVERYBODY, NOBODY, Chain
from tests.transforms.deid.conftest import WALL
from transforms.deid.engine import Engine, compile_plan, stream_schema

if TYPE_CHECKING:
    from governance.keys import Keyring
    from transforms.deid.events import Batch

SENTINEL = "Zq81357924"
TOKENS = ("subject", "cookie_id", "device_id", "mac_address", "follow_up_id", "remote_user")


def event(number: int = 1, system: str = "sepp", **changes: Any) -> dict[str, Any]:
    """Return a line of a web log; `fields` of the changes are added to its own."""
    fields = {"ip_address": "83.149.9.216", "cookie_id": "c1", "page_url": "/buy/steel.html", "os_version": "12.4"}
    base: dict[str, Any] = {
        "event_id": f"e{number}",
        "system": system,
        "event_type": "web_log",
        "event_time": "2026-11-20T05:13:22Z",
        "subject": {"account": "u7", "cookie": "c1"},
        "fields": fields | changes.pop("fields", {}),
        "meta": {"source": "own"},
    }
    return base | changes


def columns(batch: Batch, audience: str, *names: str) -> list[Any]:
    """Return the rows of an output, cut to some columns, the only column unpacked."""
    rows = batch.outputs[audience].select(list(names)).to_pylist()
    return [row[names[0]] if len(names) == 1 else tuple(row.values()) for row in rows]


def test_a_row_begins_with_what_every_table_has(chain: Chain) -> None:
    """The fixed columns hold date and hour in +08:00, the policy and the day the row is due."""
    batch = chain.run([event(event_time="2026-11-20T16:30:59Z")])
    row = batch.outputs["anonymous"].to_pylist()[0]
    assert list(row)[:8] == stream_schema(CATALOGUE, "service_log").names[:8]
    assert (row["system"], row["event_type"], row["event_date"]) == ("sepp", "web_log", "2026-11-21")
    assert row["event_hour"].isoformat() == "2026-11-20T16:00:00+00:00"
    assert row["policy"] == CATALOGUE.pack("sepp").citation  # type: ignore[union-attr]
    assert row["subject"] is None
    assert row["due_date"] == "2027-05-22"
    assert row["os_version"] == "12"
    assert row["ip_address"] == "83.149.0.0/16"


def test_the_personal_row_has_a_subject(chain: Chain) -> None:
    """With authorization, account comes before cookie before device, and networks are narrower."""
    who = [{"account": "u7", "cookie": "c1"}, {"cookie": "c1", "device": "d1"}, {"device": "d1"}]
    batch = chain.run([event(number, subject=subject) for number, subject in enumerate(who)], EVERYBODY)
    assert batch.outputs["anonymous"].num_rows == 0
    subjects = columns(batch, "personal", "subject", "cookie_id")
    assert len({subject for subject, _ in subjects}) == 3
    assert sum(subject == cookie for subject, cookie in subjects) == 1
    assert all(subject.startswith("v1.2026H2.") for subject, _ in subjects)
    assert set(columns(batch, "personal", "ip_address")) == {"83.149.9.0/24"}


def test_the_remote_user_is_an_account(chain: Chain) -> None:
    """A log's remote user is the subject where the envelope names none, and links with the same account."""
    anonymous_subject = event(1, subject={}, fields={"remote_user": "u7"})
    batch = chain.run([anonymous_subject, event(2)], EVERYBODY)
    assert len(set(columns(batch, "personal", "subject"))) == 1


def test_tables_are_in_the_order_of_their_keys(chain: Chain) -> None:
    """Neither the order of arrival nor the pack leaves a trace in the order of rows."""
    systems = ["sepp", "mic_global", "index_site"]
    batch = chain.run([event(number, systems[number % 3]) for number in range(60)])
    keys = columns(batch, "anonymous", "event_key")
    assert keys == sorted(keys)
    assert len(set(keys)) == 60


def test_columns_follow_the_schema(chain: Chain) -> None:
    """Names, types and order are those of the stream, whatever packs a batch holds."""
    batch = chain.run([event(1), event(2, "mic_global"), event(3, "index_site")], EVERYBODY)
    schema = stream_schema(CATALOGUE, "service_log")
    for table in batch.outputs.values():
        assert table.column_names == [name for name in schema.names if name in table.column_names]
        assert all(table.schema.field(name).type == schema.field(name).type for name in table.column_names)


def test_nothing_raw_is_left(chain: Chain) -> None:
    """The batch gives up its raw table and its records."""
    batch = chain.run([event()])
    assert batch.raw == []
    assert batch.table.num_columns == 0
    assert batch.read == sum(table.num_rows for table in batch.outputs.values())


def test_an_empty_batch_gives_empty_tables(chain: Chain) -> None:
    """No event, no row, and the fixed columns all the same."""
    batch = chain.run([])
    assert {audience: table.num_rows for audience, table in batch.outputs.items()} == {"anonymous": 0, "personal": 0}
    assert batch.outputs["anonymous"].column_names[0] == "event_key"


@pytest.mark.parametrize("system", sorted(CATALOGUE.systems))
@pytest.mark.parametrize("authorized", [False, True])
def test_no_sentinel_leaves(chain: Chain, system: str, *, authorized: bool) -> None:
    """An identifier in every text field, and in the subject, is in no byte of either table."""
    texts = {
        row.field: f"{SENTINEL} /{SENTINEL}@x.cn 1.2.3.4"
        for row in CATALOGUE.stream_fields("service_log")
        if row.type == "text" and "reject" not in (row.analytics.do, row.anonymous.do if row.anonymous else "")
    }
    shaped = {
        "page_url": f"https://{SENTINEL}:pw@{SENTINEL}.example.com/{SENTINEL}/a;{SENTINEL}?{SENTINEL}#{SENTINEL}",
        "referrer": f"https://{SENTINEL}.example.com/{SENTINEL}.html?q={SENTINEL}",
        "user_agent": f"{SENTINEL}/1.0 CFNetwork/978.0.7 ({SENTINEL})",
        "device_model": f"SM-{SENTINEL}",
        "access_time": "2026-11-20T05:13:22Z",
    }
    # Where words are kept, what has the form of an identifier goes.
    texts |= {
        row.field: f"微信：{SENTINEL} or {SENTINEL}@x.cn, https://x.cn/?token={SENTINEL}"
        for row in CATALOGUE.stream_fields("service_log")
        if row.analytics.do == "free_text" and row.analytics.words != "drop"
    }
    subject = {"account": SENTINEL, "cookie": SENTINEL, "device": SENTINEL}
    events = [
        event(1, system, subject=subject, fields=texts),
        event(2, system, subject=subject, fields=texts | shaped),
    ]
    if authorized:
        batch = chain.run(events, EVERYBODY)
        assert batch.outputs["personal"].num_rows == 2
    else:
        batch = chain.run(events)
        assert batch.outputs["anonymous"].num_rows == 2
    for table in batch.outputs.values():
        for written in (_as_parquet(table), _as_ipc(table)):
            assert SENTINEL.encode() not in written
            assert SENTINEL.lower().encode() not in written.lower()


def _as_parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="none")
    return sink.getvalue()


def _as_ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _multiset(batch: Batch) -> Counter[tuple[Any, ...]]:
    table = batch.outputs["anonymous"].drop_columns(["event_key"])
    plain = table.select([name for name in table.column_names if name not in TOKENS])
    return Counter(tuple(row.items()) for row in plain.to_pylist())


def test_the_anonymous_table_does_not_depend_on_who(chain: Chain) -> None:
    """Another account, cookie, last octets, minute and order give the same rows, tokens aside (R-COMB-05)."""
    first = [
        event(number, event_time=f"2026-11-20T05:{number:02d}:22Z", fields={"page_url": f"/buy/{'ab'[number % 2]}"})
        for number in range(20)
    ]
    second = [
        one
        | {
            "event_time": one["event_time"].replace("05:", "05:3", 1)[:15] + "9:59Z",
            "subject": {"account": f"someone{number}", "device": "other"},
            "fields": one["fields"] | {"ip_address": f"83.149.{number}.{number + 1}", "cookie_id": f"k{number}"},
        }
        for number, one in enumerate(reversed(first))
    ]
    assert _multiset(chain.run(first)) == _multiset(chain.run(second))


def test_two_days_do_not_link(chain: Chain) -> None:
    """On the anonymous path one cookie has one token a +08:00 day, and nothing joins the days (R-COOK-02)."""
    times = ["2026-11-20T05:00:00Z", "2026-11-20T15:59:00Z", "2026-11-20T16:01:00Z"]
    batch = chain.run([event(number, event_time=time) for number, time in enumerate(times)])
    dates = columns(batch, "anonymous", "event_date", "cookie_id")
    assert len(set(dates)) == 2
    assert len({token for _, token in dates}) == 2
    assert all(token.startswith(f"v1.{day}.") for day, token in dates)
    tails = {token.rpartition(".")[2] for _, token in dates}
    assert len(tails) == 2


def test_a_day_has_one_key_until_it_is_destroyed(chain: Chain) -> None:
    """Batches of one day link; a straggler after the key's life gets a token of its own."""
    tokens = [
        columns(chain.run([event()], wall=chain.wall + later), "anonymous", "cookie_id")[0]
        for later in (timedelta(0), timedelta(hours=1), timedelta(days=3))
    ]
    assert tokens[0] == tokens[1]
    assert tokens[2] != tokens[0]


def test_personal_tokens_last_a_half_year(chain: Chain) -> None:
    """One account has one token a half-year and system."""
    moments = [("sepp", "2026-06-30T15:00:00Z"), ("sepp", "2026-07-01T15:00:00Z"), ("sepp", "2026-11-20T05:00:00Z"),
               ("index_site", "2026-11-20T05:00:00Z")]  # fmt: skip
    events = [event(number, system, event_time=time) for number, (system, time) in enumerate(moments)]
    batch = chain.run(events, EVERYBODY)
    rows = {row["event_date"] + row["system"]: row["subject"] for row in batch.outputs["personal"].to_pylist()}
    assert rows["2026-07-01sepp"] == rows["2026-11-20sepp"]
    assert len(set(rows.values())) == 3


def test_what_either_pack_lacks_is_dropped() -> None:
    """A pair of packs has no step for a field that one of them does not name (R-POL-01)."""
    sepp, mic = CATALOGUE.pack("sepp"), CATALOGUE.pack("mic_global_2022")
    assert sepp is not None
    assert mic is not None
    rows = CATALOGUE.stream_fields("service_log")
    sources = {step.source for step in compile_plan(PackPair(sepp, mic), rows, "personal").steps}
    assert "cookie_id" in sources
    assert not sources & {"device_id", "mac_address", "cpu_info", "ui_language"}


@pytest.mark.parametrize("pack", CATALOGUE.packs, ids=lambda pack: pack.id)
def test_no_plan_shows_a_class_its_audience_may_not_see(pack: Any) -> None:
    """Classes P and S have no step on the anonymous path, class S none on the personal one."""
    rows = CATALOGUE.stream_fields("service_log")
    classes = {
        audience: {CATALOGUE.inventory[step.source].sensitivity for step in plan.steps}
        for audience in ("anonymous", "personal")
        for plan in (compile_plan(PackPair(pack, pack), rows, audience),)
    }
    assert classes["anonymous"] <= {"N", "N+"}
    assert classes["personal"] <= {"N", "N+", "P"}


def test_dictionary_columns_give_the_same(chain: Chain, keyring: Keyring) -> None:
    """Whether the decoder hands over plain or dictionary columns makes no difference."""
    events = [event(number, fields={"search_query": "led" * (number % 3)}) for number in range(12)]
    plain = chain.run(events).outputs["anonymous"]
    batch = chain.gated(events, NOBODY)
    for at, name in enumerate(batch.table.column_names):
        column = batch.table[name]
        if column.type == pa.string():
            parts = [column.slice(0, 5).combine_chunks(), column.slice(5).combine_chunks()]
            encoded = pa.chunked_array([part.dictionary_encode() for part in parts])
            batch.table = batch.table.set_column(at, name, encoded)
    again = Engine(CATALOGUE, "service_log", keyring).deidentify(batch, chain.wall)
    assert again.outputs["anonymous"].equals(plain)


def test_the_equipment_stream_has_tables_of_its_own(keyring: Keyring) -> None:
    """Device events give brands, ranges and tokens; columns of logs are not among them."""
    reports = Chain(keyring, WALL, "equipment")
    fields = {"device_model": "SM-G973F", "device_id": "d1", "os_version": "Android 12.1", "app_list": "a, b"}
    report = event(event_type="equipment_info") | {"fields": fields}
    row = reports.run([report]).outputs["anonymous"].to_pylist()[0]
    assert (row["device_model"], row["os_version"]) == ("Samsung", "Android 12")
    assert row["device_id"].startswith("v1.2026-11-20.")
    assert not {"app_list", "page_url"} & set(row)
