"""What the requirements, section 2, state of every field; typed in, not read from the inventory."""

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
