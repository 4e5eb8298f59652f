"""What keeps raw values in the process that read them: coders that refuse, and a check of the graph.

Guarantee: a graph in which a shuffle, a stateful step or a side input lies between an unbounded read and the sink is
refused when it is built; and a runner that tries to move or store a bundle of events fails at once.
"""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NoReturn

import apache_beam as beam
from apache_beam.runners.common import DoFnSignature

from governance.errors import EbbError, RefusedError
from transforms.deid.events import Batch, RawBundle

if TYPE_CHECKING:
    from collections.abc import Iterator


class StepError(EbbError):
    """A step failed in a way that it does not know; names the kind and the place of the error, never its text."""


@contextmanager
def contained(step: str) -> Iterator[None]:
    """Keep the text of unexpected errors inside: libraries quote values in theirs, and engines log what is raised.

    Guarantees:
        What is raised has neither cause nor context, so that no traceback made of it can tell the text: engines
        print tracebacks, and send them to their servers.

    Raises:
        EbbError: as it was raised, or `StepError` for anything else, a panic of native code included.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as problem:  # noqa: BLE001 - whatever it is, its text may hold a value
        failure = problem if isinstance(problem, EbbError) else _named(step, problem)
    else:
        return
    try:
        raise failure
    finally:
        # The caller is still handling the first error, and Python has just noted it down as the context.
        failure.__cause__ = failure.__context__ = None


def _named(step: str, problem: BaseException) -> StepError:
    place = traceback.extract_tb(problem.__traceback__)[-1]
    name = f"{PurePath(place.filename).name}:{place.lineno}"
    return StepError(f"{step} failed ({type(problem).__name__} at {name}); nothing of its bundle was committed")


class StaysPutCoder(beam.coders.Coder):
    """A coder that refuses: its elements never cross a shuffle, a checkpoint or a process border."""

    def encode(self, value: Any) -> NoReturn:
        """Refuse.

        Raises:
            RefusedError: always.
        """
        raise RefusedError("a batch of raw events was about to leave its process: no shuffle behind the read")

    def decode(self, encoded: bytes) -> NoReturn:
        """Refuse, as `encode` does."""
        raise RefusedError("a batch of raw events cannot come from elsewhere")

    def estimate_size(self, value: Any) -> int:  # Beam samples sizes; encoding is refused
        """Return 1: sizes are not measured by encoding."""
        return 1

    def is_deterministic(self) -> bool:
        """Return false, so that no element becomes a key."""
        return False

    def to_type_hint(self) -> type:
        """Return any object: the coder serves both kinds of bundle."""
        return object


for _element in (RawBundle, Batch):
    beam.coders.registry.register_coder(_element, StaysPutCoder)


def refuse_shuffle_before(pcoll: beam.PCollection, sink: str) -> None:
    """Refuse a graph in which events are grouped, reshuffled or kept in state on their way to `sink`.

    Raises:
        RefusedError: names the step, and what to do instead.
    """
    for step in _upstream(pcoll):
        transform = step.transform
        moves = isinstance(transform, beam.GroupByKey) or type(transform).__name__ == "_GroupByKeyOnly"
        signature = _signature(transform)
        if moves or step.side_inputs or (signature and signature.is_stateful_dofn()):
            raise RefusedError(
                f"the step {step.full_label!r} would shuffle or store raw events before {sink}: "
                "events are acknowledged with their own bundle, so more throughput is more processes, not a shuffle"
            )


def _upstream(pcoll: beam.PCollection) -> Iterator[Any]:
    waiting, seen = [pcoll.producer], set()
    while waiting:
        step = waiting.pop()
        if step is None or id(step) in seen:
            continue
        seen.add(id(step))
        signature = _signature(step.transform)
        if signature and signature.is_splittable_dofn():
            continue  # the read itself: what comes before it holds no events
        yield step
        waiting += [source.producer for source in step.main_inputs.values()]


def _signature(transform: Any) -> DoFnSignature | None:
    return DoFnSignature(transform.fn) if isinstance(transform, beam.ParDo) else None
