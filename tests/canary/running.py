"""Running whole jobs as a user would, in folders of their own, and keeping what they leave or throw away."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.tools import find_prism

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 240
_EBB = "from pipelines.cli import main; main()"
_KEYS = ("root.key", "ops.key")


@dataclass(slots=True)
class World:
    """A folder that holds all that a run can write to.

    Attributes:
        folder: `home`, `tmp`, `user`, `cwd`, what runs printed, and copies of files that did not last.
        keys: key files that were taken out of `home`, by name.
        children: command line and environment of every process that a run started.
    """

    folder: Path
    keys: dict[str, bytes] = field(default_factory=dict)
    children: set[tuple[bytes, bytes]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Make the folders."""
        for name in ("tmp", "user", "cwd", "kept", "printed"):
            (self.folder / name).mkdir(parents=True)

    @property
    def home(self) -> Path:
        """The home folder of ebb."""
        return self.folder / "home"

    def run(
        self, *arguments: str, environment: Mapping[str, str] | None = None, fault: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `ebb` with `--home`, with a fault in one of its steps if asked, and keep what it printed."""
        program = ["-m", "tests.canary.faulty", fault] if fault else ["-c", _EBB]
        number = len(list((self.folder / "printed").iterdir()))
        out, err = (self.folder / "printed" / f"{number}.{name}" for name in ("out", "err"))
        with out.open("wb") as out_file, err.open("wb") as err_file:
            process = subprocess.Popen(
                [sys.executable, *program, *arguments, "--home", str(self.home)],
                stdin=subprocess.DEVNULL,
                stdout=out_file,
                stderr=err_file,
                cwd=self.folder / "cwd",
                env=self._environment(environment or {}),
            )
            with self._watched(process.pid):
                try:
                    code = process.wait(timeout=LONGEST)
                finally:
                    process.kill()
        return subprocess.CompletedProcess(arguments, code, out.read_text("utf-8"), err.read_text("utf-8"))

    def move_keys_away(self) -> None:
        """Take the private keys out of the home folder, as an operator should."""
        for name in _KEYS:
            path = self.home / name
            if path.exists():
                self.keys[name] = path.read_bytes()
                path.unlink()

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        prism = find_prism()
        own = {
            "TMPDIR": str(self.folder / "tmp"),
            "HOME": str(self.folder / "user"),
            "XDG_CACHE_HOME": str(self.folder / "user" / "cache"),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if prism:
            own["EBB_PRISM"] = str(prism)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EBB_")}
        return {**inherited, **own, **more}

    @contextlib.contextmanager
    def _watched(self, pid: int) -> Iterator[None]:
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(pid, ended))
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()

    def _watch(self, pid: int, ended: threading.Event) -> None:
        """Give every file a second name, so that it outlives its deletion; note the children."""
        places = [self.folder / "tmp", self.folder / "user", self.home / "lake"]
        known = {path.stat().st_ino for place in [*places, self.folder / "kept"] for path in _files(place)}
        while not ended.wait(0.02):
            for path in (path for place in places for path in _files(place)):
                with contextlib.suppress(OSError):
                    number = path.stat().st_ino
                    if number not in known:
                        os.link(path, self.folder / "kept" / f"{number}{path.suffix}")
                        known.add(number)
            for child in _children(pid):
                with contextlib.suppress(OSError):
                    process = Path("/proc") / child
                    self.children.add(((process / "cmdline").read_bytes(), (process / "environ").read_bytes()))


def write_lines(path: Path, lines: Sequence[bytes]) -> Path:
    """Write lines into a file that no run writes to, and return its path."""
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def _files(place: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(place):
        yield from (Path(folder) / name for name in names)


def _children(pid: int | str) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield child
                yield from _children(child)
