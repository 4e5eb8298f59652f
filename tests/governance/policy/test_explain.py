"""Explanations of a field under a pack."""

from __future__ import annotations

import pytest

from governance.policy import load_catalogue
from governance.policy.digest import resolve
from governance.policy.explain import explain, words
from governance.policy.model import Override, PackText
from governance.policy.treatments import AUDIENCES, FreeText, Suppress


@pytest.mark.parametrize(
    ("pack_id", "field", "anonymous", "personal"),
    [
        ("mic_global_2022", "mac_address", "token of the day", "token of this system"),
        ("mic_global_2022", "ip_address", "first 16 bits", "first 24 bits"),
        ("mic_global_2022", "memory_info", "one of 10 bands", "one of 10 bands"),
        ("mic_global_2022", "cpu_info", "categories", "categories"),
        ("mic_global_2022", "page_url", "path as a template", "path as a template"),
        ("mic_global_2022", "referrer", "host and path", "host and path"),
        ("mic_global_2022", "http_status", "any number", "any number"),
        ("mic_global_2022", "http_method", "9 known values", "9 known values"),
        ("mic_global_2022", "gps_location", "sensitive columns wait", "sensitive columns wait"),
        ("mic_global_2022", "favorites", "personal columns are empty", "whether it was present"),
        ("mic_global_2022", "fax", "does not name it", "does not name it"),
        ("mic_global_2022", "dnt", "obeyed on arrival", "obeyed on arrival"),
        ("mic_global_2022", "page_view", "the event's type", "the event's type"),
        ("mic_global_2022", "event_time", "the hour", "the hour"),
        ("index_site", "password", "SECRET_PROHIBITED", "SECRET_PROHIBITED"),
        ("sepp", "facial_feature", "BIOMETRIC_PROHIBITED", "BIOMETRIC_PROHIBITED"),
    ],
)
def test_what_an_analyst_sees(pack_id: str, field: str, anonymous: str, personal: str) -> None:
    """The words say what remains for each audience, after the rules of class and naming."""
    catalogue = load_catalogue()
    pack = catalogue.pack(pack_id)
    assert pack
    told = explain(pack, catalogue.inventory[field])
    assert anonymous in told["analyst_sees"]["anonymous"]
    assert personal in told["analyst_sees"]["personal"]


def test_mac_address_in_full() -> None:
    """An explanation holds class, treatments, retention, reason and requirement."""
    catalogue = load_catalogue()
    pack = catalogue.pack("mic_global_2022")
    assert pack
    told = explain(pack, catalogue.inventory["mac_address"])
    assert (told["class"], told["retention"], told["kept"], told["requirement"]) == (
        "N+", "LOG", "6 months", "R-COMB-04",
    )  # fmt: skip
    assert told["treatment"] == {audience: {"do": "pseudonymize"} for audience in AUDIENCES}
    assert told["kind"] == "field"
    assert told["named"]
    assert told["why"]


def test_an_override_explains_itself() -> None:
    """Where a pack is stricter, its own treatment and reason are told, and its requirement if it has one."""
    catalogue = load_catalogue()
    pack = catalogue.pack("sepp")
    assert pack
    for requirement, told_requirement in ((None, "R-COMB-01"), ("R-PURP-03", "R-PURP-03")):
        own = Override(field="ui_language", treatment=Suppress(), reason="Not wanted.", requirement=requirement)
        parts = {name: getattr(pack, name) for name in PackText.model_fields}
        stricter = resolve(PackText(**{**parts, "overrides": (own,)}), catalogue.inventory)
        told = explain(stricter, catalogue.inventory["ui_language"])
        assert told["why"] == "Not wanted."
        assert told["requirement"] == told_requirement
        assert told["treatment"]["personal"] == {"do": "suppress"}


def test_every_treatment_has_words() -> None:
    """No rule of the inventory is without an explanation."""
    for row in load_catalogue().inventory.values():
        for audience in AUDIENCES:
            assert words(row.treatment(audience), audience)


def test_words_by_token_are_told_by_audience() -> None:
    """Tokens in a text are for the personal path; the anonymous one is told what stands there instead."""
    assert "a keyed token" in words(FreeText(words="token"), "personal")
    assert words(FreeText(words="token"), "anonymous") == words(FreeText(words="placeholder"), "anonymous")
