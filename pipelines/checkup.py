"""What `ebb doctor` looks at: one function a thing, each with an answer and what to do next.

None changes anything, but that opening a keyring of an older version brings it to this one.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from governance.errors import EbbError, counted
from governance.keys import keyring_exists, keyring_place
from governance.policy import STREAMS, load_catalogue
from pipelines.tools import find_emulator_jar, find_java, find_prism
from retention.stores.delta import open_table, table_exists

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.settings import Settings

OLDEST_PYTHON = (3, 11)
LEAST_FREE = 1 << 30
_ENGINES = ("apache-beam", "pyarrow", "deltalake", "duckdb", "google-cloud-pubsub")
_WAIT = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report.

    Attributes:
        name: what was looked at.
        state: `ok`; `missing`: not there, and needed by some uses only; `problem`: what was set up does not work.
        found: what was seen.
        advice: what to do next; empty when all is well.
    """

    name: str
    state: Literal["ok", "missing", "problem"]
    found: str
    advice: str = ""


def examine(settings: Settings) -> list[Check]:
    """Look at everything, in the order in which a newcomer meets it."""
    single: tuple[Callable[[], Check], ...] = (
        check_python,
        check_packages,
        check_java,
        check_emulator_jar,
        check_emulator_host,
        check_prism,
        lambda: check_home(settings.home),
        lambda: check_disk(settings.home),
        lambda: check_keyring(settings),
        lambda: check_packs(settings.packs),
    )
    return [look() for look in single] + check_lake(settings.lake)


def check_python() -> Check:
    """Look at the interpreter's version."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Check("python", "problem", version, "install Python 3.11 or newer")
    return Check("python", "ok", version)


def check_packages() -> Check:
    """Look for the engines' packages, without importing them."""
    found, lacking = [], []
    for package in _ENGINES:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            lacking.append(package)
    if lacking:
        return Check("packages", "problem", f"without {', '.join(lacking)}", "pip install ebbtide")
    return Check("packages", "ok", ", ".join(found))


def check_java() -> Check:
    """Look for Java, which runs the emulator."""
    java = find_java()
    if java is None:
        return Check("java", "missing", "not found", "only the Pub/Sub emulator needs it: install a Java runtime")
    return Check("java", "ok", str(java))


def check_emulator_jar() -> Check:
    """Look for the emulator."""
    jar = find_emulator_jar()
    if jar is None:
        advice = "to try Pub/Sub on this machine: gcloud components install pubsub-emulator, or set EBB_EMULATOR_JAR"
        return Check("emulator", "missing", "not found", advice)
    return Check("emulator", "ok", str(jar))


def check_emulator_host() -> Check:
    """Look whether an emulator listens where the environment says."""
    host = os.environ.get("PUBSUB_EMULATOR_HOST")
    name = "PUBSUB_EMULATOR_HOST"
    if not host:
        jar = find_emulator_jar() or "cloud-pubsub-emulator.jar"
        advice = f"to use the emulator: java -jar {jar} --host=127.0.0.1 --port=8085 & export {name}=127.0.0.1:8085"
        return Check(name, "missing", "not set: pubsub: means Google's service", advice)
    address, _, port = host.rpartition(":")
    try:
        with socket.create_connection((address.strip("[]") or "127.0.0.1", int(port)), timeout=_WAIT):
            return Check(name, "ok", f"{host} answers")
    except (OSError, ValueError):
        return Check(name, "problem", f"nobody answers at {host}", f"start the emulator there, or unset {name}")


def check_prism() -> Check:
    """Look for Prism."""
    prism = find_prism()
    if prism is None:
        advice = "only --runner prism needs it: go install github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0"
        return Check("prism", "missing", "not found", advice)
    return Check("prism", "ok", str(prism))


def check_home(home: Path) -> Check:
    """Look whether files can be made in the home folder, or the folder itself."""
    place = _existing(home)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError:
        return Check("home", "problem", f"{place} cannot be written to", "choose another with --home or EBB_HOME")
    if place != home:
        return Check("home", "missing", f"{home} is not there yet", "the first `ebb run` or `ebb keys init` makes it")
    return Check("home", "ok", str(home))


def check_disk(home: Path) -> Check:
    """Look at the space left where the home folder is, or would be."""
    free = shutil.disk_usage(_existing(home)).free
    said = f"{free / 2**30:,.1f} GiB free"
    if free < LEAST_FREE:
        return Check("disk", "problem", said, "make room, or move --home: a full disk stops commits")
    return Check("disk", "ok", said)


def check_keyring(settings: Settings) -> Check:
    """Look whether the keyring is there and its root key opens it."""
    place = keyring_place(settings.keyring_url)
    try:
        if not keyring_exists(settings.keyring_url):
            return Check("keyring", "missing", f"none at {place}", "the first `ebb run` or `ebb keys init` makes it")
        settings.opener()
    except EbbError as problem:
        return Check("keyring", "problem", str(place), str(problem))
    return Check("keyring", "ok", f"{place}, its root key opens it")


def check_packs(packs: Path | None) -> Check:
    """Look whether every policy pack loads."""
    try:
        catalogue = load_catalogue(packs)
    except EbbError as problem:
        return Check("packs", "problem", str(packs or "built in"), str(problem))
    packs_of = f"{counted(len(catalogue.packs), 'pack')} of {counted(len(catalogue.systems), 'system')}"
    said = f"{packs_of}, {counted(len(catalogue.inventory), 'field')}"
    return Check("packs", "ok", said)


def check_lake(lake: str) -> list[Check]:
    """Look at every table that the lake may hold; one line for all while there is none."""
    names = [f"{path}/{stream}" for path in ("analytics", "personal") for stream in STREAMS]
    checks = [check for name in (*names, "dead_letters") if (check := _check_table(lake, name)) is not None]
    if checks:
        return checks
    advice = "ebb generate service-logs --events 10000 --to files:events.ndjson, then ebb run service-logs --from …"
    return [Check("lake", "missing", f"no tables at {lake} yet", advice)]


def _check_table(lake: str, name: str) -> Check | None:
    uri = f"{lake}/{name}"
    try:
        if not table_exists(uri):
            return None
        table = open_table(uri)
    except EbbError as problem:
        return Check(name, "problem", uri, str(problem))
    rows = sum(file.rows for file in table.files())
    return Check(name, "ok", f"version {table.version}, {counted(rows, 'row')}")


def _existing(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that exists."""
    return next((place for place in (path, *path.absolute().parents) if place.exists()), Path("/"))
