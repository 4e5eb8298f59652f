"""Killed (SIGKILL) while it copies or restores a keyring: whole or absent, one state or the other."""

from __future__ import annotations

import multiprocessing
import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from governance.keys import RootKey
from governance.keys.backup import read_backup
from tests.governance.keys.conftest import ROOT_BYTES, WALL
from tests.governance.keys.test_backup import HEAD, filled, opened, put_back

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _back_up_for_ever(url: str, folder: Path) -> None:
    keyring = opened(url)
    for number in range(10_000):
        keyring.back_up(folder / f"keyring-{time.time_ns()}-{number}.json", datetime.now(tz=UTC), HEAD)


def _restore_for_ever(url: str, paths: list[Path]) -> None:
    backups = [read_backup(path, RootKey(ROOT_BYTES)) for path in paths]
    for number in range(10_000):
        put_back(url, backups[number % 2], over=True)


def killed(target: Callable[..., None], *arguments: object, seed: int, started: Callable[[], bool]) -> None:
    """Run `target` in a process and kill it (SIGKILL) at a random moment of its work."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    for _ in range(2400):
        if started():
            break
        time.sleep(0.05)
    assert started()
    time.sleep(random.Random(seed).uniform(0.0, 0.1))
    process.kill()
    process.join(60)
    assert process.exitcode == -9


def test_killed_while_it_copies_a_backup_is_whole_or_absent(tmp_path: Path, url: str) -> None:
    """Every file with a backup's name reads back."""
    filled(url)
    folder = tmp_path / "copies"
    folder.mkdir()
    for seed in range(3):
        count = len(list(folder.iterdir()))
        killed(_back_up_for_ever, url, folder, seed=seed, started=lambda at=count: len(list(folder.iterdir())) > at + 2)
    copies = list(folder.glob("keyring-*.json"))
    assert len(copies) > 5
    for path in copies:
        assert len(read_backup(path, RootKey(ROOT_BYTES)).scopes()) == 6


def test_killed_while_it_restores_the_keyring_is_one_or_the_other(tmp_path: Path, url: str, path: Path) -> None:
    """Over keys that are there: each time the state of one of two backups, never a mixture."""
    keyring = filled(url)
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    keyring.back_up(first, WALL, HEAD)
    for day in range(1, 29):
        keyring.due_date_public(f"2026-10-{day:02d}")
    keyring.back_up(second, WALL, HEAD)
    sizes = {len(read_backup(one, RootKey(ROOT_BYTES)).scopes()) for one in (first, second)}
    for seed in range(3):
        before = path.stat().st_mtime_ns
        killed(
            _restore_for_ever, url, [first, second], seed=seed, started=lambda at=before: path.stat().st_mtime_ns != at
        )
        assert sum(key.state == "active" for key in opened(url).keys(WALL)) in sizes
