"""The envelope's contract and its published schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import msgspec
import pytest

from governance.policy import RECORD_STREAMS, STREAMS
from tests.transforms.conftest import event
from transforms.deid.contract import Contract, schema_path, schema_text

if TYPE_CHECKING:
    from governance.policy import Catalogue


@pytest.mark.parametrize("stream", [*STREAMS, *RECORD_STREAMS])
def test_schema_is_fresh(stream: str) -> None:
    """The published schema is what the inventory gives now: `python -m transforms.deid.contract` renews it."""
    assert schema_path(stream).read_text(encoding="utf-8") == schema_text(stream)


def test_schema_and_decoder_agree(catalogue: Catalogue) -> None:
    """What the published schema takes or refuses, the strict struct takes or refuses."""
    schema = json.loads(schema_path("service_log").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    struct = Contract(catalogue, "service_log").event
    cases = [
        (event(), True),
        (event(meta={"dnt": 1, "gpc": True, "provenance": {"request": "r1"}}), True),
        (event(meta={"dnt": 2}), False),
        (event(fields={"http_status": 40_000}), False),
        (event(fields={"id_no": "1"}), False),
        (event(surplus=1), False),
        (event(system=None), False),
        (event(fields={"http_status": None}), True),
    ]
    for case, good in cases:
        assert validator.is_valid(case) is good
        try:
            msgspec.convert(case, struct)
        except msgspec.ValidationError:
            assert not good
        else:
            assert good


def test_rows_that_reject_and_signals_have_no_place(catalogue: Catalogue) -> None:
    """A field that refuses its event, a signal and the envelope's own parts are not keys of `fields`."""
    rows = Contract(catalogue, "service_log").rows
    assert "credit_risk_info" not in rows
    assert not {"dnt", "gpc", "cookie_consent", "event_time"} & set(rows)
    assert {"page_url", "cookie_id", "device_id"} <= set(rows)
