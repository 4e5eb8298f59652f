"""Many small bundles do not slow the next one: the log is kept short, and a step does not look at every file."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import pytest

from tests.pipelines.sinks.test_lake import batch, rows, writer

if TYPE_CHECKING:
    from pathlib import Path

MOST = 2.0
"""The promise is a third, and was measured by hand; a busy machine and the tracing of coverage blur it."""
SLACK = 0.001
"""Seconds of processor time that two medians may differ by on a machine that does other things as well."""


@pytest.mark.slow
@pytest.mark.parametrize("writers", [1, 2])
def test_two_thousand_bundles_do_not_slow_the_next(tmp_path: Path, writers: int) -> None:
    """The last hundred bundles cost no more than a hundred after warm-up, give or take; so with two taking turns."""
    sinks = [writer(tmp_path) for _ in range(writers)]
    spent = []
    for number in range(2000):
        bundle = batch(rows(number * 2, number * 2 + 1))
        start = time.process_time()
        sinks[number % writers].write(bundle)
        spent.append(time.process_time() - start)
    early, late = statistics.median(spent[100:200]), statistics.median(spent[-100:])
    assert late <= early * MOST + SLACK, f"{early * 1000:.1f} ms became {late * 1000:.1f} ms"
    log = tmp_path / "analytics" / "service_log" / "_delta_log"
    assert list(log.glob("*.checkpoint*"))
    sinks[0]._anonymous.refresh()
    assert len(sinks[0]._anonymous.commits()) == 2001
