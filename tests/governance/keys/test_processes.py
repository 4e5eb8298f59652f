"""Several processes share one keyring, from its first moment on."""

from __future__ import annotations

import multiprocessing
from datetime import timedelta
from typing import TYPE_CHECKING

from governance.keys import Keyring, RootKey, store
from tests.governance.keys.conftest import ROOT_BYTES, WALL

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier

PROCESSES = 4
ROUNDS = 5


def _work(url: str, barrier: Barrier, answers: Queue[list[object]]) -> None:
    barrier.wait()
    keyring = Keyring.create(url, RootKey(ROOT_BYTES))
    found: list[object] = []
    for number in range(ROUNDS):
        barrier.wait()
        wall = WALL + timedelta(days=2 * number)
        keyring.set_ops_public(bytes([9]) + bytes(31))
        found += [
            keyring.window_key("statistics", "sepp", "", "cookie", "2026-11-23", wall).tokens(["x"]),
            keyring.token_key("statistics", "sepp", "", "account", f"{2026 + number}H1").tokens(["x"]),
            keyring.event_keys(f"stream{number}").by_id(["a"], ["b"]),
            keyring.sealer("dead_letters", wall)._public,
        ]
    answers.put(found)


def test_processes_agree_on_every_key(database: str) -> None:
    """Processes that make the keyring and each key at one moment all end with the same keys."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(PROCESSES), context.Queue()
    arguments = (database, barrier, answers)
    workers = [context.Process(target=_work, args=arguments) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    found = [answers.get(timeout=240) for _ in workers]
    for worker in workers:
        worker.join()
    assert all(answer == found[0] for answer in found)
    assert len({str(answer) for answer in found[0]}) == 4 * ROUNDS
    if (file := store.file_of(database)) is not None:
        assert list(file.parent.iterdir()) == [file]
