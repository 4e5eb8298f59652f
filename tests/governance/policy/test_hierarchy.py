"""Hierarchy files and the packs that use them."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from governance.errors import PolicyError
from governance.policy import load_catalogue
from governance.policy.explain import explain
from governance.policy.hierarchy import FOLDER, Hierarchy, read_hierarchy
from governance.policy.strictness import stricter
from governance.policy.treatments import Suppress
from tests.governance.policy.examples import PACK, write_sixth

if TYPE_CHECKING:
    from pathlib import Path

CSV = "Nanjing;Jiangsu;CN\nSuzhou;Jiangsu;CN\nLyon;Rhône;FR\n"
INVENTORY = """\
rows:
  - field: shelf_number
    group: service_log
    class: N
    analytics: {do: hierarchy, file: places/cities.csv, level: 1}
    export: gate
    retention: LOG
    requirement: R-COMB-01
    reason: Where the shelf stands.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of packs with a hierarchy."""
    (tmp_path / "places").mkdir()
    (tmp_path / "places" / "cities.csv").write_text(CSV, encoding="utf-8")
    return tmp_path


def made(folder: Path, level: int = 1, file: str = "places/cities.csv", **more: str) -> Hierarchy:
    """Return the treatment as a pack in `folder` would have it."""
    return Hierarchy.model_validate({"file": file, "level": level, **more}, context={FOLDER: folder})


def test_a_pack_carries_its_hierarchy(folder: Path) -> None:
    """The file is read with the pack, so that the pack pickles and works where the file is not."""
    write_sixth(folder, inventory=INVENTORY)
    catalogue = pickle.loads(pickle.dumps(load_catalogue(folder)))
    (folder / "places" / "cities.csv").unlink()
    treatment = catalogue.inventory["shelf_number"].analytics
    assert treatment.table == {"Nanjing": "Jiangsu", "Suzhou": "Jiangsu", "Lyon": "Rhône"}
    told = explain(catalogue.pack("sixth_2024"), catalogue.inventory["shelf_number"])
    assert told["analyst_sees"]["anonymous"] == "level 1 of the hierarchy places/cities.csv, or `*`"
    assert told["treatment"]["anonymous"]["sha256"] == treatment.sha256


def test_what_the_file_says_is_part_of_the_digest(folder: Path) -> None:
    """Another file makes another pack; the same lines written with other line ends do not."""
    write_sixth(folder, inventory=INVENTORY)
    digests = []
    for text in (CSV, CSV.replace("\n", "\r\n"), CSV.replace("Rhône", "France")):
        (folder / "places" / "cities.csv").write_text(text, encoding="utf-8", newline="")
        pack = load_catalogue(folder).pack("sixth_2024")
        assert pack
        digests.append(pack.digest)
    assert digests[0] == digests[1] != digests[2]


def test_the_coarser_level_is_the_stricter(folder: Path) -> None:
    """Two levels of one file meet at the coarser; levels of two files do not compare."""
    fine, coarse = made(folder), made(folder, 2)
    assert stricter(fine, coarse) == stricter(coarse, fine) == coarse
    assert stricter(fine, made(folder, 2, other="?")) == Suppress()
    (folder / "other.csv").write_text("Nanjing;East\n", encoding="utf-8")
    assert stricter(fine, made(folder, file="other.csv")) == Suppress()
    assert hash(fine) == hash(made(folder))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no line"),
        ("alone\nso am I\n", "no line"),
        ("a;b;c\nd;e\n", "line 2"),
        ("a;b\na;c\n", "twice"),
        ("a;b;c\nd;b;e\n", "level 2"),
        ('a;"b\n', "readable"),
        (b"\xff\xfe;x", "UTF-8"),
        (None, "opened"),
        (b"x" * 8_000_001, "too large"),
    ],
)
def test_what_is_no_hierarchy_is_refused(folder: Path, content: str | bytes | None, message: str) -> None:
    """Each fault is named without a word of the file."""
    path = folder / "h.csv"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ValueError, match=message):
        read_hierarchy(path)


@pytest.mark.parametrize("file", ["../secret.csv", "/etc/passwd", "a/../b.csv", "x.txt", ".csv", "C:\\x.csv"])
def test_a_file_lies_with_the_pack(folder: Path, file: str) -> None:
    """No path leads out of the pack's folder."""
    with pytest.raises(ValidationError, match="file"):
        made(folder, file=file)


def test_a_level_that_the_file_lacks(folder: Path) -> None:
    """The problem is named with the line of the pack."""
    pack = PACK.replace("{do: truncate_ip, v4: 8, v6: 24}", "{do: hierarchy, file: places/cities.csv, level: 3}")
    write_sixth(folder, pack=pack)
    with pytest.raises(PolicyError, match=r"sixth\.yaml:10: overrides\[0\]\.treatment: the file has 2 levels"):
        load_catalogue(folder)


def test_without_a_folder_there_is_no_file() -> None:
    """A hierarchy is only read together with its pack."""
    with pytest.raises(ValidationError, match="its pack"):
        Hierarchy(file="a.csv", level=1)


@pytest.mark.samples
def test_real_hierarchies_are_read(samples: Path) -> None:
    """The nine hierarchies of a well-known data set are valid."""
    files = sorted((samples / "k_anonymity").glob("adult_hierarchy_*.csv"))
    assert len(files) == 9
    assert {path.stem.rpartition("_")[2]: len(read_hierarchy(path)) for path in files}["native-country"] == 41
