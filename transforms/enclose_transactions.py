"""Enclose the transactions of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import apache_beam as beam

from transforms.deid.enclosing import Enclosure
from transforms.deid.events import Batch
from transforms.fused import contained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transforms.job import StreamJob


@dataclass
class EncloseTransactions(beam.PTransform):
    """Seal what a record says into two payloads that its writer cannot open; raw values are let go."""

    job: StreamJob

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        """Batch → Batch, with the output `vault` and no raw rows left."""
        return pcoll | beam.ParDo(_EncloseFn(self.job)).with_output_types(Batch)


class _EncloseFn(beam.DoFn):
    def __init__(self, job: StreamJob) -> None:
        self._job = job

    def setup(self) -> None:
        self._enclosure = Enclosure(self._job.catalogue(), self._job.stream, self._job.open_keyring())

    def process(self, element: Batch) -> Iterator[Batch]:
        clock = self._job.clock
        with contained("enclosing"):
            batch = self._enclosure.enclose(element, clock.now(), clock.wall())
        yield batch
