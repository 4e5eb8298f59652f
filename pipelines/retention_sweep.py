"""The sweep as a Beam batch job: units in, outcomes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from governance.errors import (
    EbbError,
    KeyringError,
    LakeError,
    LedgerError,
    PolicyError,
    RefusedError,
    StoreError,
    UsageError,
)
from pipelines.settings import wall_clock
from retention.apply import apply_unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipelines.sweep_room import RoomOpener
    from retention.plan import Plan, Unit


def sweep_units(
    units: Sequence[Unit], plan: Plan, opener: RoomOpener, runner: str, beam_options: Sequence[str]
) -> None:
    """Work off units of an approved plan; returns when all have their outcome in the ledger.

    Args:
        units: those without an outcome yet.
        plan: approved and checked.
        opener: opens the room in a worker.
        runner: `embedded`, or a name that Beam knows.
        beam_options: further options, handed to Beam as they are.
    """
    if runner == "embedded":
        from apache_beam.runners.portability.fn_api_runner import FnApiRunner  # noqa: PLC0415 - slow import

        pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(list(beam_options)))
    else:
        pipeline = beam.Pipeline(options=PipelineOptions([f"--runner={runner}", *beam_options]))
    build(pipeline, units, plan, opener)
    try:
        state = pipeline.run().wait_until_finish()
    except Exception as problem:  # noqa: BLE001 - Beam wraps what a worker raised in errors of its own
        raise _own_error(problem) from None
    if state not in {"DONE", "UPDATED"}:
        raise EbbError(f"the sweep ended as {state}: run the command again, it goes on where it stopped")


def build(pipeline: beam.Pipeline, units: Sequence[Unit], plan: Plan, opener: RoomOpener) -> beam.PCollection:
    """Wire the job; the result holds one count a dataset."""
    return (
        pipeline
        | "Plan" >> beam.Create(list(units))  # Unit
        | "Spread" >> beam.Reshuffle()
        | "Apply" >> ApplyUnits(plan, opener)  # (dataset, rows)
        | "Sum" >> beam.CombinePerKey(sum)
    )


_WHERE = " [while running"
"""What Beam adds to a message."""


@dataclass
class ApplyUnits(beam.PTransform):
    """Remove or anonymize the rows of each unit, with an intent before and an outcome after it in the ledger.

    Attributes:
        plan: approved.
        opener: opens the room in a worker.
    """

    plan: Plan
    opener: RoomOpener

    def __post_init__(self) -> None:
        super().__init__()
        if not isinstance(self.plan.digest, str):
            raise UsageError("a sweep needs its plan")

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        """Unit → (dataset, rows)."""
        return pcoll | beam.ParDo(_ApplyFn(self.plan, self.opener)).with_output_types(tuple[str, int])


class _ApplyFn(beam.DoFn):
    def __init__(self, plan: Plan, opener: RoomOpener) -> None:
        self._plan = plan
        self._opener = opener

    def setup(self) -> None:
        self._room = self._opener()

    def process(self, element: Unit) -> Iterator[tuple[str, int]]:
        work = self._room.work(self._plan, element.dataset)
        outcome = apply_unit(element, work, self._room.ledger, wall_clock)
        yield element.dataset, int(outcome["rows"])


def _own_error(problem: BaseException) -> EbbError:
    """Find ebb's own error behind Beam's; else name the class only, since a text may quote what it met."""
    seen: BaseException | None = problem
    while seen is not None:
        if isinstance(seen, EbbError):
            return type(seen)(str(seen).split(_WHERE)[0])
        seen = seen.__cause__ or seen.__context__
    text = str(problem)
    for kind in (RefusedError, StoreError, LakeError, LedgerError, KeyringError, PolicyError):
        name = f"{kind.__name__}: "
        if name in text:
            return kind(text.rpartition(name)[2].splitlines()[0].split(_WHERE)[0])
    return EbbError(f"the sweep stopped ({type(problem).__name__}): run the command again, it goes on where it stopped")
