"""Classify the events of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import apache_beam as beam

from transforms.deid.classify import classify
from transforms.deid.events import Batch
from transforms.fused import contained

if TYPE_CHECKING:
    from transforms.job import StreamJob


@dataclass
class ClassifyEvents(beam.PTransform):
    """Choose the packs that judge each event, drop what they do not name, and mark what is personal (R-COMB)."""

    job: StreamJob

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        """Batch → Batch, with columns `pack` and `personal`."""
        return pcoll | beam.Map(_classify, self.job).with_output_types(Batch)


def _classify(batch: Batch, job: StreamJob) -> Batch:
    with contained("classifying"):
        return classify(batch, job.catalogue(), job.stream, job.clock.now())
