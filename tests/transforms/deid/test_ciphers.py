"""Keyed treatments through the engine: a site of its own whose pack uses every new treatment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from governance.keys import reveal
from governance.policy import load_catalogue
from tests.governance.policy.examples import PACK, write_sixth
from tests.transforms.deid.chain import NOBODY, Chain
from tests.transforms.deid.conftest import WALL
from tests.transforms.deid.every import fixed_keyring
from transforms.deid.gate import Authorization

if TYPE_CHECKING:
    from pathlib import Path

    from governance.keys import Keyring
    from governance.policy import Catalogue

FIELDS = {
    "call_back": ("P", "{do: encrypt}"),
    "card": ("P", "{do: format_preserving, lengths: [8]}"),
    "peer": ("N+", "{do: prefix_preserving_ip}"),
    "born": ("P", "{do: date_shift, max_days: 20}"),
    "paid": ("P", "{do: date_shift, max_days: 20}"),
    "place": ("P", "{do: planar_laplace, epsilon: 0.5}"),
    "who": ("P", "{do: surrogate, of: name, locale: en_US}"),
    "town": ("P", "{do: surrogate, of: city, locale: en_US, by: value}"),
    "line": ("P", "{do: mask, first: 1, last: 1}"),
    "cell": ("P", "{do: geohash, precision: 3}"),
    "area": ("N", "{do: hierarchy, file: areas.csv, level: 1}"),
    "model": ("N", "{do: group_threshold, k: 9, in_stream: brand}"),
    "carrier_name": ("N", "{do: group_threshold, k: 9}"),
}
KEYED = ("call_back", "card", "born", "paid", "place", "who", "town")
VALUES = {
    "call_back": "13912345678",
    "card": "20260101",
    "peer": "83.149.9.216",
    "born": "1990-05-20",
    "paid": "2026-10-20T08:00:00+08:00",
    "place": "32.060,118.790",
    "who": "张伟",
    "town": "Nanjing",
    "line": "13912345678",
    "cell": "57.64911,10.40744",
    "area": "Nanjing",
    "model": "Huawei P30",
    "carrier_name": "China Mobile",
}
EVERYBODY = Authorization("operator", frozenset({"sixth"}))


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """Return the catalogue with a site whose fields use every new treatment."""
    folder: Path = tmp_path_factory.mktemp("packs")
    rows = "".join(
        f"  - {{field: {name}, group: service_log, class: {sensitivity}, analytics: {treatment}, export: no,\n"
        f"     retention: LOG, requirement: R-COMB-01, reason: For a test.}}\n"
        for name, (sensitivity, treatment) in FIELDS.items()
    )
    (folder / "areas.csv").write_text("Nanjing;Jiangsu\nSuzhou;Jiangsu\n", encoding="utf-8")
    names = f"names: [web_log, page_view, page_url, remote_user, {', '.join(FIELDS)}]"
    head, _, tail = PACK.partition("overrides:")
    pack = head.replace("names: [web_log, page_view, page_url, ip_address, shelf_number]", names)
    write_sixth(folder, pack=pack + tail[tail.index("purposes:") :], inventory="rows:\n" + rows)
    return load_catalogue(folder)


@pytest.fixture
def chain(keyring: Keyring, catalogue: Catalogue) -> Chain:
    """Return the steps over that catalogue."""
    return Chain(keyring, WALL, catalogue=catalogue)


@pytest.fixture
def fixed(tmp_path: Path) -> Keyring:
    """Return a keyring without chance: of 41 shifts of a date one is none, and two people may share one."""
    return fixed_keyring(tmp_path)


@pytest.fixture
def fixed_chain(fixed: Keyring, catalogue: Catalogue) -> Chain:
    """Return the steps over that catalogue, under the same keys in every run."""
    return Chain(fixed, WALL, catalogue=catalogue)


def event(at: int, account: str | None = "100", day: str = "2026-11-22", **fields: str) -> dict[str, Any]:
    """Return an event of the site."""
    return {
        "event_id": f"e{at}",
        "system": "sixth",
        "event_type": "page_view",
        "event_time": f"{day}T12:00:00+08:00",
        "subject": {"account": account} if account else {"cookie": "c-1"},
        "fields": fields,
        "meta": {},
    }


def rows(chain: Chain, events: list[dict[str, Any]], authorization: Authorization = EVERYBODY) -> list[dict[str, Any]]:
    """Return the rows of both tables in the order of the events' pages."""
    marked = [one | {"fields": {"page_url": f"/{'abcdefgh'[at]}", **one["fields"]}} for at, one in enumerate(events)]
    outputs = chain.run(marked, authorization).outputs
    return sorted((row for table in outputs.values() for row in table.to_pylist()), key=lambda row: row["page_url"])


def test_every_treatment_works_on_the_personal_path(fixed_chain: Chain, fixed: Keyring) -> None:
    """Each field has its form; no value comes through; a key holder reads what was encrypted."""
    (row,) = rows(fixed_chain, [event(1, **VALUES)])
    assert not {row.get(field) for field in FIELDS} & set(VALUES.values())
    assert (row["line"], row["cell"], row["area"], row["model"]) == ("1****8", "u4p", "Jiangsu", "Huawei")
    assert "carrier_name" not in row
    assert all(row[field] for field in (*KEYED, "peer"))
    assert row["card"].isdigit()
    assert len(row["card"]) == 8
    texts = reveal(
        fixed, [row["call_back"]], purpose="statistics", system="sixth", recipient="analytics", field="call_back",
        actor="li", reason="ticket 7", record=lambda _: None,
    )  # fmt: skip
    assert texts == ["13912345678"]


def test_the_anonymous_path_shows_nothing_that_holds_a_subject(chain: Chain) -> None:
    """There only the address of a network stays, and links nothing across days."""
    days = ("2026-11-22", "2026-11-22", "2026-11-21")
    first, same, other = rows(chain, [event(at, day=day, **VALUES) for at, day in enumerate(days)], NOBODY)
    assert not any(first.get(field) for field in (*KEYED, "line", "cell"))
    assert first["peer"] == same["peer"] != other["peer"]


def test_a_personal_only_treatment_never_reaches_the_anonymous_path(keyring: Keyring, catalogue: Catalogue) -> None:
    """Even for a field of class N, what can be turned back is suppressed there."""
    inventory = {
        name: row.model_copy(update={"sensitivity": "N"}) if name in FIELDS else row
        for name, row in catalogue.inventory.items()
    }
    open_chain = Chain(keyring, WALL, catalogue=type(catalogue)(inventory, catalogue.packs))
    (row,) = rows(open_chain, [event(1, **VALUES)], NOBODY)
    assert not any(row.get(field) for field in KEYED)
    assert row["line"] == "1****8"


def test_results_follow_subject_and_day(fixed_chain: Chain) -> None:
    """Dates of a subject move together over fields, noise is the day's, a surrogate the subject's."""
    first, second, other, next_day, nobody = rows(
        fixed_chain,
        [
            event(1, **VALUES),
            event(2, **VALUES | {"born": "2026-10-20", "who": "张 伟"}),
            event(3, "200", **VALUES),
            event(4, day="2026-11-21", **VALUES),
            event(5, None, **VALUES),
        ],
    )
    assert first["who"] == second["who"] == next_day["who"] != other["who"]
    assert first["place"] == second["place"] not in (other["place"], next_day["place"])
    assert second["born"] == first["paid"][:10]
    assert first["born"] == next_day["born"] != other["born"]
    assert first["town"] == other["town"]
    assert first["subject"] == second["subject"] != other["subject"]
    assert nobody.get("who") != first["who"]


def test_epochs_do_not_link(fixed: Keyring, catalogue: Catalogue) -> None:
    """One batch with two half-years uses two keys, each for its rows."""
    wall = datetime(2026, 7, 1, 4, tzinfo=UTC)
    chain = Chain(fixed, wall, catalogue=catalogue)
    june, july = rows(chain, [event(1, day="2026-06-30", **VALUES), event(2, day="2026-07-01", **VALUES)])
    assert june["call_back"].startswith("v1s.2026H1.")
    assert july["call_back"].startswith("v1s.2026H2.")
    assert all(june[field] != july[field] for field in ("call_back", "card", "peer", "place"))


def test_a_field_that_no_event_carries_has_no_column(chain: Chain) -> None:
    """Missing values stay missing, one by one and all together."""
    first, second = rows(chain, [event(1, call_back="13912345678"), event(2)])
    assert first["call_back"]
    assert second["call_back"] is None
    assert "card" not in first


def test_no_key_outlives_its_batch(chain: Chain, keyring: Keyring) -> None:
    """The anonymous path's keys are gone after two days, and a second run gives other results."""
    (before,) = rows(chain, [event(1, **VALUES)], NOBODY)
    assert keyring.destroy_expired(WALL + timedelta(days=3)) > 0
    (after,) = rows(Chain(keyring, WALL, catalogue=chain._catalogue), [event(1, **VALUES)], NOBODY)
    assert before["peer"] != after["peer"]
