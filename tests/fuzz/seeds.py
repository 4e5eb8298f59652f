"""What fuzzing starts from: sound records of every stream and format."""

from __future__ import annotations

import json
from typing import Any

TIME = "2026-10-31T08:00:00Z"
EVENT: dict[str, Any] = {
    "event_id": "e-1",
    "system": "sepp",
    "event_type": "page_view",
    "event_time": TIME,
    "subject": {"account": "u-1", "cookie": "c-1", "device": "d-1"},
    "fields": {"page_url": "https://www.example.com/p/7?q=1", "ip_address": "203.0.113.7", "http_status": 200},
    "meta": {"source": "own", "dnt": 0, "provenance": {"request": "r", "consent_evidence": True}},
}
EQUIPMENT = EVENT | {"event_type": "equipment_info", "fields": {"os_version": "12.4", "device_id": "d-1"}}
ORDER = EVENT | {
    "event_type": "order_paid",
    "fields": {"order_number": "o-1", "transaction_completed_at": TIME, "account_number": "u-1"},
}
APACHE = (
    b'83.149.9.216 - frank [31/Oct/2026:08:05:03 +0000] "GET /presentations/x.png?a=1 HTTP/1.1" 200 20363 '
    b'"http://semicomplete.com/p/" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) Chrome/32.0.1700.77"'
)
DOCUMENT = {
    "username": "u-1",
    "ip": "203.0.113.7",
    "user_agent": "Mozilla/5.0 (Windows NT 6.2) Chrome/24.0.1290.1 Safari/537.13",
    "country": "France",
    "tags": ["a", {"b": 1}],
}
RETAIL = b"536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,2026-10-01 08:26:00,2.55,17850,United Kingdom"


def line(event: object) -> bytes:
    """Return a record as a line of JSON."""
    return json.dumps(event, ensure_ascii=False).encode()


SEEDS: tuple[tuple[str, str, bytes], ...] = (
    ("service_log", "native", line(EVENT)),
    ("equipment", "native", line(EQUIPMENT)),
    ("transactions", "native", line(ORDER)),
    ("service_log", "apache_combined", APACHE),
    ("service_log", "gdpr_sample", line(DOCUMENT)),
    ("transactions", "online_retail", RETAIL),
)
"""(stream, format, record)"""
