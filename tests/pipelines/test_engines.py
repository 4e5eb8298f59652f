"""What engines are told beyond Beam's options."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import apache_beam as beam
from apache_beam.runners.worker.statesampler import StateSampler
from apache_beam.utils.counters import CounterFactory

from pipelines.engines import SAMPLING_MS, run_job
from pipelines.sources.read import ReadLimits
from pipelines.stream import StreamRun

if TYPE_CHECKING:
    from collections.abc import Iterator


class _EndFn(beam.DoFn):
    def __init__(self) -> None:
        self._ended = beam.metrics.Metrics.counter("ebb", "ended")

    def process(self, element: int) -> Iterator[int]:
        self._ended.inc()
        yield StateSampler("seen", CounterFactory()).sampling_period_ms


def _job(pipeline: beam.Pipeline, _run: StreamRun) -> beam.PCollection:
    seen = pipeline | beam.Create([1]) | beam.ParDo(_EndFn())
    seen | beam.combiners.ToList() | beam.Map(_require_short)
    return seen


def _require_short(periods: list[int]) -> None:
    assert periods == [SAMPLING_MS]


def test_a_bundle_ends_without_waiting_for_beams_sampler() -> None:
    """In a job's workers Beam samples every few milliseconds, so that the end of a bundle waits for no longer."""
    run = StreamRun(None, ReadLimits(drain=True, stop_file=Path("none")), None, "", {})  # type: ignore[arg-type]
    run_job(_job, run, "embedded")


def test_the_period_is_still_the_samplers_only_default() -> None:
    """Beam's sampler takes its period as the one argument with a default, which `run_job` replaces."""
    named = [p.name for p in inspect.signature(StateSampler).parameters.values() if p.default is not p.empty]
    assert named == ["sampling_period_ms"]
