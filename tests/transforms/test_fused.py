"""Raw events stay in the process that read them."""

from __future__ import annotations

import pickle
import traceback
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from governance.errors import LakeError, RefusedError
from transforms.deid.events import Batch, RawBundle
from transforms.fused import StaysPutCoder, StepError, contained, refuse_shuffle_before

if TYPE_CHECKING:
    from collections.abc import Iterator


class _RememberFn(beam.DoFn):
    STATE = ReadModifyWriteStateSpec("seen", beam.coders.VarIntCoder())

    def process(self, element: Any, seen: Any = beam.DoFn.StateParam(STATE)) -> Iterator[Any]:  # noqa: B008 - Beam's way to ask
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


class _Panic(BaseException):
    """As native code raises it: not an Exception."""


def _quote(kind: type[BaseException], first: Exception | None = None) -> None:
    raise kind("a table cannot be read" if kind is LakeError else "Wang " + "Wei") from first


def _fail(kind: type[BaseException]) -> None:
    try:
        _quote(ValueError)
    except ValueError as first:
        _quote(kind, first)


@pytest.mark.parametrize("kind", [ValueError, pa.ArrowInvalid, _Panic, LakeError])
def test_no_traceback_tells_the_text_of_an_error(kind: type[BaseException]) -> None:
    """What engines print of a failed step, causes and contexts included, holds no text but ebb's own."""
    with pytest.raises(LakeError if kind is LakeError else StepError) as raised, contained("decoding"):
        _fail(kind)
    told = "".join(traceback.format_exception(raised.value))
    assert "a table cannot be read" in told or f"decoding failed ({kind.__name__} at test_fused.py:" in told
    assert "Wang Wei" not in told


def test_an_interrupt_passes() -> None:
    """Asking a process to end is no failure of a step."""
    with pytest.raises(KeyboardInterrupt), contained("decoding"):
        raise KeyboardInterrupt
