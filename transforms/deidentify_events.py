"""De-identify the events of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import apache_beam as beam

from transforms.deid.engine import Engine
from transforms.deid.events import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transforms.job import StreamJob


@dataclass
class DeidentifyEvents(beam.PTransform):
    """Run the compiled plans: raw columns in, columns that are safe to write out, raw values let go."""

    job: StreamJob

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        """Batch → Batch, with `outputs` for both paths and no raw rows left."""
        return pcoll | beam.ParDo(_DeidentifyFn(self.job)).with_output_types(Batch)


class _DeidentifyFn(beam.DoFn):
    def __init__(self, job: StreamJob) -> None:
        self._job = job

    def setup(self) -> None:
        self._engine = Engine(self._job.catalogue(), self._job.stream, self._job.open_keyring())

    def process(self, element: Batch) -> Iterator[Batch]:
        yield self._engine.deidentify(element, self._job.clock.wall())
