"""Run a streaming job on an engine: embedded, Prism, or whatever Beam's own options name.

Guarantee: stopping is asked for by a file that the read looks for before each pull, so the bundle in hand is
committed and acknowledged first, on every engine.
"""

from __future__ import annotations

import gc
import signal
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from governance.errors import EbbError, UsageError
from pipelines.tools import find_prism

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from apache_beam.runners.runner import PipelineResult

    from pipelines.stream import Job, StreamRun

BUNDLES_IN_A_PIPELINE = 200
"""The embedded engine keeps about 20 KB for every bundle, so it ends its pipeline and starts anew this often."""


def run_job(job: Job, run: StreamRun, runner: str, beam_options: Sequence[str] = ()) -> None:
    """Run the job until its read ends.

    Args:
        job: builds the graph.
        run: what it is told.
        runner: `embedded`, `prism`, or a name that Beam knows.
        beam_options: further options, handed to Beam as they are.

    Raises:
        EbbError: the engine is missing, or the job failed.
    """
    if runner == "embedded":
        _run_embedded(job, run, beam_options)
        return
    options = (
        ["--runner=PrismRunner", *_prism_options(), *beam_options]
        if runner == "prism"
        else [
            f"--runner={runner}",
            *beam_options,
        ]
    )
    pipeline = beam.Pipeline(options=PipelineOptions([*options, "--streaming"]))
    job(pipeline, run)
    with _interrupts_kept_from_children():
        result = pipeline.run()
    state = result.wait_until_finish()
    if state not in {"DONE", "DRAINED", "CANCELLED", "UPDATED"}:
        raise EbbError(f"the job ended as {state}: its log above says why; what was committed stays, run it again")


@contextmanager
def _interrupts_kept_from_children() -> Iterator[None]:
    """Start children that ignore SIGINT, and keep this process's own handler over one that Beam would set.

    A terminal sends the signal to the whole group; the engine must live until the bundle in hand is committed.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _run_embedded(job: Job, run: StreamRun, beam_options: Sequence[str]) -> None:
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner  # noqa: PLC0415 - slow import

    recycled = replace(run, limits=replace(run.limits, bundles=BUNDLES_IN_A_PIPELINE))
    ended = False
    while not ended:
        pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(list(beam_options)))
        job(pipeline, recycled)
        result = pipeline.run()
        result.wait_until_finish()
        ended = _count(result, "ended") > 0
        del pipeline, result
        gc.collect()


def _count(result: PipelineResult, name: str) -> int:
    named = beam.metrics.MetricsFilter().with_name(name)
    return sum(counter.committed or 0 for counter in result.metrics().query(named)["counters"])


def _prism_options() -> list[str]:
    prism = find_prism()
    if prism is None:
        raise UsageError("Prism is not installed: `make prism` builds it, EBB_PRISM may name its binary")
    return [f"--prism_location={prism}", "--environment_type=LOOPBACK"]
