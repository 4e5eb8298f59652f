"""Settings, and the making of a home."""

from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from governance.errors import KeyringError, UsageError
from pipelines.options import common
from pipelines.settings import KeyringOpener, Settings, ensure_home, load_settings

SCOPE = ("statistics", "sepp", "", "account", "2026H2")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in a folder of its own, without the machine's settings."""
    for name in ("HOME", "LAKE", "LEDGER_URL", "KEYRING_URL", "ROOT_KEY", "ROOT_KEY_FILE", "PACKS", "AUTHORIZATION"):
        monkeypatch.delenv(f"EBB_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_lie_in_the_home(elsewhere: Path) -> None:
    """Without settings all lies in ./.ebb, written in full, and nobody is authorized."""
    settings = load_settings()
    assert settings.home == elsewhere / ".ebb"
    assert settings.lake == f"{elsewhere}/.ebb/lake"
    assert settings.keyring_url == f"sqlite:///{elsewhere}/.ebb/keyring.sqlite"
    assert settings.root_key_file == elsewhere / ".ebb" / "root.key"
    assert (settings.packs, settings.authorization, settings.authorized_systems) == (None, "none", ())


def test_flags_outrank_environment_outranks_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source is asked in its order; None is no flag."""
    Path("ebb.toml").write_text(
        'home = "/file"\nlake = "/file/lake"\nauthorization = "operator"\nauthorized_systems = ["sepp"]\n'
    )
    monkeypatch.setenv("EBB_HOME", "/env")
    monkeypatch.setenv("EBB_LAKE", "gs://env/lake")
    settings = load_settings(home=Path("/flag"), lake=None)
    assert settings.home == Path("/flag")
    assert settings.lake == "gs://env/lake"
    assert (settings.authorization, settings.authorized_systems) == ("operator", ("sepp",))
    assert load_settings().home == Path("/env")


@pytest.mark.parametrize(
    "other",
    [
        "sqlite:///one.sqlite",
        "sqlite+pysqlite:///{here}/one.sqlite?timeout=3",
        "sqlite:///file:{here}/one.sqlite?uri=true",
        "sqlite:///link.sqlite",
    ],
)
def test_ledger_and_keyring_in_one_file_are_refused(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """Each waits for the other there; the sentence says what to set. Two files, or one server, are no mistake."""
    Path("link.sqlite").symlink_to("one.sqlite")
    monkeypatch.setenv("EBB_LEDGER_URL", f"sqlite:///{elsewhere}/one.sqlite")
    monkeypatch.setenv("EBB_KEYRING_URL", other.format(here=elsewhere))
    with pytest.raises(UsageError, match=r"one SQLite file.*ledger_url and keyring_url"):
        load_settings()
    monkeypatch.setenv("EBB_KEYRING_URL", "sqlite:///two.sqlite")
    load_settings()
    for name in ("EBB_LEDGER_URL", "EBB_KEYRING_URL"):
        monkeypatch.setenv(name, "postgresql+psycopg://localhost/ebb")
    load_settings()


def test_variables_that_are_no_setting_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """EBB_ROOT_KEY and variables of other tools are no mistake, and no setting holds them."""
    monkeypatch.setenv("EBB_ROOT_KEY", "hunter2")
    monkeypatch.setenv("EBB_OTHER", "hunter2")
    assert "hunter2" not in repr(load_settings())


def test_systems_in_the_environment_stand_between_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """EBB_AUTHORIZED_SYSTEMS=a,b names two systems."""
    monkeypatch.setenv("EBB_AUTHORIZED_SYSTEMS", "sepp, mic_global,")
    assert load_settings().authorized_systems == ("sepp", "mic_global")


@pytest.mark.parametrize(
    ("arguments", "home"), [([], "/file"), (["--home", ".ebb"], ".ebb"), (["--home", "/flag"], "/flag")]
)
def test_the_default_of_a_flag_is_no_flag(arguments: list[str], home: str, elsewhere: Path) -> None:
    """The command line's own default of --home does not outrank ebb.toml; the same value typed does."""
    Path("ebb.toml").write_text('home = "/file"\n')
    seen: list[Path] = []

    @click.command()
    @common
    def command(home: Path, packs: Path | None, as_json: bool) -> None:
        assert not as_json
        seen.append(load_settings(home=home, packs=packs).home)

    assert CliRunner().invoke(command, arguments, catch_exceptions=False).exit_code == 0
    assert seen == [elsewhere / home]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ('authorization = "hunter2"', "authorization"),
        ('root_key = "hunter2"', "root_key"),
        ("hunter2", "not TOML"),
        ("authorized_systems = { hunter2 = 1 }", "authorized_systems"),
    ],
)
def test_mistakes_are_named_unquoted(content: str, named: str) -> None:
    """A bad setting is named, its value is not; a root key is no setting."""
    Path("ebb.toml").write_text(content)
    with pytest.raises(UsageError, match=named) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_an_unreadable_variable_is_named_unquoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of a wrong value raises a usage error without that value."""
    monkeypatch.setenv("EBB_AUTHORIZATION", "hunter2")
    with pytest.raises(UsageError, match="authorization") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_settings_do_not_change() -> None:
    """Settings are frozen."""
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.lake = "/elsewhere"


def test_a_home_is_made_once(elsewhere: Path) -> None:
    """The first call makes folder, root key, keyring and ops key, each closed to others; the second makes nothing."""
    settings = load_settings()
    made = ensure_home(settings)
    assert [sentence.split(" ", 4)[2] for sentence in made] == ["folder", "root", "keyring", "ops"]
    assert "Move it off every host that streams" in made[-1]
    assert (elsewhere / ".ebb").stat().st_mode & 0o777 == 0o700
    files = {file.name: file.stat().st_mode & 0o777 for file in (elsewhere / ".ebb").iterdir()}
    assert files == {"root.key": 0o600, "keyring.sqlite": 0o600, "ops.key": 0o600}
    before = {file: file.read_bytes() for file in (elsewhere / ".ebb").iterdir()}
    assert ensure_home(settings) == []
    assert {file: file.read_bytes() for file in before} == before


def test_the_ops_key_may_move_away(elsewhere: Path) -> None:
    """Once its public half is in the keyring, the private file is not made again."""
    settings = load_settings()
    ensure_home(settings)
    (elsewhere / ".ebb" / "ops.key").unlink()
    assert ensure_home(settings) == []


def test_an_ops_key_that_is_there_is_taken(elsewhere: Path) -> None:
    """A run that stopped between file and keyring is finished by the next."""
    settings = load_settings()
    ensure_home(settings)
    (elsewhere / ".ebb" / "keyring.sqlite").unlink()
    assert "Took the ops key" in ensure_home(settings)[-1]


def test_a_lost_root_key_is_not_replaced(elsewhere: Path) -> None:
    """A keyring without its root key is an error; a new root key would open nothing."""
    settings = load_settings()
    ensure_home(settings)
    (elsewhere / ".ebb" / "root.key").unlink()
    with pytest.raises(KeyringError, match="missing: restore it"):
        ensure_home(settings)
    assert not (elsewhere / ".ebb" / "root.key").exists()


def test_the_root_key_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, elsewhere: Path) -> None:
    """With EBB_ROOT_KEY no file is written; another value of it does not open the keyring, an empty one is named."""
    settings = load_settings()
    monkeypatch.setenv("EBB_ROOT_KEY", "11" * 32)
    ensure_home(settings)
    assert not (elsewhere / ".ebb" / "root.key").exists()
    assert settings.opener().token_key(*SCOPE)
    monkeypatch.setenv("EBB_ROOT_KEY", "22" * 32)
    with pytest.raises(KeyringError, match="does not belong"):
        settings.opener()
    monkeypatch.setenv("EBB_ROOT_KEY", " ")
    with pytest.raises(KeyringError, match="EBB_ROOT_KEY is empty"):
        settings.opener()


def test_the_opener_travels_and_the_key_does_not(elsewhere: Path) -> None:
    """An opener is pickled without key material, and opens the same keyring where it arrives."""
    settings = load_settings()
    ensure_home(settings)
    packed = pickle.dumps(settings.opener)
    secret = (elsewhere / ".ebb" / "root.key").read_text().strip()
    assert secret.encode() not in packed
    assert bytes.fromhex(secret) not in packed
    opener = pickle.loads(packed)
    assert opener == settings.opener == KeyringOpener(settings.keyring_url, settings.root_key_file)
    assert opener().token_key(*SCOPE).tokens(["x"]) == settings.opener().token_key(*SCOPE).tokens(["x"])


def test_an_opener_without_keyring_says_what_to_do() -> None:
    """Before `ebb keys init` the message names it."""
    with pytest.raises(KeyringError, match=r"no keyring at .* run `ebb keys init`"):
        load_settings().opener()


def _first_run(home: Path) -> list[str | None]:
    settings = Settings(home=home)
    ensure_home(settings)
    return settings.opener().token_key(*SCOPE).tokens(["x"])


def test_first_runs_at_one_moment_agree(elsewhere: Path) -> None:
    """Processes that make one home at once end with one root key, one ops key and one keyring."""
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        found = pool.map(_first_run, [elsewhere / "home"] * 6, chunksize=1)
    assert all(tokens == found[0] for tokens in found)
    assert {file.name for file in (elsewhere / "home").iterdir()} == {"root.key", "keyring.sqlite", "ops.key"}
