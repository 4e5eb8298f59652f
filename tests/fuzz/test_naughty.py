"""Strings that break other programs, in every text that a producer may send."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from tests.fuzz.passage import STREAMS
from tests.fuzz.seeds import EQUIPMENT, EVENT, ORDER, line
from tests.fuzz.vocabulary import forms
from transforms.deid.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fuzz.passage import Passage

SOUND = {"service_log": EVENT, "equipment": EQUIPMENT, "transactions": ORDER}
CODES = {"SCHEMA_MALFORMED", "SCHEMA_TYPE", "SCHEMA_MISSING", "SECRET_PROHIBITED"}
"""A line that cannot be parsed and says `/etc/passwd` may hold a secret."""


@pytest.fixture(scope="module")
def naughty(samples: Path) -> list[str]:
    """Return the strings."""
    found: list[str] = json.loads((samples / "malformed" / "naughty_strings.json").read_text(encoding="utf-8"))
    assert len(found) > 500
    return found


def changed(contract: Contract, event: dict[str, Any], text: str) -> Iterator[dict[str, Any]]:
    """Yield the event once for every text that a producer may send, with `text` there."""
    for name in ("system", "event_type", "event_id", "event_time"):
        yield event | {name: text}
    for name in ("source", "region", "cookie_consent"):
        yield event | {"meta": {name: text}}
    yield event | {"meta": {"source": "third_party", "provenance": {"request": text, "consent_evidence": text}}}
    for kind in ("account", "cookie", "device"):
        yield event | {"subject": {kind: text}}
    for name, row in contract.rows.items():
        if row.type == "text":
            yield event | {"fields": event["fields"] | {name: text}}
    yield event | {"fields": {text: text}, "meta": {text: text}, "subject": {text: text}, text: text}


@pytest.mark.samples
@pytest.mark.parametrize("stream", STREAMS)
def test_naughty_strings_raise_nothing_and_stay_out_of_analysts_tables(
    passage: Passage, naughty: list[str], stream: str
) -> None:
    """Every string in every text: the sum holds, and anonymous columns hold nothing but their own words and shapes."""
    contract = Contract(passage.catalogue, stream)
    kinds = forms(passage.catalogue, stream)
    for start in range(0, len(naughty), 100):
        lines = [line(one) for text in naughty[start : start + 100] for one in changed(contract, SOUND[stream], text)]
        passage.take(lines, stream, authorized=("sepp",))
        batch = passage.take(lines, stream)  # nobody authorized: all of it takes the anonymous path
        table = batch.outputs.get("anonymous", pa.table({}))
        for name, column in zip(table.column_names, table.columns, strict=True):
            if not pa.types.is_string(column.type) or (form := kinds.get(name, ...)) is None:
                continue
            values = set(column.to_pylist()) - {None}
            strange = values if form is ... else {value for value in values if not form.fullmatch(value)}
            assert not strange, name
        paths = {letter.path for letter in batch.dead_letters} | {path for _, path in batch.fields_dropped}
        known = {"?", "$", "system", "event_type", "event_time", "subject.?", "fields.?", "meta.?", "event_id"}
        assert paths - known <= {f"fields.{name}" for name in passage.catalogue.inventory} | {"meta.provenance"}


@pytest.mark.samples
def test_naughty_strings_as_lines_of_every_format(passage: Passage, naughty: list[str]) -> None:
    """As whole lines they are no records of any format, and each has a dead letter of its own."""
    lines = [text.encode("utf-8", "replace") for text in naughty]
    for record_format in ("native", "apache_combined", "gdpr_sample"):
        batch = passage.take(lines, "service_log", record_format)
        assert {letter.code for letter in batch.dead_letters} <= CODES
        assert len(batch.dead_letters) == sum(bool(one.strip()) for one in lines)


@pytest.mark.samples
def test_naughty_strings_in_every_part_of_an_access_log(passage: Passage, naughty: list[str]) -> None:
    """Host, user, request, referrer and agent may hold anything that fits on a line."""
    kinds = forms(passage.catalogue, "service_log")
    parts = ['{} - - [31/Oct/2026:08:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "-"']
    parts += ['1.2.3.4 - {} [31/Oct/2026:08:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "-"']
    parts += [
        f'1.2.3.4 - - [31/Oct/2026:08:05:03 +0000] "{asked}" 200 1 "{referrer}" "{agent}"'
        for asked, referrer, agent in (("{}", "-", "-"), ("GET {}", "-", "-"), ("-", "{}", "-"), ("-", "-", "{}"))
    ]
    lines = [part.replace("{}", text).encode("utf-8", "replace") for part in parts for text in naughty]
    batch = passage.take([one.replace(b"\n", b" ") for one in lines], "service_log", "apache_combined")
    assert batch.outputs["anonymous"].num_rows > len(lines) / 2
    table = batch.outputs["anonymous"]
    for name in ("page_url", "referrer", "user_agent_browser", "user_agent_os", "http_method", "ip_address"):
        form = kinds[name]
        assert form is not None
        assert not [value for value in set(table[name].to_pylist()) - {None} if not form.fullmatch(value)], name
