"""Enclosed records: what stands in clear, what is sealed, what is destroyed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from governance.errors import KeyringError
from governance.keys import EnvelopeOpener, OpsKey
from governance.policy.retention import due_date
from retention.vault.layout import SCHEMA
from tests.transactions import CATALOGUE, NOW, Place, step

if TYPE_CHECKING:
    from pathlib import Path

DONE = "2021-05-10T23:30:00+08:00"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A keyring of its own."""
    return Place(tmp_path)


def test_columns_are_the_tables(place: Place) -> None:
    """What is enclosed has exactly the columns of the table."""
    table = place.enclosed([step("order_paid", "2025-06-01")]).outputs["vault"]
    assert table.schema.names == SCHEMA.names
    assert table.schema.types == SCHEMA.types


@pytest.mark.parametrize(
    ("completed", "due"),
    [
        ("2021-05-10T23:30:00+08:00", "2024-05-11"),
        ("2024-02-29T12:00:00+08:00", "2027-03-01"),
        ("2020-12-31T16:30:00Z", "2024-01-02"),
    ],
)
def test_the_floor_is_that_of_the_requirements(place: Place, completed: str, due: str) -> None:
    """R-RET-06's own examples: due date, due month and key follow from the completion that a record states."""
    row = place.enclosed([step("order_closed", "2020-01-01", transaction_completed_at=completed)]).outputs["vault"]
    values = row.to_pylist()[0]
    assert (values["due_date"], values["due_month"], values["key_id"]) == (due, due[:7], due)
    expected = due_date("TXN", date.fromisoformat(values["completed_date"]))
    assert expected is not None
    assert expected.isoformat() == due


@pytest.mark.parametrize("stated", [None, "yesterday", "2021-05-10T23:30:00", "2030-01-01T00:00:00Z"])
def test_an_unknown_completion_is_held(place: Place, stated: str | None) -> None:
    """Nothing, no time, no zone, a day to come: it lies by month of arrival, without a due date (R-RET-07)."""
    fields = {} if stated is None else {"transaction_completed_at": stated}
    values = place.enclosed([step("order_closed", "2025-06-01", **fields)]).outputs["vault"].to_pylist()[0]
    assert values["due_date"] is None
    assert values["completed_date"] is None
    assert (values["due_month"], values["key_id"]) == ("open-2025-06", "open-2025-06")


@pytest.mark.parametrize("kind", ["order_created", "order_closed"])
@pytest.mark.parametrize("stated", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2000-01-01T00:00:00+08:00"])
def test_a_placeholder_for_the_completion_is_held(place: Place, kind: str, stated: str) -> None:
    """A record that has just arrived is never due at once for a day on which its order cannot have ended (R-RET-07)."""
    lines = [step(kind, "2025-06-15", transaction_completed_at=stated), step("order_paid", "2025-06-15")]
    values = place.enclosed(lines).outputs["vault"].to_pylist()
    assert {(row["completed_date"], row["due_date"], row["due_month"]) for row in values} == {
        (None, None, "open-2025-06")
    }


def test_records_of_old_orders_are_due_as_they_say(place: Place) -> None:
    """What is loaded with the dates of its time is believed, however long ago, and an old completion with a refund."""
    lines = [
        step("order_closed", "2011-01-01", transaction_completed_at="2011-01-01T00:00:00Z"),
        step("order_refunded", "2025-06-14", transaction_completed_at="2020-01-01T00:00:00Z"),
    ]
    rows = place.enclosed(lines).outputs["vault"].to_pylist()
    assert {(row["event_type"], row["due_date"]) for row in rows} == {
        ("order_closed", "2014-01-02"),
        ("order_refunded", "2028-06-15"),
    }


def test_keys_go_by_the_wall_clock(tmp_path: Path) -> None:
    """In a drill the month of arrival is the drill's, the key the wall's: an old open key is never used again."""
    drill = Place(tmp_path, now=datetime(2025, 1, 3, tzinfo=UTC))
    values = drill.enclosed([step("order_paid", "2025-01-01")]).outputs["vault"].to_pylist()[0]
    assert (values["due_month"], values["key_id"], values["received_date"]) == (
        "open-2025-01", "open-2025-06", "2025-01-03",
    )  # fmt: skip


def test_nothing_personal_stands_in_clear(place: Place) -> None:
    """No byte of what a record says is in the table before it is opened."""
    fields = {
        "consignee_name": "王小明",
        "order_goods": "离心水泵 x7",
        "email": "w@example.org",
        "payer_mobile": "13800138000",
    }
    line = step("order_paid", "2025-06-01", order="订单-2026-77", transaction_completed_at=DONE, **fields)
    batch = place.enclosed([line.replace(b'"u1"', b'"wang.xiaoming"')])
    text = repr(batch.outputs["vault"].to_pylist())
    everything = repr(batch.outputs["vault"].to_pydict()) + text
    for value in ("王小明", "离心水泵", "example.org", "13800138000", "订单-2026-77", "wang.xiaoming"):
        assert value not in everything
        assert value.encode() not in b"".join(
            one for name in ("identity", "content") for one in batch.outputs["vault"][name].to_pylist()
        )
    assert batch.raw == []
    assert batch.table.num_rows == 0


def test_identity_and_content_are_apart(place: Place) -> None:
    """Who it was and what it was lie in two payloads under two keys; neither key opens the other (R-SENS-03)."""
    fields = {"consignee_name": "王小明", "order_goods": "水泵", "email": "w@example.org", "payment_status": "settled"}
    place.store(step("order_paid", "2025-06-01", **fields))
    identity, content = place.opened("identity")[0], place.opened("content")[0]
    assert identity == {"subject.account": "u1", "consignee_name": "王小明", "email": "w@example.org"}
    assert content["order_goods"] == "水泵"
    assert content["event_time"] == datetime(2025, 6, 1, 4, tzinfo=UTC)
    assert not set(identity) & set(content)
    row = place.rows().to_pylist()[0]
    assert row["identity_key"] != row["content_key"]
    with pytest.raises(KeyringError):
        place.opener.open("content", row["key_id"], row["identity_key"], row["content"], row["event_key"])


def test_every_field_is_identity_unless_listed_as_content() -> None:
    """The list of content names fields of the stream only; contacts, consignees and payers are not on it."""
    from transforms.deid.enclosing import _content_fields  # noqa: PLC0415

    fields = {row.field: row for row in CATALOGUE.stream_fields("transactions")}
    assert _content_fields() <= set(fields)
    identity = set(fields) - _content_fields()
    assert {"consignee_name", "consignee_address", "payer_account", "email", "member_name"} <= identity
    assert all(row.group != "member" for name, row in fields.items() if name in _content_fields())


def test_the_writer_cannot_read(place: Place) -> None:
    """Keyring and root key open nothing; it takes the ops key."""
    place.store(step("order_paid", "2025-06-01"))
    row = place.rows().to_pylist()[0]
    stranger = EnvelopeOpener(OpsKey(bytes(range(60, 92))), place.keyring)
    with pytest.raises(KeyringError):
        stranger.open("content", row["key_id"], row["content_key"], row["content"], row["event_key"])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("password", "SECRET_PROHIBITED"),
        ("facial_feature", "BIOMETRIC_PROHIBITED"),
        ("userPassword", "SECRET_PROHIBITED"),
        ("bank_card_number", None),
        ("id_card", None),
        ("credit_risk_info", None),
    ],
)
def test_a_prohibited_field_goes_and_the_order_stays(place: Place, name: str, code: str | None) -> None:
    """No transaction is refused for a field: the value is destroyed and counted (R-PURP-07, R-PURP-08)."""
    batch = place.decoded([step("order_paid", "2025-06-01", **{name: "S3CRET", "payment_status": "settled"})])
    assert not batch.dead_letters
    assert b"S3CRET" not in batch.raw[0]
    path = f"fields.{name}" if name in CATALOGUE.inventory else "fields.password"
    row = CATALOGUE.inventory.get(name)
    expected = code or row.treatment("anonymous").code  # type: ignore[union-attr]
    assert batch.fields_dropped == {(expected, path): 1}
    assert batch.table["payment_status"].to_pylist() == ["settled"]


def test_a_prohibited_field_at_depth_and_repeated(place: Place) -> None:
    """Nested and repeated names are destroyed too; one that hides in a refused record takes its payload along."""
    deep = json.loads(step("order_paid", "2025-06-01"))
    deep["fields"]["order_goods"] = "pump"
    deep["extra"] = [{"voiceprint": "S3CRET", "x": 1}]
    twice = step("order_paid", "2025-06-02").replace(b'"fields": {', b'"fields": {"password": "S3CRET"}, "fields": {')
    wrong = json.loads(step("order_paid", "2025-06-03", password="S3CRET"))
    wrong["event_type"] = 7
    later = json.loads(step("order_paid", "2025-06-04", password="S3CRET"))
    later["event_type"] = "order_sold"
    batch = place.decoded([json.dumps(deep).encode(), twice, json.dumps(wrong).encode(), json.dumps(later).encode()])
    assert batch.table.num_rows == 2
    assert all(b"S3CRET" not in raw for raw in batch.raw)
    letters = {letter.code: letter.sealed for letter in batch.dead_letters}
    assert letters["SCHEMA_TYPE"] is None
    assert letters["EVENT_TYPE_UNKNOWN"] is not None
    assert batch.fields_dropped["SECRET_PROHIBITED", "fields.password"] == 2


def test_a_damaged_line_is_a_dead_letter(place: Place) -> None:
    """What cannot be read is sealed, or destroyed where it holds a prohibited name."""
    batch = place.decoded([step("order_paid", "2025-06-01")[:40], b'{"password": "S3CRET"'])
    assert [(one.code, one.sealed is None) for one in batch.dead_letters] == [
        ("SCHEMA_MALFORMED", False),
        ("SECRET_PROHIBITED", True),
    ]


def test_records_do_not_expire_on_arrival(place: Place) -> None:
    """A record of long ago is kept: the next sweep decides."""
    batch = place.enclosed([step("order_closed", "2011-01-01", transaction_completed_at="2011-01-01T00:00:00Z")])
    assert batch.outputs["vault"]["due_date"].to_pylist() == ["2014-01-02"]


def test_a_swept_day_does_not_return(place: Place) -> None:
    """Once the key of a due date was destroyed, a replayed record of it is dropped and counted (R-RET-12)."""
    line = step("order_closed", "2011-01-01", transaction_completed_at="2011-01-01T00:00:00Z")
    assert place.store(line).rows == 1
    place.keyring.destroy_due_date("2014-01-02", NOW, blocking=lambda _key: 0)
    batch = place.enclosed([line, step("order_paid", "2025-06-01")])
    assert batch.dropped == {"EXPIRED_ON_ARRIVAL": 1}
    assert batch.outputs["vault"].num_rows == 1
    with pytest.raises(KeyringError):
        place.opened()


def test_orders_join_by_a_keyed_token(place: Place) -> None:
    """Events of one order share a token within their system; the number itself is needed nowhere."""
    lines = [step("order_created", "2025-06-01"), step("order_paid", "2025-06-02")]
    lines += [step("order_paid", "2025-06-02", order="B"), step("order_paid", "2025-06-02", system="mic_domestic")]
    table = place.enclosed(lines).outputs["vault"]
    tokens = dict(zip(table["event_key"].to_pylist(), table["order_token"].to_pylist(), strict=True))
    assert sorted(list(tokens.values()).count(one) for one in tokens.values()) == [1, 1, 2, 2]


def test_a_policy_that_does_not_name_the_number_joins_and_does_not_keep_it(place: Place) -> None:
    """The law's clock works for every system; the field itself is not stored where the policy lacks it (R-PURP-01)."""
    total = place.store(step("order_paid", "2025-06-01", system="mic_domestic", transaction_completed_at=DONE))
    assert place.rows()["order_token"].null_count == 0
    assert place.rows()["due_date"].to_pylist() == ["2028-06-02"]
    assert "order_number" not in place.opened()[0]
    assert total.fields_dropped["PURP_NOT_REGISTERED fields.order_number"] == 1


def test_event_types_are_the_streams_own(place: Place) -> None:
    """A log's event is no transaction, and a transaction no log."""
    batch = place.decoded([step("page_view", "2025-06-01")])
    assert [letter.code for letter in batch.dead_letters] == ["EVENT_TYPE_UNKNOWN"]
    assert "trade_event" in CATALOGUE.event_types("transactions")
    assert not CATALOGUE.event_types("transactions") & CATALOGUE.event_types("service_log")
