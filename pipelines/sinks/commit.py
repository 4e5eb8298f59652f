"""The sinks as steps of the graph: one bundle, one commit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import apache_beam as beam
from apache_beam.metrics import Metrics

from pipelines.sinks.lake import LakeTables, LakeWriter
from pipelines.sinks.vault import VaultTables, VaultWriter
from transforms.deid.engine import stream_schema
from transforms.fused import contained, refuse_shuffle_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pipelines.sinks.sums import Sum
    from transforms.deid.events import Batch
    from transforms.job import StreamJob


class Writer(Protocol):
    """Commits batches of one stream."""

    def write(self, batch: Batch) -> Sum:
        """Commit a batch and return what became of its records."""
        ...


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
        return _committed(pcoll, "the lake", partial(_lake_writer, self.job, self.lake, self.metadata))


@dataclass
class CommitToVault(beam.PTransform):
    """Write each batch of transactions into the vault exactly once; otherwise as `CommitToLake`."""

    job: StreamJob
    lake: str
    metadata: Mapping[str, str]

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        """Batch → str, the bundle's sum as JSON, free of values."""
        return _committed(pcoll, "the vault", partial(_vault_writer, self.job, self.lake, self.metadata))


@dataclass
class CountEvents(beam.PTransform):
    """Count the records of each sum as a metric.

    Nothing follows the count but a shuffle that no element reaches: Prism spins through a whole bundle where a stage
    has no output, and through every element of a stage behind it.
    """

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        """Str → int, the records read by the bundle."""
        counted = pcoll | beam.ParDo(_CountFn()).with_output_types(int)
        _ = counted | "Nothing" >> beam.Filter(_no) | "Shuffle" >> beam.Reshuffle() | "End" >> beam.Map(_no)
        return counted


def _no(_: int) -> bool:
    return False


class _CountFn(beam.DoFn):
    def __init__(self) -> None:
        self._read = Metrics.counter("ebb", "events_read")

    def process(self, element: str) -> Iterator[int]:
        read = int(json.loads(element)["read"])
        self._read.inc(read)
        yield read


def _committed(pcoll: beam.PCollection, sink: str, open_writer: Callable[[], Writer]) -> beam.PCollection:
    refuse_shuffle_before(pcoll, sink)
    return pcoll | beam.ParDo(_CommitFn(open_writer)).with_output_types(str)


def _lake_writer(job: StreamJob, lake: str, metadata: Mapping[str, str]) -> LakeWriter:
    tables = LakeTables(lake, job.stream, stream_schema(job.catalogue(), job.stream))
    return LakeWriter(tables, metadata, job.open_keyring().event_keys(job.stream).file_id, job.clock.wall)


def _vault_writer(job: StreamJob, lake: str, metadata: Mapping[str, str]) -> VaultWriter:
    tables = VaultTables(lake, job.stream)
    return VaultWriter(tables, metadata, job.open_keyring().event_keys(job.stream).file_id, job.clock.wall)


class _CommitFn(beam.DoFn):
    def __init__(self, open_writer: Callable[[], Writer]) -> None:
        self._open_writer = open_writer

    def setup(self) -> None:
        self._writer = self._open_writer()

    def process(self, element: Batch) -> Iterator[str]:
        # The source hands out one batch a bundle, so committing here is committing once a bundle.
        with contained("committing"):
            total = self._writer.write(element)
        yield total.to_json()
