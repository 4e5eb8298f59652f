"""Packs by time, names by pack, and what makes an event personal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from governance.policy import Catalogue
from governance.policy.model import Override
from governance.policy.treatments import Reject
from tests.transforms.conftest import NOW, bundle, line, reasons, total
from transforms.deid.classify import classify
from transforms.deid.decode import Decoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from governance.keys import EventKeys
    from transforms.deid.events import Batch, DeadLetter, Sealer

    Classified = Callable[..., Batch]


@pytest.fixture
def classified(catalogue: Catalogue, event_keys: EventKeys, sealer: Sealer) -> Classified:
    """Return a function that decodes and classifies lines."""

    def run(
        *lines: bytes,
        now: datetime = NOW,
        rules: Catalogue = catalogue,
        stream: str = "service_log",
        published: datetime | None = None,
    ) -> Batch:
        batch = Decoder(rules, stream, keys=event_keys, now=now)(bundle(lines, published=published), sealer)
        batch = classify(batch, rules, stream, now)
        assert batch.read == total(batch)
        return batch

    return run


def changed(catalogue: Catalogue, **changes: Any) -> Catalogue:
    """Return the catalogue with every pack changed."""
    return Catalogue(catalogue.inventory, tuple(pack.model_copy(update=changes) for pack in catalogue.packs))


def mic(time: str, **changes: Any) -> bytes:
    """Return a page view of mic_global."""
    return line(system="mic_global", event_time=time, **changes)


def test_packs_change_at_midnight_in_china(classified: Classified) -> None:
    """An event is judged by the pack of its +08:00 time, together with the pack of now (R-POL-01)."""
    batch = classified(
        mic("2022-08-03T23:59:00+08:00"), mic("2022-08-04T00:00:00+08:00"), line(event_time="2022-08-04T00:00:00Z"),
        now=datetime(2022, 8, 5, tzinfo=UTC),
    )  # fmt: skip
    pairs = [batch.packs[number] for number in batch.table["pack"].to_pylist()]
    assert [(pair.at_event.id, pair.at_now.id) for pair in pairs] == [
        ("mic_global_2021", "mic_global_2022"),
        ("mic_global_2022", "mic_global_2022"),
        ("sepp", "sepp"),
    ]


def test_no_pack(classified: Classified) -> None:
    """An unknown system, and a time before the first pack, have no policy."""
    batch = classified(
        line(system="shop"), mic("2021-04-29T23:59:59+08:00"), mic("2021-04-30T00:00:00+08:00"),
        now=datetime(2021, 5, 1, tzinfo=UTC),
    )  # fmt: skip
    assert reasons(batch) == [("POLICY_NONE", "system"), ("POLICY_NONE", "event_time")]
    assert batch.table.num_rows == 1
    assert classified(mic("2021-04-01T00:00:00Z"), now=datetime(2021, 4, 2, tzinfo=UTC)).table.num_rows == 0


def test_time_in_the_future(classified: Classified) -> None:
    """Ten minutes ahead of the clock is borne, more is not."""
    batch = classified(line(event_time="2026-11-01T12:10:00Z"), line(event_time="2026-11-01T12:10:00.000001Z"))
    assert reasons(batch) == [("TIME_IN_FUTURE", "event_time")]
    assert batch.table.num_rows == 1


def test_expired_on_arrival(classified: Classified) -> None:
    """Six months after its +08:00 date an event is dropped: no payload is kept, only the number."""
    batch = classified(
        line(event_time="2026-04-30T15:59:59Z"),
        line(event_time="2026-04-30T16:00:00Z"),
        line(event_time="0001-01-01T00:00:00Z"),
        now=datetime(2026, 10, 30, 16, tzinfo=UTC),
    )
    assert dict(batch.dropped) == {"EXPIRED_ON_ARRIVAL": 2}
    assert batch.table["event_time"].to_pylist() == [datetime(2026, 4, 30, 16, tzinfo=UTC)]
    assert not batch.dead_letters


def test_arrival_starts_the_clock_if_earlier(classified: Classified) -> None:
    """An event dated after its arrival expires by its arrival."""
    batch = classified(line(), published=datetime(2026, 1, 1, tzinfo=UTC))
    assert dict(batch.dropped) == {"EXPIRED_ON_ARRIVAL": 1}


@pytest.mark.parametrize(
    ("system", "event_type", "stream"),
    [
        ("sepp", "no_such", "service_log"),
        ("sepp", "page_url", "service_log"),
        ("sepp", "equipment_info", "service_log"),
        ("sepp", "page_view", "equipment"),
        ("sepp", "click_event", "service_log"),
        ("index_site", "page_view", "service_log"),
    ],
)
def test_unknown_event_types(
    classified: Classified, opened: Callable[[DeadLetter], bytes], system: str, event_type: str, stream: str
) -> None:
    """A type that the stream does not have, or the pack does not name, is rejected and cites the pack."""
    raw = line(system=system, event_type=event_type, fields=None)
    batch = classified(raw, stream=stream)
    assert reasons(batch) == [("EVENT_TYPE_UNKNOWN", "event_type")]
    assert (batch.dead_letters[0].policy or "").startswith(system)
    assert opened(batch.dead_letters[0]) == raw


def test_fields_need_a_name_in_both_packs(classified: Classified) -> None:
    """A field that either pack does not name is removed and counted, once a value (R-PURP-01)."""
    fields = {"page_url": "/a", "mac_address": "m", "device_id": "d"}
    batch = classified(line(fields=fields), line(fields=fields), mic("2026-10-31T08:00:00Z", fields=fields))
    assert dict(batch.fields_dropped) == {
        ("PURP_NOT_REGISTERED", "fields.mac_address"): 2,
        ("PURP_NOT_REGISTERED", "fields.device_id"): 1,
    }
    assert batch.table["mac_address"].to_pylist() == [None, None, "m"]
    assert batch.table["device_id"].to_pylist() == ["d", "d", None]


def test_a_pack_may_reject_a_field(classified: Classified, catalogue: Catalogue) -> None:
    """A field that a pack refuses takes its event along, and only that event."""
    override = Override(field="device_id", treatment=Reject(code="PURP_NOT_REGISTERED"), reason="test")
    batch = classified(line(fields={"device_id": "d"}), line(), rules=changed(catalogue, overrides=(override,)))
    assert reasons(batch) == [("PURP_NOT_REGISTERED", "fields.device_id")]
    assert batch.table.num_rows == 1


def test_quarantine_of_unknown_fields(classified: Classified, catalogue: Catalogue) -> None:
    """A pack that quarantines unknown names seals the whole event (R-PURP-02)."""
    batch = classified(line(fields={"id_no": "1"}), line(), rules=changed(catalogue, on_unknown="quarantine"))
    assert reasons(batch) == [("SCHEMA_UNKNOWN_FIELD", "fields.?")]
    assert batch.dead_letters[0].sealed is not None
    assert batch.table.num_rows == 1


@pytest.mark.parametrize(
    ("changes", "personal"),
    [
        ({"system": "mic_global", "fields": {"os_version": "12.4"}}, False),
        ({"system": "mic_global", "fields": {"mac_address": "00:1A:2B:3C:4D:5E"}}, False),
        ({"system": "mic_global", "subject": {"cookie": "c1"}}, False),
        ({"system": "mic_global", "subject": {"account": "u1"}}, True),
        ({"system": "mic_global", "fields": {"remote_user": "u1"}}, True),
        ({"system": "mic_global", "fields": {"memory_info": "8G", "email": "a@b.cn"}}, True),
        ({"system": "mic_global", "fields": {"favorites": "x"}}, True),
        ({"system": "index_site", "event_type": "web_log", "fields": {"favorites": "x"}}, True),
        ({"system": "mic_global", "event_type": "share_event"}, True),
        ({"system": "sepp", "fields": {"search_query": "pump"}}, False),
        ({"system": "sepp", "subject": {"account": "u7"}}, True),
        ({"system": "sepp", "subject": {"device": "d7"}}, True),
        ({"system": "sepp", "subject": {"cookie": None}}, False),
        ({"system": "sepp", "subject": {"email": "a@b.cn"}}, True),
    ],
)
def test_personal_events(classified: Classified, changes: dict[str, Any], personal: bool) -> None:
    """Plain device and log data is not personal; with personal data, an account, or for sepp any subject, it is."""
    batch = classified(line(**changes))
    assert batch.table["personal"].to_pylist() == [personal]
    assert "tainted" not in batch.table.column_names


def test_probes_of_classified_rejects(classified: Classified, event_keys: EventKeys) -> None:
    """An event rejected here carries the probe of its subject."""
    batch = classified(line(event_type="x", subject={"device": "d", "account": "u"}))
    assert batch.dead_letters[0].probe == event_keys.subject_probe("sepp", "account", "u")


def test_empty_batch(classified: Classified) -> None:
    """Nothing to classify is classified all the same."""
    batch = classified(b"{")
    assert {"pack", "personal"} <= set(batch.table.column_names)
