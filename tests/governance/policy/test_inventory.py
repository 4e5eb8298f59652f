"""The inventory holds every field of the requirements, section 2, with class, policies and retention as stated."""

from __future__ import annotations

import pytest

from governance.policy import STREAMS, load_catalogue
from governance.policy.treatments import AUDIENCES, Keep, Reject

# Per group: name, policies that name it (A mic_global_2021, B mic_global_2022, D mic_domestic, S sepp, I index_site,
# - none: the product's own), class, retention. `*` where the requirements leave the retention to another rule.
STATED = {
    "equipment": """
        device_model S N LOG
        os_version ABSI N LOG
        device_environment AB N LOG
        device_settings S N LOG
        device_features S N LOG
        cpu_info AB N LOG
        memory_info AB N LOG
        mac_address AB N+ LOG
        device_id S N+ LOG
        app_list S N+ LOG
        ip_address ABSI N+ LOG
        gps_location ABS S PERM
        wifi_ap S N+ PERM
        bluetooth_info S N+ PERM
        base_station S N+ PERM
        other_sensor S N+ PERM
        location_feature S P PERM
        track S S PERM
        browser_type S N LOG
        browser_version I N LOG
        permission_state ABS P GOV
        equipment_info ABDSI N LOG
    """,
    "service_log": """
        web_log ABDSI N LOG
        network_log ABDSI N LOG
        service_usage ABS N LOG
        browse_event ABS N LOG
        page_view ABS N LOG
        page_url ABDSI N LOG
        referrer ABDSI N LOG
        http_status ABDSI N LOG
        response_bytes ABDSI N LOG
        http_method ABDSI N LOG
        user_agent ABDSI N LOG
        remote_user ABDSI P LOG
        cookie_consent - N NONE
        dnt - N NONE
        gpc - N NONE
        minor_marker - N NONE
        user_initiated - N NONE
        click_event AB N LOG
        trade_event AB S TXN
        publish_event AB N LOG
        operation_info AB N LOG
        event_time ABS N LOG
        access_time ABS N LOG
        abnormal_info AB N LOG
        bot_check_result AB N LOG
        search_query DS N+ LOG
        search_keyword DS N+ LOG
        search_history S P LOG
        search_preference S P LOG
        browse_record SI P LOG
        behavior_habit SI P LOG
        carrier S N LOG
        ui_language S N LOG
        visit_details I P LOG
        favorites ABS P PROFILE
        follow_relation ABS P PROFILE
        follow_event ABS P PROFILE
        share_history ABS P LOG
        share_event ABS P LOG
        cart_record S P LOG
        feature_tag S P LOG
        crowd_portrait S P LOG
        risk_score ABDS P LOG
        account_abnormal_flag ABDS P LOG
        credit_risk_info I S NONE
        ad_reach ABS N LOG
        ad_effect ABS N LOG
        install_after_ad ABS N LOG
        third_party_authorized - N NONE
    """,
    "cookie": """
        cookie_id ABDS N+ LOG
        cookie_site_name ABD N LOG
        cookie_value ABD N+ NONE
        flash_cookie ABDS N+ NONE
        local_storage ABDS N+ NONE
        cookie_preference ABDI P LOG
        cookie_cart ABD P LOG
        follow_up_id I N+ LOG
        beacon_hit ABDS P LOG
        pixel_hit ABDS P LOG
        email_open ABDS P LOG
        email_link_click ABDS P LOG
        email_receipt AB P COMM
    """,
    "member": """
        member_name ABS P PROFILE
        account_number S P PROFILE
        password ABS K NONE
        security_info S K NONE
        email ABSI P PROFILE
        name ABS P PROFILE
        contact_name ABS P PROFILE
        real_name ABS P PROFILE
        nickname AB P PROFILE
        avatar ABS P PROFILE
        gender AS P PROFILE
        phone ASI P PROFILE
        landline ASI P PROFILE
        contact_number ASI P PROFILE
        mobile_phone BS P PROFILE
        fax A P PROFILE
        country AB P PROFILE
        region A P PROFILE
        postal_address AI P PROFILE
        address_info AI P PROFILE
        company_name AB P PROFILE
        website_address A P PROFILE
        company_type B P PROFILE
        business_info ABI P PROFILE
        trade_info ABI P PROFILE
        main_industry S P PROFILE
        position S P PROFILE
        sourcing_product AB P PROFILE
        product_interest AB P PROFILE
        procurement_requirement A P PROFILE
        annual_purchase_volume B P PROFILE
        purchase_frequency B P PROFILE
        subscription AB P PROFILE
        member_type S P PROFILE
        third_party_account_id AB P PROFILE
        third_party_account_info AB P PROFILE
        partner_supplied_info ABS P *
        account_binding AB P PROFILE
        login_page_info AB P PROFILE
        age_band S P PROFILE
        child_data ABS S *
        other_person_data ABS P *
    """,
    "identity": """
        id_card S S PROFILE
        id_card_number S S PROFILE
        passport S S PROFILE
        household_register S S PROFILE
        other_id_document S S PROFILE
        identity_proof ABDS S GOV
        facial_feature S X NONE
        voiceprint S X NONE
        real_name_auth_result S P PROFILE
    """,
    "address_book": """
        address_book_contact_name S S NONE
        address_book_contact_phone S S NONE
        discoverable_flag S P PROFILE
        calendar_entry S S NONE
        album_item ABS P CONTENT
        camera_capture ABS P CONTENT
        scan_code ABS P CONTENT
        photo_recognition_result S P LOG
        microphone_audio ABS S COMM
        live_video AB S CONTENT
        live_monitoring_result AB P LOG
    """,
    "prize": """
        winner_name AB P PRIZE
        winner_phone AB P PRIZE
        winner_address AB P PRIZE
        winner_nickname AB P PRIZE
        campaign_participation AB P PRIZE
    """,
    "order": """
        order_number BS S TXN
        order_time S S TXN
        order_goods SI S TXN
        order_services SI S TXN
        order_amount S S TXN
        consignee_name S S TXN
        consignee_address S S TXN
        consignee_phone S S TXN
        other_contact_number S S TXN
        delivery_time_preference S S TXN
        actual_subscriber S S TXN
        order_history ABSI S TXN
        transaction_record ABSI S TXN
        transaction_detail ABSI S TXN
        after_order_detail SI S TXN
        dispute_record SI S TXN
        goods_info ABS N TXN
        service_info ABS N TXN
        transaction_completed_at S S TXN
        order_created ABDSI S TXN
        order_paid ABDSI S TXN
        order_delivered ABDSI S TXN
        order_refunded ABDSI S TXN
        order_disputed ABDSI S TXN
        dispute_closed ABDSI S TXN
        order_closed ABDSI S TXN
    """,
    "payment": """
        bank_card_number S S TXN
        credit_card S S TXN
        bank_card_validity S S TXN
        payment_account S S TXN
        third_party_payment_name S S TXN
        payment_method S S TXN
        payment_status SI S TXN
        payment_progress SI S TXN
        payment_info SI S TXN
        payer_account S S TXN
        payer_mobile S S TXN
        aml_info S S TXN
        property_info S S TXN
        offline_payment AB S TXN
        account_reconciliation AB S TXN
    """,
    "logistics": """
        distribution_info SI S TXN
        delivery_progress S S TXN
        logistics_info S S TXN
    """,
    "communication": """
        service_conversation ABSI P COMM
        call_record ABSI P COMM
        correspondence ABSI P COMM
        service_resolution S P COMM
        im_chat AB P COMM
        email_chat AB P COMM
        inquiry AB P COMM
        attachment AB P COMM
        uploaded_picture ABS P CONTENT
        uploaded_video ABS P CONTENT
        uploaded_file ABS P CONTENT
        product_video AB N CONTENT
        company_video AB N CONTENT
        comment SI P CONTENT
        qa_post SI P CONTENT
        forum_post SI P CONTENT
        order_share SI P CONTENT
        live_post SI P CONTENT
        form_submission I P PROFILE
        questionnaire_answer ABSI P COMM
        survey_answer ABSI P COMM
        complaint ABDS P GOV
        dispute_evidence S P COMM
    """,
    "governance": """
        consent_record ABS P GOV
        authorization_scope ABS P GOV
        guardian_consent ABS S GOV
        export_objection AB P GOV
        marketing_opt_out ABDSI P GOV
        tracking_opt_out ABDSI P GOV
        cookie_consent_record ABDSI P GOV
        rights_request ABDS P GOV
        cancellation_request ABDS P GOV
        incident_record ABDSI P GOV
        share_record ABS P GOV
        export_record ABS P GOV
        deletion_certificate ABS P GOV
        ad_guideline_acceptance BS N GOV
        partner_agreement BS N GOV
        seller_penalty ABS P GOV
    """,
}
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
