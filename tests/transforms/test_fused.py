"""Raw events stay in the process that read them."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from governance.errors import RefusedError
from transforms.deid.events import Batch, RawBundle
from transforms.fused import StaysPutCoder, refuse_shuffle_before

if TYPE_CHECKING:
    from collections.abc import Iterator


class _RememberFn(beam.DoFn):
    STATE = ReadModifyWriteStateSpec("seen", beam.coders.VarIntCoder())

    def process(self, element: Any, seen: Any = beam.DoFn.StateParam(STATE)) -> Iterator[Any]:
        seen.write(1)
        yield element


class _Sink(beam.PTransform):
    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        refuse_shuffle_before(pcoll, "the lake")
        return pcoll | beam.Map(str)


def test_a_shuffle_before_the_sink_is_refused_at_construction() -> None:
    """Reshuffle, GroupByKey, state and a side input between read and sink fail while the graph is built."""
    pipeline = beam.Pipeline()
    read = pipeline | beam.Create([1, 2], reshuffle=False)
    plain = read | "plain" >> beam.Map(lambda bundle: bundle)
    keyed = plain | "key" >> beam.Map(lambda bundle: (1, bundle))
    graphs = {
        "reshuffle": plain | beam.Reshuffle(),
        "group": keyed | beam.GroupByKey(),
        "state": keyed | beam.ParDo(_RememberFn()),
        "side": plain | "side" >> beam.Map(lambda b, _: b, beam.pvalue.AsList(plain)),
    }
    for name, graph in graphs.items():
        with pytest.raises(RefusedError, match="more processes, not a shuffle"):
            graph | f"sink {name}" >> _Sink()
    assert plain | "sink plain" >> _Sink()


def test_the_coder_of_bundles_refuses_and_knows_no_size_by_encoding() -> None:
    """A runner that tries to move or store a bundle fails at once; sampling its size does not encode it."""
    bundle = RawBundle(())
    coder = beam.coders.registry.get_coder(RawBundle)
    assert isinstance(coder, StaysPutCoder)
    assert isinstance(beam.coders.registry.get_coder(Batch), StaysPutCoder)
    for refused in (lambda: coder.encode(bundle), lambda: coder.decode(b"")):
        with pytest.raises(RefusedError):
            refused()
    assert coder.estimate_size(bundle) == 1
    assert not coder.is_deterministic()


def test_a_batch_refuses_pickle() -> None:
    """No library can smuggle a batch out by pickling it."""
    batch = Batch(0, pa.table({}), [], sealer=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="does not leave its process"):
        pickle.dumps(batch)
