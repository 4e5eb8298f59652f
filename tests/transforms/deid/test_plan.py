"""Plans, the schema of a stream, and its catalog."""

from __future__ import annotations

import pytest

from governance.errors import PolicyError
from governance.policy import STREAMS, Catalogue, PackPair
from governance.policy.treatments import Bucket, CountOnly
from tests.transforms.deid.chain import CATALOGUE
from transforms.deid.plan import AUDIENCES, column_catalog, compile_plan, stream_schema


@pytest.mark.parametrize("stream", sorted(STREAMS))
def test_every_plan_fits_the_schema(stream: str) -> None:
    """Whatever two packs meet, their plan writes columns of the schema, each once."""
    names = stream_schema(CATALOGUE, stream).names
    rows = CATALOGUE.stream_fields(stream)
    for first in CATALOGUE.packs:
        for second in CATALOGUE.packs:
            for audience in AUDIENCES:
                plan = compile_plan(PackPair(first, second), rows, audience)
                written = [column for step in plan.steps for column in step.columns]
                assert len(written) == len(set(written))
                assert set(written) <= set(names)
                assert (plan.system, plan.citation) == (first.system, first.citation)
                assert bool(plan.subject) == (audience == "personal")


@pytest.mark.parametrize("stream", sorted(STREAMS))
def test_the_catalog_has_a_line_a_column(stream: str) -> None:
    """Catalog and schema list the same columns in the same order, and every field's line cites a requirement."""
    notes = column_catalog(CATALOGUE, stream)
    assert [note.column for note in notes] == stream_schema(CATALOGUE, stream).names
    assert all(note.requirement.startswith("R-") for note in notes if note.field)
    assert all(note.anonymous == "null" for note in notes if note.sensitivity in ("P", "S"))
    assert all(note.personal == "null" for note in notes if note.sensitivity == "S")


def test_one_column_has_one_type() -> None:
    """Treatments that would write a number here and a text there are refused when the schema is made."""
    row = CATALOGUE.inventory["response_bytes"].model_copy(update={"personal": Bucket(edges=(1.0,))})
    broken = Catalogue({**CATALOGUE.inventory, "response_bytes": row}, CATALOGUE.packs)
    with pytest.raises(PolicyError, match="response_bytes"):
        stream_schema(broken, "service_log")


def test_counting_what_others_keep_takes_a_column_of_its_own() -> None:
    """A stricter audience's presence does not change the type of the field's column."""
    row = CATALOGUE.inventory["ui_language"].model_copy(update={"anonymous": CountOnly()})
    schema = stream_schema(Catalogue({**CATALOGUE.inventory, "ui_language": row}, CATALOGUE.packs), "service_log")
    assert str(schema.field("ui_language").type) == "string"
    assert str(schema.field("ui_language_present").type) == "bool"


def test_tables_have_the_types_they_were_promised() -> None:
    """Numbers stay numbers, presence is a flag, text has length and language beside it."""
    types = {field.name: str(field.type) for field in stream_schema(CATALOGUE, "service_log")}
    assert types["event_key"] == "fixed_size_binary[16]"
    assert types["event_hour"] == "timestamp[us, tz=UTC]"
    assert (types["response_bytes"], types["http_status"]) == ("int64", "int16")
    assert (types["search_query"], types["search_query_length"], types["search_query_lang"]) == (
        "string",
        "int32",
        "string",
    )
    assert types["favorites"] == "bool"
    assert "app_list" not in types
    assert "cookie_value" not in types
    assert "user_agent" not in types
