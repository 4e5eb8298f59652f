"""A golden case of the whole vocabulary: a site with a field for each treatment, and values of every sort and kind.

The keyring's keys follow from their scopes and the clock stands, so output.ndjson holds tokens, ciphertexts and noise
as they are: each line is a row of the anonymous table (nobody is authorized) or the personal one (everybody is), with
the name of its event and the columns that are not null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest

from governance.policy.keyed import Keyed
from governance.policy.treatments import Treatment
from tests.transforms.deid.chain import Chain
from tests.transforms.deid.conftest import WALL
from tests.transforms.deid.every import CATALOGUE, EVERYBODY, fixed_keyring, read
from transforms.deid.plan import AUDIENCES, for_audience
from transforms.deid.treatments.registry import columns_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.transforms.deid.every import FixedKeyring
    from transforms.deid.events import Batch


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> FixedKeyring:
    """Return a fresh keyring that makes the same keys in every run."""
    return fixed_keyring(tmp_path_factory.mktemp("keyring"))


@pytest.fixture(scope="module")
def batches(keyring: FixedKeyring) -> dict[str, Batch]:
    """Return what the steps make of the case's events on either path."""
    events = read("input")
    chain = Chain(keyring, WALL, catalogue=CATALOGUE)
    return {"anonymous": chain.run(events), "personal": chain.run(events, EVERYBODY)}


def names(keyring: FixedKeyring) -> dict[bytes, str]:
    """Return the name of each event by its key."""
    ids = [event["event_id"] for event in read("input")]
    return dict(zip(keyring.event_keys("service_log").by_id(["every"] * len(ids), ids), ids, strict=True))


def rows(batches: dict[str, Batch], named: dict[bytes, str]) -> Iterator[dict[str, Any]]:
    """Yield the rows as the case's file holds them."""
    for audience, batch in batches.items():
        for row in batch.outputs[audience].to_pylist():
            row["event_hour"] = row["event_hour"].isoformat()
            row["policy"] = row["policy"].partition("@")[0]
            head = {"table": audience, "event": named[row.pop("event_key")]}
            yield head | {column: value for column, value in row.items() if value is not None}


def test_every_treatment_gives_its_rows(keyring: FixedKeyring, batches: dict[str, Batch]) -> None:
    """Each event of the case becomes the rows that its file promises, on either path."""
    made = {(row["table"], row["event"]): row for row in rows(batches, names(keyring))}
    expected = {(row["table"], row["event"]): row for row in read("output")}
    assert made.keys() == expected.keys()
    for place, row in expected.items():
        assert made[place] == row


def test_what_may_not_enter_is_a_dead_letter(keyring: FixedKeyring, batches: dict[str, Batch]) -> None:
    """Rejected fields, secrets and events without form make no row: their code and path are those of the file.

    Of a secret not even the id is read: its key is that of its position, and it has no name here.
    """
    named = names(keyring)
    for batch in batches.values():
        made = [
            {"event": named.get(letter.event_key), "stage": letter.stage, "code": letter.code, "path": letter.path}
            for letter in batch.dead_letters
        ]
        assert sorted(made, key=str) == sorted(read("dead_letters"), key=str)


def test_the_case_has_the_whole_vocabulary() -> None:
    """Each treatment that a pack can choose stands in the site's rows, and shows something where it may."""
    pack = CATALOGUE.pack("every_2024")
    assert pack is not None
    fields = {name: CATALOGUE.inventory[name] for name in pack.names if not CATALOGUE.inventory[name].event}
    union, _ = get_args(Treatment)
    assert {type(pack.treatment(row, "anonymous")) for row in fields.values()} == set(get_args(union))
    shown: dict[str, set[str]] = {audience: set() for audience in AUDIENCES}
    for row in read("output"):
        shown[row["table"]] |= row.keys()
    for field in fields.values():
        for audience in AUDIENCES:
            treatment = for_audience(field, pack.treatment(field, audience), audience)
            columns = {column.name for column in columns_of(treatment, field)}
            assert columns - {"text_drop"} <= shown[audience]  # the words of `drop` are a column of nulls
            assert columns or field.field not in shown[audience]
        if isinstance(field.analytics, Keyed) and field.analytics.personal_only:
            assert field.field not in shown["anonymous"]
