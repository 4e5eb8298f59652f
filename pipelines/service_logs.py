"""The job that de-identifies service-log events: who opened, clicked and searched what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sinks.commit import CommitToLake, CountEvents
from pipelines.sources.read import ReadEvents
from transforms.classify_events import ClassifyEvents
from transforms.decode_events import DecodeEvents
from transforms.deidentify_events import DeidentifyEvents
from transforms.gate_events import GateEvents

if TYPE_CHECKING:
    import apache_beam as beam

    from pipelines.stream import StreamRun

STREAM = "service_log"


def service_logs(pipeline: beam.Pipeline, run: StreamRun) -> beam.PCollection:
    """Build the job; every step runs in the bundle that read the events."""
    return (
        pipeline
        | ReadEvents(run.source, run.limits)  # RawBundle: one for each bundle
        | DecodeEvents(run.job)  # Batch: columns, and sealed rejects
        | ClassifyEvents(run.job)  # + what is personal, and by which packs
        | GateEvents(run.job)  # + which path each event takes
        | DeidentifyEvents(run.job)  # safe columns; raw ones gone
        | CommitToLake(run.job, run.lake, run.metadata)  # str: the bundle's sum
        | CountEvents()  # int: records accounted for
    )
