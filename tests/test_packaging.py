"""What is shipped is complete, and what is tracked is fit to be published."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("governance", "transforms", "retention", "pipelines")
MOST_LINES = 400

# Assembled, so that this file does not match itself.
UNFINISHED = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "NotImplemented" + "Error"]) + r")\b")
OF_A_MACHINE = re.compile(
    r"(?:^|[^A-Za-z0-9_.])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me", "Us" + "ers"]) + r")/"
)


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files of the repository, those to be added included, relative to its root."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("not a git checkout")
    return tuple(
        path
        for name in sorted(set(done.stdout.split("\0")))
        if name and (path := Path(name)) and (ROOT / path).is_file()
    )


def lines_of(path: Path) -> list[str]:
    """Return the lines of a text file; of a binary one, none."""
    try:
        return (ROOT / path).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def matches(pattern: re.Pattern[str]) -> list[str]:
    """Return where the pattern occurs in tracked files."""
    return [
        f"{path}:{number}"
        for path in tracked()
        for number, line in enumerate(lines_of(path), start=1)
        if pattern.search(line)
    ]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """Return the names in a wheel that was built offline from a clean copy of the tracked files."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for path in tracked():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, source / path)
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", *offline, "--wheel-dir", str(target), str(source)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    (built,) = target.glob("ebbtide-*.whl")
    with zipfile.ZipFile(built) as archive:
        return frozenset(archive.namelist())


def test_every_module_and_data_file_is_in_the_wheel(wheel: frozenset[str]) -> None:
    """Modules, policy packs, mappings and schemas of the four packages are shipped."""
    expected = {
        str(path)
        for path in tracked()
        if path.parts[0] in PACKAGES and path.suffix in {".py", ".yaml", ".json", ".typed"}
    }
    assert sorted(expected - wheel) == []


def test_the_wheel_holds_nothing_else(wheel: frozenset[str]) -> None:
    """No tests, no notes and no settings are shipped."""
    others = {name for name in wheel if name.split("/")[0] not in PACKAGES and ".dist-info/" not in name}
    assert others == set()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_the_lock_pins_by_hash_and_names_no_address(name: str) -> None:
    """Every requirement of a lock has one version and hashes; no index, link or option is in it."""
    logical = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    entries = [line for line in logical if line.strip() and not line.lstrip().startswith("#")]
    assert entries
    for line in entries:
        assert re.match(r"[A-Za-z0-9._-]+==\S+ ", line), line[:80]
        assert " --hash=sha256:" in line, line[:80]
    assert not [line for line in logical if "://" in line or "--index" in line or "--find" in line]


def test_the_lock_holds_what_the_distribution_requires() -> None:
    """Each requirement of setup.py is in the lock, at a version that it accepts."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pinned = {
        name.lower().replace("_", "-"): version
        for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)
    }
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^    install_requires=(\[.*?^    \]),$", setup, re.MULTILINE | re.DOTALL)
    required = [Requirement(line) for line in ast.literal_eval(listed)]
    assert required
    for requirement in required:
        assert requirement.specifier.contains(pinned[requirement.name.lower()]), str(requirement)


def test_no_unfinished_mark_is_tracked() -> None:
    """What is not done is not in the tree."""
    assert matches(UNFINISHED) == []


def test_no_path_of_a_machine_is_tracked() -> None:
    """No file names the folder of the person or machine that wrote it."""
    assert matches(OF_A_MACHINE) == []


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    """A Python file stays within 400 lines."""
    long = {str(path): len(lines_of(path)) for path in tracked() if path.suffix == ".py"}
    assert {path: count for path, count in long.items() if count > MOST_LINES} == {}


def test_every_folder_of_tests_is_a_package() -> None:
    """Test modules of the same name in two folders do not shadow each other."""
    folders = {path.parent for path in tracked() if path.parts[0] == "tests" and path.suffix == ".py"}
    assert sorted(str(folder) for folder in folders if not (ROOT / folder / "__init__.py").is_file()) == []


def test_the_image_brings_the_same_beam() -> None:
    """The Beam boot program of the image and the locked Python package are of one release."""
    image = re.search(r"beam_python3\.11_sdk:(\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert image
    assert f"apache-beam=={image[1]} " in (ROOT / "requirements.txt").read_text(encoding="utf-8")
