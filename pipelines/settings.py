"""Settings: flags > `EBB_*` environment > `ebb.toml` in the current folder > defaults. None of them is a secret."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import click
from click.core import ParameterSource
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from governance.errors import KeyringError, UsageError
from governance.keys import Keyring, OpsKey, RootKey, keyring_exists, keyring_place

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT_KEY_VARIABLE = "EBB_ROOT_KEY"
FILE = "ebb.toml"


class Settings(BaseSettings):
    """What a command works with.

    Attributes:
        home: folder of the embedded lake, ledger and keyring; made absolute, since workers may start elsewhere.
        lake: URI of the lake; by default `home`/lake.
        keyring_url: SQLAlchemy URL; by default the SQLite file `home`/keyring.sqlite.
        ledger_url: SQLAlchemy URL; by default the SQLite file `home`/ledger.sqlite.
        datasets: register of what else is stored where (`datasets.yaml`); by default `home`/datasets.yaml if it is
            there. The lake's own tables are registered without it.
        second_pair_of_eyes: a sweep needs the approval of somebody who did not plan it.
        root_key_file: by default `home`/root.key; not read where EBB_ROOT_KEY is set.
        packs: folder with policy packs of one's own.
        authorization: `none`: every event takes the anonymous path. `operator`: the operator declares that the
            accounts of `authorized_systems` have authorized the personal path.
        authorized_systems: names of systems; in the environment with commas between them.
    """

    model_config = SettingsConfigDict(env_prefix="EBB_", toml_file=FILE, extra="forbid", frozen=True)

    home: Path = Field(default=Path(".ebb"), validate_default=True)
    lake: str = Field(default_factory=lambda data: str(data["home"] / "lake"))
    keyring_url: str = Field(default_factory=lambda data: f"sqlite:///{data['home'] / 'keyring.sqlite'}")
    ledger_url: str = Field(default_factory=lambda data: f"sqlite:///{data['home'] / 'ledger.sqlite'}")
    datasets: Path | None = None
    second_pair_of_eyes: bool = False
    root_key_file: Path = Field(default_factory=lambda data: data["home"] / "root.key")
    packs: Path | None = None
    authorization: Literal["none", "operator"] = "none"
    authorized_systems: Annotated[tuple[str, ...], NoDecode] = ()

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.absolute()

    @field_validator("authorized_systems", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources, first wins."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))

    @property
    def ops_key_file(self) -> Path:
        """Where `ebb keys init` writes the private ops key."""
        return self.home / "ops.key"

    @property
    def opener(self) -> KeyringOpener:
        """What opens the keyring, here or in a worker."""
        return KeyringOpener(self.keyring_url, self.root_key_file)


@dataclass(frozen=True, slots=True)
class KeyringOpener:
    """Opens the keyring in the process that calls it; can be pickled, since it knows only where the keys are."""

    url: str
    root_key_file: Path

    def __call__(self) -> Keyring:
        """Open the keyring with the root key of this process's environment or machine."""
        if not keyring_exists(self.url):
            raise KeyringError(f"there is no keyring at {keyring_place(self.url)}: run `ebb keys init`")
        return Keyring.open(self.url, read_root_key(self.root_key_file), clock=wall_clock)


def load_settings(**flags: Any) -> Settings:
    """Return the settings; `flags` are a command's options, of which None and click's defaults do not count."""
    try:
        settings = Settings(**_given(flags))
    except ValidationError as problem:
        # The message of a setting may quote its value: name the setting only.
        names = sorted({".".join(map(str, error["loc"])) for error in problem.errors(include_input=False)})
        raise UsageError(f"not a valid setting: {', '.join(names)}; look at {FILE} and at EBB_* variables") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise UsageError(f"{FILE} is not TOML: correct it") from None
    file = _file_of(settings.ledger_url)
    if file is not None and file == _file_of(settings.keyring_url):
        raise UsageError(
            f"ledger and keyring are one SQLite file, {file}, and would wait for each other: "
            "give each a file of its own with the settings ledger_url and keyring_url"
        )
    return settings


def _file_of(url: str) -> Path | None:
    """Return the file of a SQLite URL, links followed; None for a server, and for what is no such URL."""
    driver, found, rest = url.partition(":///")
    if not found or driver.partition("+")[0] != "sqlite":
        return None
    return Path(rest.partition("?")[0].removeprefix("file:")).resolve()


def require_home(settings: Settings, place: str) -> None:
    """Refuse a home that is not there, if `place` lies in it: nothing would be found, and all would seem well.

    Raises:
        UsageError: it is not there.
    """
    if str(settings.home) in place and not settings.home.is_dir():
        raise UsageError(f"there is no folder {settings.home}: correct --home, or make it with `ebb keys init`")


def wall_clock() -> datetime:
    """Return the wall clock's instant, in UTC."""
    return datetime.now(tz=UTC)


def ensure_home(settings: Settings) -> list[str]:
    """Make what a first run needs and is missing; return a sentence for each thing made.

    Safe to call from several processes at once. Never replaces a root key: a keyring whose root key is gone is
    an error, since a new one would open nothing.
    """
    made: list[str] = []
    if not settings.home.is_dir():
        try:
            settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise UsageError(
                f"the folder {settings.home} cannot be made ({problem.strerror}): choose another with --home, "
                "or let this user write there"
            ) from None
        made.append(f"Made the folder {settings.home}, closed to other users.")
    there = keyring_exists(settings.keyring_url)
    if not there:
        _refuse_to_replace_keyring(settings)
    if not there and ROOT_KEY_VARIABLE not in os.environ and RootKey.write_new(settings.root_key_file):
        made.append(
            f"Made the root key {settings.root_key_file}: without it no stored key opens. "
            "Keep a copy, and not beside a copy of the keyring."
        )
    root = read_root_key(settings.root_key_file)
    keyring = Keyring.create(settings.keyring_url, root, clock=wall_clock)
    if not there:
        made.append(f"Made the keyring {keyring_place(settings.keyring_url)}.")
    made += _ensure_ops_key(settings, keyring)
    return made


def _refuse_to_replace_keyring(settings: Settings) -> None:
    """Refuse to make a keyring for a lake that has tables: with other event keys, every event would be stored twice."""
    from pipelines.lake_datasets import existing  # noqa: PLC0415 - only a first run asks

    if existing(settings.lake):
        raise KeyringError(
            f"there is no keyring at {keyring_place(settings.keyring_url)}, but the lake {settings.lake} holds tables "
            "that were written with one: `ebb keys restore` it from a backup, or correct --home or keyring_url"
        )


def _ensure_ops_key(settings: Settings, keyring: Keyring) -> list[str]:
    """Make the ops pair if the keyring has no public half; the file first, so that no half is ever lost."""
    if keyring.ops_public() is not None:
        return []
    path = settings.ops_key_file
    made = OpsKey.write_new(path)
    keyring.set_ops_public(OpsKey.from_file(path).public())
    if not made:
        return [f"Took the ops key from {path}."]
    advice = "it alone opens rejected events. Move it off every host that streams, to where operations keep theirs."
    return [f"Made the ops key {path}: {advice}"]


def read_root_key(path: Path) -> RootKey:
    """Return the root key of the environment, or else of its file."""
    text = os.environ.get(ROOT_KEY_VARIABLE)
    if text is None:
        return RootKey.from_file(path)
    if not text.strip():
        raise KeyringError(f"{ROOT_KEY_VARIABLE} is empty: unset it, or give 32 bytes as hexadecimal or base64")
    return RootKey.from_text(text, ROOT_KEY_VARIABLE)


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what the user did not say, so that a default of the command line does not outrank `ebb.toml`."""
    context = click.get_current_context(silent=True)
    defaults = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    return {
        name: value
        for name, value in flags.items()
        if value is not None and (context is None or context.get_parameter_source(name) not in defaults)
    }
