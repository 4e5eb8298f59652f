"""The inventory holds every field of the requirements, section 2, with class, policies and retention as stated."""

from __future__ import annotations

import pytest

from governance.policy import STREAMS, load_catalogue
from governance.policy.treatments import AUDIENCES, Keep, Reject
from tests.governance.policy.stated import STATED

PACKS = {"A": "mic_global_2021", "B": "mic_global_2022", "D": "mic_domestic", "S": "sepp", "I": "index_site"}
EVENTS = [
    "web_log",
    "network_log",
    "service_usage",
    "browse_event",
    "page_view",
    "click_event",
    "publish_event",
    "follow_event",
    "share_event",
    "trade_event",
    "beacon_hit",
    "pixel_hit",
    "email_open",
    "email_link_click",
    "equipment_info",
    "order_created",
    "order_paid",
    "order_delivered",
    "order_refunded",
    "order_disputed",
    "dispute_closed",
    "order_closed",
]
SIGNALS = [
    "cookie_consent",
    "dnt",
    "gpc",
    "minor_marker",
    "user_initiated",
    "third_party_authorized",
]
ROWS = [(group, *line.split()) for group, lines in STATED.items() for line in lines.strip().splitlines()]


@pytest.mark.parametrize(("group", "name", "letters", "sensitivity", "retention"), ROWS)
def test_row_is_as_the_requirements_state_it(
    group: str, name: str, letters: str, sensitivity: str, retention: str
) -> None:
    """Every field is in its group, with its class, its retention and exactly the policies that name it."""
    catalogue = load_catalogue()
    row = catalogue.inventory[name]
    assert (row.group, row.sensitivity) == (group, sensitivity)
    assert retention in ("*", row.retention)
    named_by = {pack.id for pack in catalogue.packs if name in pack.names}
    assert named_by == {PACKS[letter] for letter in letters if letter != "-"}


def test_inventory_holds_nothing_else() -> None:
    """No row is in the inventory that the requirements do not state."""
    assert set(load_catalogue().inventory) == {row[1] for row in ROWS}


def test_events_and_signals_are_marked() -> None:
    """Exactly the event types are events, and exactly the keys of meta that are obeyed are signals."""
    rows = load_catalogue().inventory.values()
    assert {row.field for row in rows if row.event} == set(EVENTS)
    assert {row.field for row in rows if row.signal} == set(SIGNALS)
    assert [row.field for row in rows if row.envelope] == ["event_time"]


def test_event_types_of_the_streams() -> None:
    """The log stream takes events of logs and cookies without transactions; equipment takes its one event."""
    catalogue = load_catalogue()
    logs = set(EVENTS) - {"trade_event", "equipment_info"} - {name for name in EVENTS if "order_" in name}
    assert catalogue.event_types("service_log") == logs - {"dispute_closed"}
    assert catalogue.event_types("equipment") == {"equipment_info"}


def test_stream_fields_are_fields_of_its_groups_in_order() -> None:
    """A stream's fields come in the order of the inventory, without events, signals and the envelope's time."""
    catalogue = load_catalogue()
    order = list(catalogue.inventory)
    for stream, groups in STREAMS.items():
        fields = [row.field for row in catalogue.stream_fields(stream)]
        assert fields == sorted(fields, key=order.index)
        assert not set(fields) & {*EVENTS, *SIGNALS, "event_time"}
        assert {catalogue.inventory[name].group for name in fields} == set(groups)


def test_treatments_of_the_streams() -> None:
    """What happens to each field of the streams is what the requirements' table says."""
    inventory = load_catalogue().inventory

    def done(name: str, audience: str = "anonymous") -> str:
        return inventory[name].treatment(audience).do  # type: ignore[arg-type]

    expected = {
        "suppress": "device_settings device_features app_list wifi_ap bluetooth_info base_station other_sensor track "
        "carrier visit_details feature_tag crowd_portrait risk_score account_abnormal_flag cookie_value flash_cookie "
        "local_storage email_receipt microphone_audio",
        "pseudonymize": "mac_address device_id remote_user cookie_id follow_up_id",
        "count_only": "search_history search_preference browse_record behavior_habit favorites follow_relation "
        "share_history cart_record ad_reach ad_effect install_after_ad cookie_preference cookie_cart",
        "free_text": "search_query search_keyword",
        "major_version": "os_version browser_version",
        "categorize": "device_environment cpu_info",
        "city": "gps_location location_feature",
        "hour": "event_time access_time",
        "code_only": "abnormal_info",
        "device_brand": "device_model",
        "bucket": "memory_info",
        "user_agent": "user_agent",
        "url_path": "page_url referrer",
        "keep": "http_status response_bytes http_method ui_language browser_type operation_info bot_check_result "
        "cookie_site_name permission_state",
        "truncate_ip": "ip_address",
        "reject": "credit_risk_info",
    }
    stated = {name: do for do, names in expected.items() for name in names.split()}
    streams = {row.field for row in load_catalogue().stream_fields("service_log")}
    assert streams <= set(stated)
    for name, do in stated.items():
        assert (done(name), done(name, "personal")) == (do, do), name


def test_addresses_are_cut_further_on_the_anonymous_path() -> None:
    """An address keeps 16 or 32 bits where nobody agreed, 24 or 48 on the personal path."""
    row = load_catalogue().inventory["ip_address"]
    assert row.treatment("anonymous").model_dump() == {"do": "truncate_ip", "v4": 16, "v6": 32}
    assert row.treatment("personal").model_dump() == {"do": "truncate_ip", "v4": 24, "v6": 48}


def test_token_kinds() -> None:
    """Names of one kind share a key domain: accounts, telephones, and one for each other identifier."""
    kinds = {row.field: row.token_kind for row in load_catalogue().inventory.values() if row.token_kind}
    assert kinds == {
        "mac_address": "mac", "device_id": "device", "remote_user": "account", "cookie_id": "cookie",
        "follow_up_id": "follow_up", "member_name": "account", "account_number": "account", "email": "email",
        "phone": "phone", "landline": "phone", "contact_number": "phone", "mobile_phone": "phone",
        "company_name": "company", "order_number": "order",
    }  # fmt: skip


def test_secret_and_biometric_names() -> None:
    """Secrets and biometric data are rejected with their own codes on both paths."""
    catalogue = load_catalogue()
    assert catalogue.secret_names == {"password", "security_info"}
    assert catalogue.biometric_names == {"facial_feature", "voiceprint"}
    for names, code in (
        (catalogue.secret_names, "SECRET_PROHIBITED"),
        (catalogue.biometric_names, "BIOMETRIC_PROHIBITED"),
    ):
        for name in names:
            for audience in AUDIENCES:
                assert catalogue.inventory[name].treatment(audience) == Reject(code=code)


def test_protected_fields_are_never_kept() -> None:
    """A field of class N+ is generalised or dropped, never kept (R-COMB-04)."""
    for row in load_catalogue().inventory.values():
        if row.sensitivity == "N+":
            assert not any(isinstance(row.treatment(audience), Keep) for audience in AUDIENCES)
