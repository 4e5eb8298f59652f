"""The job that keeps transactions: orders, payments and deliveries, identifiable and sealed until they are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.sinks.commit import CommitToVault, CountEvents
from pipelines.sources.read import ReadEvents
from transforms.classify_events import ClassifyEvents
from transforms.decode_events import DecodeEvents
from transforms.enclose_transactions import EncloseTransactions

if TYPE_CHECKING:
    import apache_beam as beam

    from pipelines.stream import StreamRun

STREAM = "transactions"


def transactions(pipeline: beam.Pipeline, run: StreamRun) -> beam.PCollection:
    """Build the job; every step runs in the bundle that read the records."""
    return (
        pipeline
        | ReadEvents(run.source, run.limits)  # RawBundle: one for each bundle
        | DecodeEvents(run.job)  # Batch: columns; prohibited fields destroyed, the order kept
        | ClassifyEvents(run.job)  # + which packs rule each record; fields they do not name gone
        | EncloseTransactions(run.job)  # clear dates and keyed hashes, two sealed payloads; raw ones gone
        | CommitToVault(run.job, run.lake, run.metadata)  # str: the bundle's sum
        | CountEvents()  # int: records accounted for
    )
