"""The doctor: each thing looked at in its good, its missing and its broken state."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from governance.errors import EbbError
from pipelines import checkup, tools
from pipelines.cli import ebb
from pipelines.settings import ROOT_KEY_VARIABLE, ensure_home, load_settings
from tests.emulator import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.settings import Settings
    from tests.emulator import Emulator


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no setting of this machine into the tests."""
    names = ("EBB_HOME", "EBB_LAKE", "EBB_PACKS", ROOT_KEY_VARIABLE, "PUBSUB_EMULATOR_HOST", "EBB_PRISM")
    for name in (*names, "EBB_EMULATOR_JAR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a home folder with a keyring."""
    chosen = load_settings(home=tmp_path / "home")
    ensure_home(chosen)
    return chosen


def program(path: Path) -> Path:
    """Make an executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_fresh_machine_misses_things_but_has_no_problem(tmp_path: Path) -> None:
    """Before the first run home, keyring and lake are missing, each with what makes it, and nothing was made."""
    states = {check.name: check for check in checkup.examine(load_settings(home=tmp_path / "none"))}
    for name in ("home", "keyring", "lake"):
        assert states[name].state == "missing"
        assert "ebb " in states[name].advice
    assert not [check for check in states.values() if check.state == "problem"]
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_was_made_is_well(settings: Settings) -> None:
    """With keyring and root key in place both are ok."""
    states = {check.name: check.state for check in checkup.examine(settings)}
    assert (states["home"], states["keyring"], states["packs"], states["python"]) == ("ok", "ok", "ok", "ok")


def test_a_wrong_or_lost_root_key_is_a_problem(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring that its root key does not open is broken, and the advice is the error's own."""
    monkeypatch.setenv(ROOT_KEY_VARIABLE, "11" * 32)
    assert checkup.check_keyring(settings).state == "problem"
    monkeypatch.delenv(ROOT_KEY_VARIABLE)
    settings.root_key_file.unlink()
    lost = checkup.check_keyring(settings)
    assert lost.state == "problem"
    assert lost.advice


def test_packs_that_do_not_load_are_a_problem(tmp_path: Path) -> None:
    """A pack of one's own that is no pack is named."""
    (tmp_path / "bad.yaml").write_text("id: 7\n", encoding="utf-8")
    assert checkup.check_packs(tmp_path).state == "problem"
    assert checkup.check_packs(None).state == "ok"


def test_a_home_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    """A file where the folder should be cannot hold a lake."""
    (tmp_path / "file").touch()
    assert checkup.check_home(tmp_path / "file").state == "problem"


def test_a_full_disk_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than the least free space stops commits, so it is said before."""
    assert checkup.check_disk(tmp_path / "not" / "there").state == "ok"
    monkeypatch.setattr(checkup, "LEAST_FREE", shutil.disk_usage(tmp_path).total + 1)
    assert checkup.check_disk(tmp_path).state == "problem"


def test_an_emulator_that_is_named_must_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset it is missing; set to where nobody listens, or to no address, it is a problem."""
    assert checkup.check_emulator_host().state == "missing"
    for wrong in (f"127.0.0.1:{free_port()}", "nonsense", "localhost:port"):
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", wrong)
        assert checkup.check_emulator_host().state == "problem"


@pytest.mark.emulator
def test_a_running_emulator_answers(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator of the tests is found where the environment says."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", emulator.host)
    assert checkup.check_emulator_host().state == "ok"


def test_programs_are_found_where_they_may_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prism and the emulator's jar: by name, beside gcloud, on PATH, in the cache; a wrong name is not replaced."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert (tools.find_prism(), tools.find_emulator_jar(), tools.find_java()) == (None, None, None)
    cached = program(tmp_path / ".cache" / "ebb" / "prism" / "prism")
    assert tools.find_prism() == cached
    on_path = program(tmp_path / "bin" / "prism")
    assert tools.find_prism() == on_path
    monkeypatch.setenv("EBB_PRISM", str(tmp_path / "nowhere"))
    assert tools.find_prism() is None
    monkeypatch.setenv("EBB_PRISM", str(cached))
    assert tools.find_prism() == cached
    jar = tmp_path / "sdk/platform/pubsub-emulator/lib/cloud-pubsub-emulator-0.8.20-all.jar"
    jar.parent.mkdir(parents=True)
    jar.touch()
    (tmp_path / "bin" / "gcloud").symlink_to(program(tmp_path / "sdk" / "bin" / "gcloud"))
    assert tools.find_emulator_jar() == jar
    monkeypatch.setenv("EBB_EMULATOR_JAR", str(tmp_path / "other.jar"))
    assert tools.find_emulator_jar() is None
    assert checkup.check_java().state == checkup.check_emulator_jar().state == "missing"


def test_gos_own_folder_is_looked_into_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `go install` put into GOPATH's bin folder is found through `go env`; a go that fails is no error."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    go = program(tmp_path / "bin" / "go")
    go.write_text(f"#!/bin/sh\necho {tmp_path}/go\n", encoding="utf-8")
    installed = program(tmp_path / "go" / "bin" / "prism")
    assert tools.find_prism() == installed
    go.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    assert tools.find_prism() is None


def test_tables_are_listed_and_a_broken_one_is_named(settings: Settings) -> None:
    """A table has its version and rows; one whose log cannot be read is a problem."""
    log = settings.home / "lake" / "analytics" / "service_log" / "_delta_log"
    log.mkdir(parents=True)
    (log / "00000000000000000000.json").write_text("{}\n", encoding="utf-8")
    (found,) = [check for check in checkup.check_lake(settings.lake) if check.name == "analytics/service_log"]
    assert found.state == "problem"


def test_the_command_reports_and_exits_by_what_it_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """All well: a line a check, exit 0. Something broken: the same report, and an error that names it."""
    arguments = ["doctor", "--home", str(settings.home)]
    well = CliRunner().invoke(ebb, arguments, standalone_mode=False)
    assert well.exception is None
    assert "keyring" in well.stdout
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{free_port()}")
    broken = CliRunner().invoke(ebb, [*arguments, "--json"], standalone_mode=False)
    report = json.loads(broken.stdout)
    assert report["healthy"] is False
    assert {check["name"] for check in report["checks"] if check["state"] == "problem"} == {"PUBSUB_EMULATOR_HOST"}
    assert isinstance(broken.exception, EbbError)
    assert broken.exception.exit_code == 1
