"""The sink as a step of the graph: one bundle, one commit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apache_beam as beam
from apache_beam.metrics import Metrics

from pipelines.sinks.lake import LakeTables, LakeWriter
from transforms.deid.engine import stream_schema
from transforms.fused import contained, refuse_shuffle_before

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from transforms.deid.events import Batch
    from transforms.job import StreamJob


@dataclass
class CommitToLake(beam.PTransform):
    """Write each batch into the lake exactly once, before its source is acknowledged.

    Attributes:
        job: the stream's job.
        lake: root of the lake.
        metadata: what every commit says of this run; no personal data.

    Raises:
        RefusedError: at construction, when events could be shuffled or stored before they reach the sink.
    """

    job: StreamJob
    lake: str
    metadata: Mapping[str, str]

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        """Batch → str, the bundle's sum as JSON, free of values."""
        refuse_shuffle_before(pcoll, "the lake")
        return pcoll | beam.ParDo(_CommitFn(self.job, self.lake, self.metadata)).with_output_types(str)


@dataclass
class CountEvents(beam.PTransform):
    """Count the records of each sum as a metric.

    The sums, which hold no values, are shuffled first: Prism spins on a stage that ends in nothing.
    """

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        """Str → int, the records read by the bundle."""
        return pcoll | beam.Reshuffle() | beam.ParDo(_CountFn()).with_output_types(int)


class _CountFn(beam.DoFn):
    def __init__(self) -> None:
        self._read = Metrics.counter("ebb", "events_read")

    def process(self, element: str) -> Iterator[int]:
        read = int(json.loads(element)["read"])
        self._read.inc(read)
        yield read


class _CommitFn(beam.DoFn):
    def __init__(self, job: StreamJob, lake: str, metadata: Mapping[str, str]) -> None:
        self._job = job
        self._lake = lake
        self._metadata = dict(metadata)

    def setup(self) -> None:
        events = self._job.open_keyring().event_keys(self._job.stream)
        tables = LakeTables(self._lake, self._job.stream, stream_schema(self._job.catalogue(), self._job.stream))
        self._writer = LakeWriter(tables, self._metadata, events.file_id, self._job.clock.wall)

    def process(self, element: Batch) -> Iterator[str]:
        # The source hands out one batch a bundle, so committing here is committing once a bundle.
        with contained("committing"):
            total = self._writer.write(element)
        yield total.to_json()
