"""Loading packs of one's own, and naming every problem of a file."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from governance.errors import PolicyError
from governance.policy import load_catalogue
from governance.policy.loading import BUILT_IN, check_file, read_pack
from governance.policy.treatments import Keep, Suppress, TruncateIp
from tests.governance.policy.examples import INVENTORY, PACK, write_sixth

RECIPIENT = (
    "recipients:\n  - {id: x, purpose: p, permitted: {form: fields, fields: [zhang]}, overseas: true, "
    "place: unknown, requirement: R-SHARE-01, reason: r}\ncontact:"
)


def changed(old: str, new: str) -> str:
    """Return the sixth site's pack with one text replaced."""
    assert old in PACK
    return PACK.replace(old, new)


def messages(folder: Path, pack: str, inventory: str | None = INVENTORY) -> list[str]:
    """Return the problems of a pack, as text."""
    return [str(problem) for problem in check_file(write_sixth(folder, pack, inventory))]


def test_a_sixth_site_needs_no_change_of_code(tmp_path: Path) -> None:
    """A folder with one pack and one row gives a sixth system with a field of its own in the log stream."""
    write_sixth(tmp_path)
    catalogue = load_catalogue(tmp_path)
    pack = catalogue.pack_at("sixth", datetime(2024, 6, 1, tzinfo=UTC))
    assert pack
    assert "sixth" in catalogue.systems
    row = catalogue.inventory["shelf_number"]
    assert row in catalogue.stream_fields("service_log")
    assert row.export == "no"
    assert pack.treatment(row, "anonymous") == Keep(shape="code")
    assert pack.treatment(catalogue.inventory["ip_address"], "personal") == TruncateIp(v4=8, v6=24)
    assert pack.treatment(catalogue.inventory["referrer"], "personal") == Suppress()
    assert "shelf_number" not in load_catalogue().inventory
    assert check_file(tmp_path) == ()
    assert check_file(tmp_path / "sixth.yaml", tmp_path) == ()
    assert check_file(tmp_path / "inventory.yaml") == ()


def test_a_folder_without_rows_of_its_own(tmp_path: Path) -> None:
    """A pack that names only known rows needs no inventory beside it; an empty folder adds nothing."""
    assert load_catalogue(tmp_path).packs == load_catalogue().packs
    write_sixth(tmp_path, changed(", shelf_number]", "]"), inventory=None)
    assert "sixth" in load_catalogue(tmp_path).systems


def test_a_missing_folder_is_named() -> None:
    """A folder that does not exist is an error with a hint."""
    with pytest.raises(PolicyError, match="--packs"):
        load_catalogue(Path("/nowhere/at/all"))


def test_a_field_without_a_rule_stops_loading(tmp_path: Path) -> None:
    """A row without a treatment is an error at load, never a pass."""
    write_sixth(tmp_path, inventory=INVENTORY.replace("    analytics: {do: keep, shape: code}\n", ""))
    with pytest.raises(PolicyError, match=r"inventory\.yaml:2: rows\[0\]\.analytics: is missing"):
        load_catalogue(tmp_path)


def test_a_name_without_a_row_stops_loading(tmp_path: Path) -> None:
    """A pack that names what the inventory does not know is an error, and the name is not quoted."""
    write_sixth(tmp_path, inventory=None)
    with pytest.raises(PolicyError, match=r"sixth\.yaml:7: names\[4\]: no row") as caught:
        load_catalogue(tmp_path)
    assert "shelf_number" not in str(caught.value)


@pytest.mark.parametrize(
    "treatment", ["{do: free_text, words: redact}", "{do: mask, first: 6, last: 4, hidden: 2}", "{do: url_path}"]
)
def test_an_override_does_not_tell_of_texts_that_the_inventory_keeps_out(tmp_path: Path, treatment: str) -> None:
    """A field of codes that somebody filled with a sentence would tell of it, where `keep` says `other`."""
    own = f"overrides:\n  - {{field: shelf_number, treatment: {treatment}, reason: r}}\n"
    (problem,) = messages(tmp_path, changed("overrides:\n", own))
    assert "overrides[0].treatment: is weaker than the inventory's treatment, or not comparable" in problem


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "message"),
    [
        ("v4: 8, v6: 24", "v4: 24, v6: 48", 10, "overrides[0].treatment", "weaker"),
        ("{do: truncate_ip, v4: 8, v6: 24}", "{do: pseudonymize}", 10, "overrides[0].treatment", "weaker"),
        ("  - field: ip_address", "  - field: referrer", 9, "overrides[0].field", "does not name"),
        ("  - field: ip_address", "  - field: nobody", 9, "overrides[0].field", "does not name"),
        ("names: [web_log,", "names: [dnt,", 7, "names[0]", "signal"),
        ("valid_from: 2024-01-01T00:00:00+08:00", "valid_from: 2024-01-01T00:00:00", 6, "valid_from", "+08:00"),
        (
            "valid_from: 2024-01-01T00:00:00+08:00",
            "valid_from: 2024-01-01T00:00:00+08:00\nvalid_to: 2024-01-01T00:00:00+08:00",
            7, "valid_to", "later",
        ),
        ("system: sixth", "system: mic_global", 6, "valid_from", "same time"),
        ("system: sixth", "system: sepp", 6, "valid_from", "same time"),
        ("id: sixth_2024", "id: sepp", 1, "id", "exists"),
        ("purposes: [statistics]", "purposes: [13800138000]", 12, "purposes[0]", "must be one of"),
        ("title: A sixth site\n", "", 1, "title", "missing"),
        ("title: A sixth site", "titel: A sixth site", 3, "titel", "not a known key"),
        ("title: A sixth site", "title: 7", 3, "title", "must be text"),
        ("title: A sixth site", "title: A\ntitle: B", 4, "file", "twice"),
        ("treatment: {do: truncate_ip, v4: 8, v6: 24}", "treatment: {v4: 8}", 10, "overrides[0].treatment", "`do`"),
        ("treatment: {do: truncate_ip, v4: 8, v6: 24}", "treatment: {do: guess}", 10, "overrides[0].treatment", "`do`"),
        ("v4: 8,", "v4: 99,", 10, "overrides[0].treatment.v4", "at most 24"),
        ("{do: truncate_ip, v4: 8, v6: 24}", "{do: categorize, bands: {zhang: []}}", 10,
         "overrides[0].treatment.bands.?", "at least 1"),
        ("{do: truncate_ip, v4: 8, v6: 24}", "{do: bucket, edges: [2, 1]}", 10, "overrides[0].treatment", "ascend"),
        ("{value: 10, unit: days,", "{value: 0, unit: days,", 14, "reply_deadline.value", "more than 0"),
        ("notice: {days: 7,", "notice: {days: 1,", 16, "notice.days", "at least 7"),
        ("system: sixth", "system: Sixth Site", 2, "system", "must match"),
        ("id: sixth_2024", "id: [", 3, "file", "YAML"),
        (
            "contact:",
            RECIPIENT,
            18, "recipients[0].permitted.fields", "no row",
        ),
        (
            "overrides:",
            "overrides:\n  - {field: ip_address, treatment: {do: suppress}, reason: r}",
            10, "overrides[1].field", "twice",
        ),
    ],
)  # fmt: skip
def test_each_problem_has_its_line_and_path(  # noqa: PLR0917 - one case, six parts
    tmp_path: Path, old: str, new: str, line: int, path: str, message: str
) -> None:
    """A problem names the file, the line and the path, and says what is expected there."""
    found = messages(tmp_path, changed(old, new))
    assert any(re.match(rf"sixth\.yaml:{line}: {re.escape(path)}: .*{re.escape(message)}", one) for one in found), found
    for value in ("13800138000", "zhang", "nobody", "Sixth Site", "guess"):
        assert not any(value in one for one in found)


def test_every_problem_is_named_in_one_go(tmp_path: Path) -> None:
    """A broken file is still checked for what else is wrong: rules, names, order and overlap."""
    text = (
        PACK.replace("title: A sixth site", "titel: x")
        .replace("operator: Sixth Ltd", "operator: 5")
        .replace("system: sixth", "system: sepp")
        .replace("[web_log,", "[web_log, Bad Name, nobody,")
        .replace("v4: 8, v6: 24", "v4: 24, v6: 48, extra: 1")
        .replace("overrides:\n", "overrides:\n  - {field: page_url, treatment: {do: guess}, reason: r}\n")
    )
    lines = sorted(int(one.split(":")[1]) for one in messages(tmp_path, text))
    assert lines == [1, 3, 4, 6, 7, 7, 9, 11, 11]


def test_what_only_shows_behind_another_problem(tmp_path: Path) -> None:
    """Edges that fall, beside an unknown key, are found once the key is gone."""
    text = changed("{do: truncate_ip, v4: 8, v6: 24}", "{do: bucket, edges: [2, 1], more: 1}")
    assert [one.split(": ")[1] for one in messages(tmp_path, text)] == ["overrides[0].treatment.?"]
    assert "ascend" in messages(tmp_path, text.replace(", more: 1", ""))[0]


@pytest.mark.parametrize("text", ["", "7", "- 1\n- 2", "names: 5\noverrides: 7\n"])
def test_a_file_that_is_no_pack_at_all(tmp_path: Path, text: str) -> None:
    """An empty file, a number and a list are problems, not tracebacks."""
    assert messages(tmp_path, text)


def test_odd_files(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, an impossible date, an alias and a tag that loads objects are all just problems."""
    path = tmp_path / "odd.yaml"
    for content in (b"\xff\xfe\x00", b"valid_from: 2024-13-45T00:00:00+08:00", b"a: !!python/object:os.system x"):
        path.write_bytes(content)
        assert "YAML" in str(check_file(path)[0])
    path.write_bytes(b"a: &x {b: 1}\nc: *x\n")
    assert all("twice" not in str(problem) for problem in check_file(path))
    path.unlink()
    assert "cannot be opened" in str(check_file(path)[0])


def test_only_the_first_problems_of_many_stand_in_the_error(tmp_path: Path) -> None:
    """Loading a very broken folder says how many more problems there are."""
    write_sixth(tmp_path, "id: 1\n", INVENTORY)
    with pytest.raises(PolicyError, match=r"and \d+ more"):
        load_catalogue(tmp_path)


def test_two_broken_packs_do_not_clash_by_what_is_missing(tmp_path: Path) -> None:
    """Packs without a valid id, system or start are not reported as overlapping each other."""
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text(changed("2024-01-01T00:00:00+08:00", "soon").replace("id: sixth_2024\n", ""))
    assert not [one for one in check_file(tmp_path) if "exists" in str(one) or "same time" in str(one)]


def test_rows_cannot_be_redefined(tmp_path: Path) -> None:
    """A row of one's own may not take the name of a row that ships, nor stand twice."""
    second = INVENTORY + INVENTORY.removeprefix("rows:\n")
    write_sixth(tmp_path, inventory=second + INVENTORY.removeprefix("rows:\n").replace("shelf_number", "fax"))
    found = [str(problem) for problem in check_file(tmp_path / "inventory.yaml")]
    assert [one.split(": ")[1] for one in found] == ["rows[1].field", "rows[2].field"]
    with pytest.raises(PolicyError, match="never redefined"):
        load_catalogue(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("class: N", "class: N+", "never kept"),
        ("class: N", "class: K", "SECRET_PROHIBITED"),
        ("class: N", "class: X", "BIOMETRIC_PROHIBITED"),
        ("{do: keep, shape: code}", "{do: pseudonymize}", "token_kind"),
        ("class: N", "class: N\n    token_kind: account", "token_kind"),
        ("class: N", "class: N\n    type: bool", "shape flag"),
        ("class: N", "class: N\n    type: int64", "shape any_number"),
        ("shape: code", "shape: any_number", "number or a flag"),
        ("shape: code", "values: []", "needs a shape or values"),
        ("class: N", "class: N\n    event: true\n    signal: true", "an event, a signal"),
        ("requirement: R-COMB-01", "requirement: because", "must match"),
        ("reason: Which shelf of the shop was shown.", "reason: ''", "must not be empty"),
        ("export: no", "export: maybe", "'no', 'gate' or 'agg'"),
    ],
)
def test_rows_that_contradict_themselves(tmp_path: Path, old: str, new: str, message: str) -> None:
    """A row whose class, type and treatment do not fit is refused."""
    write_sixth(tmp_path, inventory=INVENTORY.replace(old, new))
    assert any(message in str(problem) for problem in check_file(tmp_path / "inventory.yaml"))


def test_the_files_that_ship_are_valid() -> None:
    """Inventory, packs and the folder itself pass their own check, one by one."""
    assert check_file(BUILT_IN / "inventory.yaml") == ()
    assert check_file(BUILT_IN) == ()
    assert check_file(BUILT_IN / "packs") == ()
    for path in (BUILT_IN / "packs").glob("*.yaml"):
        assert check_file(path) == ()


def test_one_pack_can_be_read_by_its_path(tmp_path: Path) -> None:
    """A single file resolves with the rows beside it, to the pack the folder gives; a broken one is an error."""
    path = write_sixth(tmp_path)
    pack, rows = read_pack(path)
    assert "shelf_number" in rows
    assert pack == load_catalogue(tmp_path).pack("sixth_2024")
    with pytest.raises(PolicyError, match="names"):
        read_pack(write_sixth(tmp_path, changed("names: [web_log,", "names: [nobody,")))
    with pytest.raises(PolicyError, match="title"):
        read_pack(write_sixth(tmp_path, changed("title: A sixth site\n", "")))
