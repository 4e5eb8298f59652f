"""De-identify the events of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import apache_beam as beam

from transforms.deid.engine import Engine
from transforms.deid.events import Batch
from transforms.fused import contained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from transforms.job import StreamJob


SWEEP_EVERY = timedelta(minutes=10)
"""How often window keys past their two days are looked for and destroyed."""


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
        self._keyring = self._job.open_keyring()
        self._engine = Engine(self._job.catalogue(), self._job.stream, self._keyring)
        self._swept: datetime | None = None

    def process(self, element: Batch) -> Iterator[Batch]:
        wall = self._job.clock.wall()
        with contained("de-identifying"):
            if self._swept is None or wall - self._swept >= SWEEP_EVERY:
                self._keyring.destroy_expired(wall)
                self._swept = wall
            batch = self._engine.deidentify(element, wall)
        yield batch
