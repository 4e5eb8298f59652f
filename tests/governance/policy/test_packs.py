"""The packs that ship, the pair that judges an event, and their digests."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from governance.policy import Catalogue, Pack, PackPair, load_catalogue
from governance.policy.digest import resolve
from governance.policy.loading import BUILT_IN
from governance.policy.loading import load_catalogue as load
from governance.policy.model import PackText
from governance.policy.treatments import AUDIENCES, CountOnly, Reject, Suppress
from tests.governance.policy.examples import PACK, write_sixth

if TYPE_CHECKING:
    from pathlib import Path


def at(text: str) -> datetime:
    """Return the aware instant of an ISO text."""
    return datetime.fromisoformat(text)


def pack_of(system: str, text: str, catalogue: Catalogue | None = None) -> Pack:
    """Return the pack of `system` at an instant, which must exist."""
    found = (catalogue or load_catalogue()).pack_at(system, at(text))
    assert found
    return found


@pytest.mark.parametrize(
    ("instant", "pack_id"),
    [
        ("2022-08-03T23:59+08:00", "mic_global_2021"),
        ("2022-08-04T00:00+08:00", "mic_global_2022"),
        ("2022-08-03T16:00+00:00", "mic_global_2022"),
        ("2022-08-03T15:59:59.999999+00:00", "mic_global_2021"),
        ("2021-04-30T00:00+08:00", "mic_global_2021"),
        ("2031-01-01T00:00+00:00", "mic_global_2022"),
    ],
)
def test_the_pack_in_force_is_chosen_by_time(instant: str, pack_id: str) -> None:
    """An event is judged by the pack in force at its instant, in +08:00 (R-POL-01)."""
    assert pack_of("mic_global", instant).id == pack_id


def test_no_pack_before_the_first_and_for_an_unknown_system() -> None:
    """Before the first version, and for a system that nobody registered, there is no pack."""
    catalogue = load_catalogue()
    assert catalogue.pack_at("mic_global", at("2021-04-29T23:59+08:00")) is None
    assert catalogue.pack_at("elsewhere", at("2023-01-01T00:00+08:00")) is None
    assert catalogue.pack("elsewhere") is None


def test_a_naive_instant_is_refused() -> None:
    """An instant without an offset could mean any day, so it is an error."""
    with pytest.raises(ValueError, match="aware"):
        load_catalogue().pack_at("sepp", at("2023-01-01T00:00"))


@pytest.mark.parametrize("system", ["mic_domestic", "sepp", "index_site"])
def test_packs_without_dates_are_open_at_the_start(system: str) -> None:
    """A policy without dates is in force from ever (G-03)."""
    assert pack_of(system, "1999-01-01T00:00+08:00").system == system


def test_fax_is_dropped_under_the_version_that_does_not_name_it() -> None:
    """A field named by the 2021 version only is removed on 2023-01-05, though the row exists (R-PURP-01)."""
    catalogue = load_catalogue()
    pack = pack_of("mic_global", "2023-01-05T12:00+08:00")
    assert "fax" not in pack.names
    assert "fax" in pack_of("mic_global", "2022-01-05T12:00+08:00").names
    assert pack.treatment(catalogue.inventory["fax"], "personal") == Suppress()


def test_prohibited_fields_are_rejected_even_when_not_named() -> None:
    """A secret is rejected under a policy that never speaks of it, not merely dropped (R-PURP-08)."""
    row = load_catalogue().inventory["password"]
    pack = pack_of("index_site", "2023-01-01T00:00+08:00")
    assert "password" not in pack.names
    assert pack.treatment(row, "anonymous") == Reject(code="SECRET_PROHIBITED")


def test_every_system_and_its_settings() -> None:
    """Four systems ship in five packs; only sepp makes any subject personal (R-COMB-08); unknown fields drop."""
    catalogue = load_catalogue()
    assert catalogue.systems == {"mic_global", "mic_domestic", "sepp", "index_site"}
    assert len(catalogue.packs) == 5
    assert {pack.id for pack in catalogue.packs if pack.personal_with == "any_subject"} == {"sepp"}
    assert {pack.on_unknown for pack in catalogue.packs} == {"drop"}


@pytest.mark.parametrize(
    ("pack_id", "value", "unit"),
    [
        ("mic_global_2021", 7, "working_days"),
        ("mic_global_2022", 7, "working_days"),
        ("mic_domestic", 7, "working_days"),
        ("sepp", 15, "days"),
        ("index_site", 7, "working_days"),
    ],
)
def test_reply_deadlines(pack_id: str, value: int, unit: str) -> None:
    """Each pack holds its own deadline, and seven days where the calendar is not known (R-DEL-03)."""
    pack = load_catalogue().pack(pack_id)
    assert pack
    assert (pack.reply_deadline.value, pack.reply_deadline.unit) == (value, unit)
    assert (pack.reply_deadline.fallback.value, pack.reply_deadline.fallback.unit) == (
        15 if pack_id == "sepp" else 7,
        "days",
    )
    assert (pack.reply_deadline.or_earlier is not None) == (pack_id == "index_site")


def codes(pack_id: str, part: str) -> list[str]:
    """Return the codes of one list of a pack."""
    return [one.code for one in getattr(load_catalogue().pack(pack_id), part)]


def test_exception_lists_are_exact() -> None:
    """Ten exceptions for mic_global, eleven and six for sepp, E to J for mic_domestic, none for index_site."""
    ten = [f"COL-MIC-{letter}" for letter in "ABCDEFGHIJ"]
    assert codes("mic_global_2021", "exceptions") == codes("mic_global_2022", "exceptions") == ten
    assert codes("mic_domestic", "exceptions") == ten[4:]
    assert codes("sepp", "exceptions") == [f"COL-SEPP-{number}" for number in range(1, 12)]
    assert codes("sepp", "sharing_exceptions") == [f"SHR-SEPP-{number}" for number in range(1, 7)]
    assert codes("index_site", "exceptions") == []
    for other in ("mic_global_2021", "mic_global_2022", "mic_domestic", "index_site"):
        assert codes(other, "sharing_exceptions") == []


def test_grounds_and_refusals() -> None:
    """Sharing grounds, disclosure cases, refusals and deletion grounds are those of each policy."""
    assert codes("mic_global_2022", "sharing_grounds") == [f"SHG-MIC-{n}" for n in range(1, 6)]
    assert codes("sepp", "sharing_grounds") == [f"SHG-SEPP-{n}" for n in range(1, 6)]
    assert codes("index_site", "sharing_grounds") == [f"DSC-IDX-{n}" for n in range(1, 5)]
    assert codes("mic_global_2022", "public_disclosure") == [f"PUB-MIC-{n}" for n in range(1, 6)]
    assert codes("sepp", "may_refuse") == [f"MAY-{n}" for n in range(2, 6)]
    assert codes("mic_domestic", "refusals") == [f"REF-{n}" for n in range(1, 7)]
    assert codes("sepp", "retention_criteria") == [f"RC-{n}" for n in range(1, 5)]
    for pack in load_catalogue().packs:
        assert [one.code for one in pack.deletion_grounds] == [f"DEL-{n}" for n in range(1, 6)]


def test_mic_domestic_permits_nothing_that_is_not_legible() -> None:
    """Permissions whose list is lost stay denied until somebody confirms them (G-04)."""
    pack = load_catalogue().pack("mic_domestic")
    assert pack
    assert pack.recipients == pack.sharing_grounds == pack.public_disclosure == ()
    assert {one.id for one in pack.unconfirmed if one.what == "exception"} == {f"COL-MIC-{x}" for x in "ABCD"}
    assert "affiliate_partner_abroad" in {one.id for one in pack.unconfirmed if one.what == "recipient"}
    assert pack.export.basis == "domestic_only"


def test_recipients() -> None:
    """Recipients are those that the policy names; where it is silent about the place, they count as overseas."""
    packs = {pack.id: {one.id: one for one in pack.recipients} for pack in load_catalogue().packs}
    assert "review_platform" in packs["mic_global_2022"]
    assert "review_platform" not in packs["mic_global_2021"]
    assert packs["mic_global_2022"]["review_platform"].permitted.fields == ("email", "order_number")
    assert packs["mic_global_2022"]["netease"].permitted.form == "none"
    for recipients in packs.values():
        for recipient in recipients.values():
            assert recipient.overseas or recipient.place != "unknown"
    assert {one for one, recipient in packs["mic_global_2022"].items() if not recipient.overseas} == {
        "tencent_shenzhen", "version2_shenzhen", "sensors_beijing", "baidu_beijing", "sdl_shenzhen",
        "court_or_authority",
    }  # fmt: skip


def test_digest_is_the_same_after_loading_again_and_whatever_the_order_of_keys(tmp_path: Path) -> None:
    """The same promises give the same digest: keys and names may stand in any order."""
    path = write_sixth(tmp_path)
    first = pack_of("sixth", "2024-06-01T00:00+08:00", load(tmp_path))
    data = yaml.safe_load(PACK)
    data["names"].reverse()
    path.write_text(yaml.safe_dump(dict(reversed(data.items())), sort_keys=False), encoding="utf-8")
    second = pack_of("sixth", "2024-06-01T00:00+08:00", load(tmp_path))
    assert first.digest == second.digest
    assert first == second
    assert hash(first) == hash(second)


def test_digest_is_the_same_in_another_process() -> None:
    """Neither hash seeds nor the order of sets reach the digest."""
    program = "from governance.policy import load_catalogue; print(*[p.digest for p in load_catalogue().packs])"
    for seed in ("1", "2"):
        printed = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert printed.stdout.split() == [pack.digest for pack in load_catalogue().packs]


def test_digest_changes_with_the_text_and_with_the_rows_it_names() -> None:
    """A word of the pack, or a rule of a row it names, changes the digest; a row it does not name does not."""
    catalogue = load_catalogue()
    pack = catalogue.pack("sepp")
    assert pack
    text = PackText(**{name: getattr(pack, name) for name in PackText.model_fields})
    assert resolve(text, catalogue.inventory).digest == pack.digest
    assert resolve(text.model_copy(update={"title": "Other"}), catalogue.inventory).digest != pack.digest
    rows = dict(catalogue.inventory)
    rows["carrier"] = rows["carrier"].model_copy(update={"analytics": CountOnly()})
    assert resolve(text, rows).digest != pack.digest
    rows = dict(catalogue.inventory)
    rows["fax"] = rows["fax"].model_copy(update={"analytics": CountOnly()})
    assert resolve(text, rows).digest == pack.digest


def test_digest_follows_the_order_of_bands() -> None:
    """The first band that matches wins, so another order is another rule."""
    catalogue = load_catalogue()
    pack = catalogue.pack("mic_global_2022")
    assert pack
    row = catalogue.inventory["cpu_info"]
    bands = row.analytics.model_dump()["bands"]
    turned = row.analytics.model_validate({"bands": dict(reversed(bands.items()))})
    assert turned != row.analytics
    rows = {**catalogue.inventory, "cpu_info": row.model_copy(update={"analytics": turned})}
    text = PackText(**{name: getattr(pack, name) for name in PackText.model_fields})
    assert resolve(text, rows).digest != pack.digest


def test_citation_is_id_and_start_of_the_digest() -> None:
    """A row cites its policy by id and sixteen digits; the digest is a SHA-256."""
    pack = pack_of("sepp", "2024-01-01T00:00+08:00")
    assert pack.citation == f"sepp@{pack.digest[:16]}"
    assert len(pack.digest) == hashlib.sha256().digest_size * 2


def test_catalogue_is_frozen_and_pickles() -> None:
    """Nothing of a catalogue can be changed, and a worker gets an equal one."""
    catalogue = load_catalogue()
    with pytest.raises(ValidationError):
        catalogue.packs[0].title = "x"  # type: ignore[misc]
    with pytest.raises(TypeError, match="frozen"):
        catalogue.inventory["x"] = catalogue.inventory["fax"]  # type: ignore[index]
    with pytest.raises(TypeError, match="frozen"):
        catalogue.packs[0].treatments.update({})  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(catalogue)) == catalogue
    assert hash(catalogue) == hash(catalogue)
    assert hash(PackPair(*catalogue.packs[:2])) == hash(PackPair(*catalogue.packs[:2]))


PACKS = st.sampled_from(load_catalogue().packs)
INSTANTS = st.datetimes(datetime(2018, 1, 1), datetime(2030, 1, 1), timezones=st.just(at("2020-01-01T00:00+08:00").tzinfo))  # fmt: skip # noqa: DTZ001, E501


@given(PACKS, PACKS, st.sampled_from(list(load_catalogue().inventory.values())), st.sampled_from(AUDIENCES))
def test_a_pair_is_never_weaker_than_either_pack(first: Pack, second: Pack, row: object, audience: str) -> None:
    """For any two packs and any field, the pair tells no more than each, in whatever order (R-POL-01)."""
    pair, swapped = PackPair(first, second), PackPair(second, first)
    treated = pair.treatment(row, audience)  # type: ignore[arg-type]
    assert treated == swapped.treatment(row, audience)  # type: ignore[arg-type]
    for pack in (first, second):
        assert treated.strictness >= pack.treatment(row, audience).strictness  # type: ignore[arg-type]
    name = row.field  # type: ignore[attr-defined]
    if name not in pair.names:
        assert isinstance(treated, Suppress | Reject)
    assert pair.names == first.names & second.names
    assert pair.citation == first.citation


def test_a_pair_takes_the_stricter_settings() -> None:
    """If either pack quarantines unknown fields, counts any subject, or lacks a template, so does the pair."""
    loose = pack_of("mic_global", "2023-01-01T00:00+08:00").model_copy(update={"url_templates": ("/a", "/b")})
    tight = pack_of("sepp", "2023-01-01T00:00+08:00").model_copy(
        update={"on_unknown": "quarantine", "url_templates": ("/b", "/c")}
    )
    for pair in (PackPair(loose, tight), PackPair(tight, loose)):
        assert pair.on_unknown == "quarantine"
        assert pair.personal_with == "any_subject"
        assert pair.url_templates == ("/b",)
    same = PackPair(loose, loose)
    assert (same.on_unknown, same.personal_with, same.url_templates) == ("drop", "account", ("/a", "/b"))


@given(INSTANTS)
def test_at_most_one_pack_a_system_is_in_force(instant: datetime) -> None:
    """At no instant are two packs of one system in force, and from the first day on there is one."""
    packs = [pack for pack in load_catalogue().packs if pack.system == "mic_global" and pack.contains(instant)]
    assert len(packs) == (instant >= at("2021-04-30T00:00+08:00"))
    assert load_catalogue().pack_at("mic_global", instant + timedelta(0)) == (packs[0] if packs else None)


def test_every_rule_carries_a_reason() -> None:
    """Rows, recipients and promises say why, and cite a rule of the requirements."""
    catalogue = load_catalogue()
    for row in catalogue.inventory.values():
        assert row.reason.endswith(".")
        assert row.requirement
    for pack in catalogue.packs:
        for part in (pack.reply_deadline, pack.export, pack.notice, pack.contact, *pack.recipients):
            assert part.reason
            assert part.requirement
    assert (BUILT_IN / "inventory.yaml").exists()
