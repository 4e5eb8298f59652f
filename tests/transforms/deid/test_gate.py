"""Signals of `meta` are obeyed, and the personal path needs an authorization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.transforms.conftest import NOW, line, reasons, total
from transforms.deid.classify import classify
from transforms.deid.gate import Authorization, gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from governance.policy import Catalogue
    from tests.transforms.conftest import Decode
    from transforms.deid.events import Batch

    Gated = Callable[..., Batch]

SEPP = Authorization("operator", frozenset({"sepp"}))
STABLE = {"device_id": "d", "cookie_id": "c", "local_storage": "l", "page_url": "/a"}
SUBJECT = {"account": "u", "cookie": "c", "device": "d"}
COMPLETE = {"request": "r1", "consent_evidence": "c1", "content_notice": True, "legality_commitment": "l1"}


@pytest.fixture
def gated(decode: Decode, catalogue: Catalogue) -> Gated:
    """Return a function that takes lines through the gate."""

    def run(*lines: bytes, authorization: Authorization = SEPP) -> Batch:
        batch = gate(classify(decode(*lines), catalogue, "service_log", NOW), authorization, catalogue)
        assert batch.read == total(batch)
        return batch

    return run


@pytest.mark.parametrize(
    "meta", [{"cookie_consent": "rejected"}, {"cookie_consent": " Rejected"}, {"dnt": 1}, {"dnt": True}, {"gpc": 1}]
)
def test_opted_out(gated: Gated, meta: dict[str, Any]) -> None:
    """Whoever rejects cookies or tracking keeps the page view and loses cookies and stable ids (R-COOK-01, -03)."""
    batch = gated(line(fields=STABLE, subject=SUBJECT, meta=meta), line(fields=STABLE, subject=SUBJECT))
    first, second = batch.table.to_pylist()
    assert first["page_url"] == "/a"
    gone = ["device_id", "cookie_id", "local_storage", "subject.cookie", "subject.device"]
    assert [first[name] for name in gone] == [None] * len(gone)
    assert None not in [second[name] for name in gone]
    assert (first["authorized"], second["authorized"]) == (False, True)
    assert dict(batch.fields_dropped) == {
        ("SIGNAL_OPT_OUT", name if "." in name else f"fields.{name}"): 1 for name in gone
    }


@pytest.mark.parametrize("meta", [{"cookie_consent": "accepted"}, {"dnt": 0}, {"gpc": False}, {"dnt": None}, None])
def test_not_opted_out(gated: Gated, meta: dict[str, Any] | None) -> None:
    """Without a rejection nothing is removed."""
    batch = gated(line(fields=STABLE, subject=SUBJECT, meta=meta))
    assert not batch.fields_dropped
    assert batch.table["authorized"].to_pylist() == [True]


@pytest.mark.parametrize("event_type", ["beacon_hit", "pixel_hit", "email_open", "email_link_click"])
def test_tracking_events_are_dropped(gated: Gated, event_type: str) -> None:
    """A tracking event of somebody who opted out is not stored at all; a cookie choice alone does not reach it."""
    batch = gated(
        line(event_type=event_type, meta={"dnt": 1}),
        line(event_type=event_type, meta={"gpc": True, "minor_marker": True}),
        line(event_type=event_type, meta={"cookie_consent": "rejected"}),
        line(event_type=event_type),
    )
    assert dict(batch.dropped) == {"SIGNAL_OPT_OUT": 2}
    assert (batch.table.num_rows, batch.dead_letters) == (2, [])


def test_minors_are_quarantined(gated: Gated) -> None:
    """Any marker of minority seals the event; no marker, or false, guesses nothing (R-MINOR-02, -06)."""
    batch = gated(line(meta={"minor_marker": True}), line(meta={"minor_marker": False}), line())
    assert reasons(batch) == [("CONSENT_TOO_WEAK", "meta.minor_marker")]
    assert batch.dead_letters[0].sealed is not None
    assert (batch.dead_letters[0].policy or "").startswith("sepp@")
    assert batch.table.num_rows == 2


@pytest.mark.parametrize(
    ("meta", "good"),
    [
        ({"source": "third_party"}, False),
        ({"source": "Third-Party"}, False),
        ({"source": "third_party", "provenance": {}}, False),
        ({"source": "third_party", "provenance": COMPLETE | {"legality_commitment": ""}}, False),
        ({"source": "third_party", "provenance": COMPLETE | {"content_notice": False}}, False),
        ({"source": "third_party", "provenance": COMPLETE}, True),
        ({"source": "own"}, True),
    ],
)
def test_provenance_of_third_party_data(gated: Gated, meta: dict[str, Any], good: bool) -> None:
    """Data of a third party needs all four parts of its provenance (R-PURP-15)."""
    batch = gated(line(meta=meta), line())
    assert reasons(batch) == ([] if good else [("PROVENANCE_MISSING", "meta.provenance")])
    assert batch.table.num_rows == 1 + good


@pytest.mark.parametrize(
    ("authorization", "changes", "authorized"),
    [
        (Authorization(), {"subject": {"account": "u"}}, False),
        (Authorization("none", frozenset({"sepp"})), {"subject": {"account": "u"}}, False),
        (SEPP, {"subject": {"account": "u"}}, True),
        (SEPP, {}, False),
        (SEPP, {"system": "mic_global", "subject": {"account": "u"}}, False),
    ],
)
def test_authorization(gated: Gated, authorization: Authorization, changes: dict[str, Any], authorized: bool) -> None:
    """The personal path takes personal events of the systems that the operator declared, and no others."""
    batch = gated(line(**changes), authorization=authorization)
    assert batch.table["authorized"].to_pylist() == [authorized]


def test_empty_batch(gated: Gated) -> None:
    """Nothing to judge is judged all the same."""
    assert "authorized" in gated(b"{").table.column_names
