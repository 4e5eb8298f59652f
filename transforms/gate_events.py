"""Obey the signals that events carry, and decide each event's path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import apache_beam as beam

from transforms.deid.events import Batch
from transforms.deid.gate import gate
from transforms.fused import contained

if TYPE_CHECKING:
    from transforms.job import StreamJob


@dataclass
class GateEvents(beam.PTransform):
    """Apply signals (R-COOK, R-MINOR, R-PURP-15) and the operator's authorization; the default is anonymous."""

    job: StreamJob

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        """Batch → Batch, with column `authorized`."""
        return pcoll | beam.Map(_gate, self.job).with_output_types(Batch)


def _gate(batch: Batch, job: StreamJob) -> Batch:
    with contained("gating"):
        return gate(batch, job.authorization, job.catalogue())
