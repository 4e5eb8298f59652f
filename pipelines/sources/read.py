"""Read a source bundle by bundle, and acknowledge each bundle only after it was committed.

One splittable DoFn serves every source and runner. Its restriction counts bundles; each call of `process` emits at
most one `RawBundle`, hands the acknowledgement to the bundle's finalizer, and defers the rest.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import apache_beam as beam
from apache_beam.io.iobase import RestrictionProgress, RestrictionTracker
from apache_beam.io.restriction_trackers import OffsetRange
from apache_beam.metrics import Metrics
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.utils.shared import Shared
from apache_beam.utils.timestamp import Duration

from transforms.deid.events import RawBundle, Segment
from transforms.fused import contained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ENDLESS = 2**62
"""Bundles of a read that ends only when it is told to."""


IDLE_BUNDLE = 5.0
"""Seconds after which a bundle in which nothing happens is given back to the runner."""


class Reader(Protocol):
    """An open source. Not shared between threads."""

    def pull(self, seconds: float) -> RawBundle | None:
        """Return the next bundle, or None when nothing came within about `seconds`."""
        ...

    def finisher(self) -> Callable[[], None]:
        """Return what acknowledges the bundle just pulled; called after its commit."""
        ...

    def drained(self, quiet: float) -> bool:
        """Return whether a drain may end now, after `quiet` seconds without a bundle."""
        ...

    def close(self) -> None:
        """Give back what was pulled and never handed out."""
        ...


class Source(Protocol):
    """A picklable description of a source."""

    def open(self) -> Reader:
        """Open it on the machine that reads."""
        ...

    def peek(self, number: int) -> list[Segment]:
        """Return segments that hold the first `number` records or more, and leave them at the source."""
        ...


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """When a read ends.

    Attributes:
        drain: end when the source says that it is drained.
        bundles: end after so many bundles; the embedded engine recycles its pipeline by this.
        stop_file: end as soon as this file exists (SIGTERM makes it).
    """

    drain: bool
    stop_file: Path
    bundles: int = ENDLESS


@dataclass
class ReadEvents(beam.PTransform):
    """Pull bundles from a source, one batch of records a bundle."""

    source: Source
    limits: ReadLimits

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        """Nothing → RawBundle, unbounded unless the limits end it."""
        bounded = self.limits.drain or self.limits.bundles < ENDLESS
        reading = (_BoundedReadFn if bounded else _UnboundedReadFn)(self.source, self.limits)
        return pbegin | beam.Create([self.limits.bundles]) | beam.ParDo(reading).with_output_types(RawBundle)


class BundleTracker(RestrictionTracker):
    """Claims bundle after bundle; never splits but where a bundle ended."""

    def __init__(self, restriction: OffsetRange, *, bounded: bool = True) -> None:
        self._range = restriction
        self._bounded = bounded
        self._next = restriction.start
        self._ended = restriction.start >= restriction.stop

    def current_restriction(self) -> OffsetRange:
        """Return bundles `[start, stop)`."""
        return self._range

    def current_progress(self) -> RestrictionProgress:
        """Say that all is still to do: how much waits at the source is not known."""
        return RestrictionProgress(completed=self._next - self._range.start, remaining=1)

    def try_claim(self, position: int) -> bool:
        """Claim bundle number `position`; claiming the stop ends the read."""
        if position >= self._range.stop:
            self._ended = True
            return False
        self._next = position + 1
        return True

    def try_split(self, fraction_of_remainder: float) -> tuple[OffsetRange, OffsetRange] | None:
        """Split off everything that was not claimed, when asked to checkpoint; else refuse."""
        if fraction_of_remainder != 0 or self._ended:
            return None
        rest = OffsetRange(self._next, self._range.stop)
        self._range = OffsetRange(self._range.start, self._next)
        self._ended = True
        return self._range, rest

    def check_done(self) -> None:
        """Raise unless everything up to the stop was claimed or given back."""
        if not self._ended and self._next < self._range.stop:
            raise ValueError("a bundle was left unread")

    def is_bounded(self) -> bool:
        """Return whether the read ends by itself."""
        return self._bounded


class _BundleProvider(RestrictionProvider):
    def __init__(self, *, bounded: bool) -> None:
        self._bounded = bounded

    def initial_restriction(self, element: int) -> OffsetRange:
        return OffsetRange(0, element)

    def create_tracker(self, restriction: OffsetRange) -> BundleTracker:
        return BundleTracker(restriction, bounded=self._bounded)

    def restriction_size(self, element: int, restriction: OffsetRange) -> int:
        return 1

    def truncate(self, element: int, restriction: OffsetRange) -> None:
        """Leave nothing when the pipeline drains: what was not acknowledged stays at the source."""


class _OpenSource:
    """One open reader for all instances of a read in a process; it closes when the last of them lets go."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._holders = 0
        self._reader: Reader | None = None

    def take(self, source: Source) -> Reader:
        with self._guard:
            if self._reader is None:
                self._reader = source.open()
            self._holders += 1
            return self._reader

    def let_go(self) -> None:
        with self._guard:
            self._holders -= 1
            if not self._holders and self._reader is not None:
                self._reader.close()
                self._reader = None


class _ReadFn(beam.DoFn):
    def __init__(self, source: Source, limits: ReadLimits) -> None:
        self._source = source
        self._limits = limits
        # A runner makes another instance while the last bundle waits for its finalizer. With a reader of its own each
        # would keep back what it had pulled ahead, while the other finds the source empty.
        self._shared = Shared()
        self._opened: _OpenSource | None = None
        self._reader: Reader | None = None

    def teardown(self) -> None:
        if self._opened and self._reader:
            self._opened.let_go()
            self._opened = self._reader = None

    def _read(self, finalizer: Any, tracker: Any) -> Iterator[RawBundle]:
        if self._reader is None:
            with contained("opening the source"):
                self._opened = self._shared.acquire(_OpenSource)
                self._reader = self._opened.take(self._source)
        finalizer.register(_nothing)  # Prism finalizes every bundle, and Python knows only those that asked for it
        restriction = tracker.current_restriction()
        if not tracker.try_claim(restriction.start):
            return
        since = time.monotonic()
        while not self._limits.stop_file.exists():
            with contained("reading"):
                bundle = self._reader.pull(1.0)
            if bundle is not None:
                finalizer.register(self._reader.finisher())
                yield bundle
                tracker.defer_remainder()
                return
            quiet = time.monotonic() - since
            if self._limits.drain:
                if self._reader.drained(quiet):
                    break
            elif quiet >= IDLE_BUNDLE:
                tracker.defer_remainder(Duration(0))
                return
        Metrics.counter("ebb", "ended").inc()
        tracker.try_claim(restriction.stop)


class _UnboundedReadFn(_ReadFn):
    @beam.DoFn.unbounded_per_element()
    def process(
        self,
        element: int,
        # Beam wants the finalizer before the tracker.
        finalizer: Any = beam.DoFn.BundleFinalizerParam,
        tracker: Any = beam.DoFn.RestrictionParam(_BundleProvider(bounded=False)),  # noqa: B008
    ) -> Iterator[RawBundle]:
        yield from self._read(finalizer, tracker)


class _BoundedReadFn(_ReadFn):
    def process(
        self,
        element: int,
        finalizer: Any = beam.DoFn.BundleFinalizerParam,
        tracker: Any = beam.DoFn.RestrictionParam(_BundleProvider(bounded=True)),  # noqa: B008
    ) -> Iterator[RawBundle]:
        yield from self._read(finalizer, tracker)


def _nothing() -> None:
    return
