"""Finding the programs that ebb works with but does not ship: Java, Google's Pub/Sub emulator, Beam's Prism."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_JAR = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"


def find_java() -> Path | None:
    """Return the `java` that would run the emulator."""
    home = os.environ.get("JAVA_HOME")
    if home and (java := Path(home) / "bin" / "java").is_file():
        return java
    found = shutil.which("java")
    return Path(found) if found else None


def find_emulator_jar() -> Path | None:
    """Return the newest jar of Google's Pub/Sub emulator.

    `EBB_EMULATOR_JAR` names it; else it is looked for in the folder of the Google Cloud CLI that `gcloud` belongs to.
    """
    if named := os.environ.get("EBB_EMULATOR_JAR"):
        path = Path(named)
        return path if path.is_file() else None
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return None
    jars = sorted(Path(gcloud).resolve().parent.parent.glob(_JAR))
    return jars[-1] if jars else None


def find_prism() -> Path | None:
    """Return Beam's Prism runner: `EBB_PRISM`, then PATH, then ebb's cache, then Go's bin folder."""
    if named := os.environ.get("EBB_PRISM"):
        return _program(Path(named))
    if found := shutil.which("prism"):
        return Path(found)
    candidates = [Path.home() / ".cache" / "ebb" / "prism"]
    if go := _go_path():
        candidates.append(go / "bin" / "prism")
    return next((program for path in candidates if (program := _program(path))), None)


def _program(path: Path) -> Path | None:
    """Return `path`, or `prism` in it, if that can be executed."""
    path = path / "prism" if path.is_dir() else path
    return path if path.is_file() and os.access(path, os.X_OK) else None


def _go_path() -> Path | None:
    go = shutil.which("go")
    if go is None:
        return None
    try:
        answer = subprocess.run([go, "env", "GOPATH"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    path = answer.stdout.strip()
    return Path(path.split(os.pathsep)[0]) if path else None
