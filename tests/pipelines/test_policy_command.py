"""The commands `ebb policy …`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from governance.errors import UsageError
from governance.policy import load_catalogue
from governance.policy.loading import BUILT_IN
from pipelines.cli import ebb
from tests.governance.policy.examples import PACK, write_sixth

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: object, code: int = 0) -> str:
    """Run `ebb policy` and return what it printed."""
    result = CliRunner().invoke(ebb, ["policy", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def run_json(*arguments: object, code: int = 0) -> Any:
    """Run `ebb policy … --json` and return the document."""
    return json.loads(run(*arguments, "--json", code=code))


def test_list_names_every_pack(tmp_path: Path) -> None:
    """The list holds ids, validity in +08:00 and citations, with packs of one's own."""
    write_sixth(tmp_path)
    text = run("list", "--packs", tmp_path)
    assert "sixth_2024" in text
    rows = {row["id"]: row for row in run_json("list")}
    assert set(rows) == {pack.id for pack in load_catalogue().packs}
    assert rows["mic_global_2022"]["valid_from"] == "2022-08-04T00:00:00+08:00"
    assert rows["mic_global_2022"]["valid_to"] is None
    assert rows["sepp"]["citation"].startswith("sepp@")


def test_list_is_aligned_under_a_header() -> None:
    """Every citation stands under its header, and no line ends with spaces."""
    header, *lines = run("list").splitlines()
    place = header.index("citation")
    assert all(line[place - 1] == " " and "@" in line[place:] and line == line.rstrip() for line in lines)


def test_check_takes_the_id_of_a_pack_and_finds_nothing_valid_in_an_empty_folder(tmp_path: Path) -> None:
    """A pack of the catalogue is checked by its id; an unknown one is a mistake; no pack at all is a problem."""
    assert run("check", "sepp") == "valid\n"
    with pytest.raises(UsageError, match="packs are"):
        run("check", "nosuch")
    assert "holds no pack" in run("check", tmp_path, code=1)


def test_check_names_an_unknown_key_at_the_top(tmp_path: Path) -> None:
    """A slip in a key is named; what does not look like a key may be anything, and is not."""
    text = run("check", write_sixth(tmp_path, PACK + "purpose: [statistics]\nZhang San: 1\n"), code=1)
    assert "purpose: is not a known key" in text
    assert "?: is not a known key" in text
    assert "Zhang" not in text


def test_diff_shows_old_and_new_words(tmp_path: Path) -> None:
    """A scalar that changed stands with both its words, instants in +08:00, parts by their path, lists without."""
    text = run("diff", "mic_global_2021", "mic_global_2022")
    assert "valid_from: 2021-04-30T00:00:00+08:00 → 2022-08-04T00:00:00+08:00" in text
    (tmp_path / "new").mkdir()
    new = write_sixth(tmp_path / "new", PACK.replace("{value: 10, unit: days, f", "{value: 9, unit: days, f"))
    assert "changed  reply_deadline: value 10 → 9\n" in run("diff", write_sixth(tmp_path), new)


def test_explain_suggests_the_nearest_names() -> None:
    """A slip in a field's name is answered with the names that are near."""
    with pytest.raises(UsageError, match="did you mean ip_address"):
        run("explain", "sepp", "ip_adress")


def test_show_prints_the_whole_pack() -> None:
    """A pack is shown with its names sorted, its promises and its digest."""
    shown = run_json("show", "mic_domestic")
    assert shown["names"] == sorted(shown["names"])
    assert shown["unconfirmed"]
    text = run("show", "sepp")
    for word in ("COL-SEPP-11", "reply_deadline", "Sino-European", "payer_bank", "digest"):
        assert word in text


def test_check_passes_a_valid_pack(tmp_path: Path) -> None:
    """A valid file and a valid folder exit 0 and say so."""
    path = write_sixth(tmp_path)
    assert run("check", path) == "valid\n"
    assert run_json("check", tmp_path) == {"valid": True, "problems": []}
    assert run("check", BUILT_IN) == "valid\n"


def test_check_reports_every_problem_and_exits_one(tmp_path: Path) -> None:
    """Problems come with lines and without the values found; one of them is enough for exit 1."""
    path = write_sixth(tmp_path, PACK.replace("statistics", "zhangsan").replace("title: A sixth site\n", ""))
    text = run("check", path, code=1)
    assert "sixth.yaml:11: purposes[0]" in text
    assert "title: is missing" in text
    assert text.endswith("2 problems\n")
    assert "zhangsan" not in text
    path = write_sixth(tmp_path, PACK.replace("title: A sixth site\n", ""))
    assert run("check", path, code=1).endswith("1 problem\n")
    document = run_json("check", path, code=1)
    assert document["problems"] == [{"file": "sixth.yaml", "line": 1, "path": "title", "message": "is missing"}]


def test_diff_groups_changes_by_class() -> None:
    """Changes stand under their class, and the notice that they need comes last."""
    text = run("diff", "mic_global_2021", "mic_global_2022")
    assert text.index("MAJ-1") < text.index("names.fax") < text.index("MAJ-3") < text.index("recipients.fourpx")
    assert text.splitlines()[-1].startswith("Major change")
    document = run_json("diff", "mic_global_2021", "mic_global_2022")
    assert document["codes"] == ["MAJ-1", "MAJ-2", "MAJ-3", "MAJ-5"]


def test_diff_takes_paths(tmp_path: Path) -> None:
    """A pack may be named by the path of its file."""
    path = write_sixth(tmp_path)
    assert run("diff", path, path) == "No major change: the page with the policy is enough.\n"


def test_explain_says_class_treatment_and_why(tmp_path: Path) -> None:
    """A field is explained for people and for machines, with rows of one's own too."""
    text = run("explain", "mic_global_2022", "mac_address")
    for words in ("N+", "pseudonymize", "token of the day", "6 months", "R-COMB-04", "singles out a device"):
        assert words in text
    assert run_json("explain", "mic_global_2022", "mac_address")["class"] == "N+"
    assert "does not name it" in run("explain", "mic_global_2022", "fax")
    assert "shelf_number" in run("explain", write_sixth(tmp_path), "shelf_number")


def test_unknown_packs_and_fields_are_usage_errors() -> None:
    """A pack or a field that does not exist is a mistake of the call, exit 2, with a hint."""
    for arguments, hint in ((["show", "nobody"], "mic_global_2022"), (["explain", "sepp", "nothing"], "show")):
        with pytest.raises(UsageError, match=hint) as caught:
            run(*arguments)
        assert caught.value.exit_code == 2


@pytest.mark.parametrize("command", [[], ["list"], ["show"], ["check"], ["diff"], ["explain"]])
def test_every_command_has_help_with_an_example(command: list[str]) -> None:
    """`--help` of each command shows an example."""
    assert "Example: ebb policy" in run(*command, "--help")
