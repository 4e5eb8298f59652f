"""Decode raw bundles into batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import apache_beam as beam

from transforms.deid.decode import Decoder
from transforms.deid.events import Batch, RawBundle
from transforms.deid.letters import PURPOSE
from transforms.fused import contained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transforms.job import StreamJob


@dataclass
class DecodeEvents(beam.PTransform):
    """Turn what a bundle read into columns; what cannot be read is sealed at once, or destroyed."""

    job: StreamJob

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        """RawBundle → Batch."""
        return pcoll | beam.ParDo(_DecodeFn(self.job)).with_output_types(Batch)


class _DecodeFn(beam.DoFn):
    def __init__(self, job: StreamJob) -> None:
        self._job = job

    def setup(self) -> None:
        job = self._job
        self._keyring = job.open_keyring()
        self._decode = Decoder(
            job.catalogue(),
            job.stream,
            keys=self._keyring.event_keys(job.stream),
            now=job.clock.now(),
            default_format=job.default_format,
        )

    def process(self, element: RawBundle) -> Iterator[Batch]:
        with contained("decoding"):
            sealer = self._keyring.sealer(PURPOSE, self._job.clock.wall())
            batch = self._decode(element, sealer, self._job.clock.now())
            batch.started = element.started
        yield batch
