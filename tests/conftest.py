"""Fixtures for what lies outside the project. A missing one is named: skipped on a laptop, failed in CI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from pipelines import tools
from tests.emulator import running_emulator
from tests.postgresql import find_programs, own_database, running_postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator import Emulator

ROOT = Path(__file__).resolve().parent.parent


def missing(what: str) -> NoReturn:
    """Skip the test for want of `what`; in CI, where everything must be there, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI lacks {what}")
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Return a running Pub/Sub emulator; PUBSUB_EMULATOR_HOST points at it as long as the session lasts."""
    java = tools.find_java()
    jar = tools.find_emulator_jar()
    if java is None:
        missing("Java, to run the Pub/Sub emulator")
    if jar is None:
        missing("the Pub/Sub emulator (gcloud components install pubsub-emulator)")
    log = tmp_path_factory.mktemp("emulator") / "log"
    with running_emulator(java, jar, log) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", server.host)
        yield server


@pytest.fixture(scope="session")
def prism() -> Path:
    """Return the path of Beam's Prism runner."""
    program = tools.find_prism()
    if program is None:
        missing("Prism (go install github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0, or EBB_PRISM)")
    return program


@pytest.fixture(scope="session")
def samples() -> Path:
    """Return the folder of real sample data: `$EBB_SAMPLES`, or `shared/data` beside the repository."""
    folder = Path(os.environ.get("EBB_SAMPLES") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        missing("the folder of sample data (EBB_SAMPLES)")
    return folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Return the URL of a running PostgreSQL server with an empty database."""
    programs = find_programs()
    if programs is None:
        missing("PostgreSQL's programs (apt-get install postgresql, or EBB_POSTGRESQL)")
    with running_postgresql(programs) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an empty database, once of a file and once of a server."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'database.sqlite'}"
        return
    with own_database(request.getfixturevalue("postgresql")) as url:
        yield url
