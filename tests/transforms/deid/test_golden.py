"""Golden cases: whole events through decode, classify, gate and engine, one folder a policy pack.

Each line of output.ndjson is a row as an analyst may see it: the table it lies in, the authorization it was read
under, its columns that are not null. Keys are left out, tokens are cut before what their key decides, and the policy
is cited without its digest, since both differ from run to run.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.transforms.deid.chain import EVERYBODY, NOBODY, Chain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.keys import Keyring
    from transforms.deid.gate import Authorization

CASES = sorted(path.parent for path in (Path(__file__).parents[2] / "golden").glob("deid_*/input.ndjson"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_gives_its_rows(case: Path, keyring: Keyring) -> None:
    """Each event of the case becomes the rows that its file promises, on either path."""
    events = _read(case / "input.ndjson")
    # Read a day after the last event: packs, ceilings and keys are those of that time.
    wall = max(datetime.fromisoformat(event["event_time"]) for event in events) + timedelta(days=1)
    chain = Chain(keyring, wall)
    rows = [
        row
        for name, authorization in (("none", NOBODY), ("operator", EVERYBODY))
        for row in _rows(chain, events, name, authorization)
    ]
    made = sorted(json.dumps(row, ensure_ascii=False) for row in rows)
    assert made == sorted(json.dumps(row, ensure_ascii=False) for row in _read(case / "output.ndjson"))


def _rows(
    chain: Chain, events: list[dict[str, Any]], name: str, authorization: Authorization
) -> Iterator[dict[str, Any]]:
    for audience, table in chain.run(events, authorization).outputs.items():
        for row in table.drop_columns(["event_key"]).to_pylist():
            seen = {column: _stable(column, value) for column, value in row.items() if value is not None}
            yield {"authorization": name, "table": audience} | seen


def _stable(column: str, value: Any) -> Any:
    if column == "event_hour":
        return value.isoformat()
    if column == "policy":
        return value.partition("@")[0]
    return re.sub(r"^(v1\.[^.]+\.)[A-Z2-7]{26}$", r"\1*", value) if isinstance(value, str) else value


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_there_is_a_case_for_every_pack() -> None:
    """No policy is without an example."""
    assert {case.name.removeprefix("deid_") for case in CASES} >= {
        "mic_global_2021", "mic_global_2022", "mic_domestic", "sepp", "index_site",
    }  # fmt: skip
