"""Free text through the engine: four columns that differ in what stands in place of personal data."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.policy import load_catalogue
from tests.governance.policy.examples import PACK, write_sixth
from tests.transforms.deid.chain import NOBODY, Chain
from tests.transforms.deid.conftest import WALL
from transforms.deid.gate import Authorization

if TYPE_CHECKING:
    from governance.keys import Keyring
    from governance.policy import Catalogue

GOLDEN = Path(__file__).parents[2] / "golden" / "text_words"
FIELDS = {f"said_{words}": words for words in ("drop", "redact", "placeholder", "token")}
EVERYBODY = Authorization("operator", frozenset({"sixth"}))
_TOKEN = re.compile(r"(v1\.[^.\]]+\.)[A-Z2-7]{26}")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """Return the catalogue with a site that keeps one text in four ways."""
    folder = tmp_path_factory.mktemp("packs")
    rows = "".join(
        f"  - {{field: {name}, group: service_log, class: N+, export: no,\n"
        f"     analytics: {{do: free_text, words: {words}}},\n"
        f"     retention: LOG, requirement: R-SENS-07, reason: For a test.}}\n"
        for name, words in FIELDS.items()
    )
    names = f"names: [web_log, page_view, page_url, {', '.join(FIELDS)}]"
    head, _, tail = PACK.partition("overrides:")
    pack = head.replace("names: [web_log, page_view, page_url, ip_address, shelf_number]", names)
    write_sixth(folder, pack=pack + tail[tail.index("purposes:") :], inventory="rows:\n" + rows)
    return load_catalogue(folder)


@pytest.fixture
def chain(keyring: Keyring, catalogue: Catalogue) -> Chain:
    """Return the steps over that catalogue."""
    return Chain(keyring, WALL, catalogue=catalogue)


def rows(chain: Chain, texts: list[str], authorization: Authorization, day: str = "2026-11-22") -> list[dict[str, Any]]:
    """Return the row of each text, in the order of the texts, which differ in length."""
    events = [
        {"event_id": f"e{at}", "system": "sixth", "event_type": "page_view", "event_time": f"{day}T{at:02}:00:00+08:00",
         "subject": {"account": "100"}, "fields": dict.fromkeys(FIELDS, text)}
        for at, text in enumerate(texts)
    ]  # fmt: skip
    made = [row for table in chain.run(events, authorization).outputs.values() for row in table.to_pylist()]
    return sorted(made, key=lambda row: row["event_hour"])


def test_golden(chain: Chain) -> None:
    """Each text of the file gives the words that the file promises, on either path; tokens are cut before their key."""
    cases = [json.loads(line) for line in (GOLDEN / "input.ndjson").read_text(encoding="utf-8").splitlines()]
    promised = [json.loads(line) for line in (GOLDEN / "output.ndjson").read_text(encoding="utf-8").splitlines()]
    made = []
    for table, authorization in (("anonymous", NOBODY), ("personal", EVERYBODY)):
        for case, row in zip(cases, rows(chain, [one["text"] for one in cases], authorization), strict=True):
            said = {words: row.get(name) for name, words in FIELDS.items()}
            said["token"] = _TOKEN.sub(r"\1*", said["token"])
            made.append({"case": case["case"], "table": table} | said)
    assert made == promised


def test_a_token_is_the_identifier_s(chain: Chain) -> None:
    """One identifier gives one token in every text and writing; other identifiers and other half-years others."""
    texts = ["call 13800138000", "打１３８　００１３　８０００", "幺三八零零幺三八零零零", "13900139000"]
    first, same, spoken, other = (_tokens(row) for row in rows(chain, texts, EVERYBODY))
    assert first == same == spoken
    assert len(first) == len(other) == 1
    assert first != other
    (before,) = rows(chain, texts[:1], EVERYBODY, day="2026-06-30")
    assert _tokens(before) != first
    assert _tokens(before)[0].startswith("v1.2026H1.")


def test_no_token_stands_on_the_anonymous_path(chain: Chain) -> None:
    """There the kind stands in its place: a token would tell which texts name one person."""
    (row,) = rows(chain, ["call 13800138000"], NOBODY)
    assert row["said_token"] == row["said_placeholder"] == "call [PHONE]"


def _tokens(row: dict[str, Any]) -> list[str]:
    return [found[0] for found in _TOKEN.finditer(row["said_token"])]


PIECES = st.sampled_from(
    [
        "13800138000",
        "li@example.com",
        "320102198802144604",
        "沪A12345",
        "QQ:12345678",
        "我叫王小明，",
        "水泵",
        " ",
        "，",
        "call",
    ]
)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=6).map("".join))
def test_the_four_ways_agree(chain: Chain, text: str) -> None:
    """Whatever the text, the four columns keep the same words: they differ only in what stands between them."""
    (row,) = rows(chain, [text], EVERYBODY)
    assert row["said_drop"] is None
    bare = re.sub(r"\[[A-Z_]+\]", "[]", row["said_placeholder"])
    assert row["said_redact"].replace("[redacted]", "[]") == bare
    assert re.sub(r"\[v1\.[^\]]+\]", "[]", row["said_token"]) == bare
    assert "13800138000" not in json.dumps(row, default=str)
