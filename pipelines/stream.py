"""What a streaming job is told when it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apache_beam as beam

if TYPE_CHECKING:
    from pipelines.sources.read import ReadLimits, Source
    from transforms.job import StreamJob


@dataclass(frozen=True, slots=True)
class StreamRun:
    """One run of a streaming job.

    Attributes:
        source: where events come from.
        limits: when the read ends.
        job: stream, packs, keys, clock and authorization.
        lake: root of the lake.
        metadata: what every commit says of the run; no personal data.
    """

    source: Source
    limits: ReadLimits
    job: StreamJob
    lake: str
    metadata: Mapping[str, str]


Job = Callable[[beam.Pipeline, StreamRun], beam.PCollection]
"""A job's module offers one such function: it builds the graph and returns the bundles' sums."""
