"""The read as engines run it: several instances of one step in a process."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.sources.read import ReadLimits, _BoundedReadFn, _OpenSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transforms.deid.events import RawBundle, Segment


class Counted:
    """A reader of nothing that knows whether it is open."""

    def __init__(self) -> None:
        self.closed = False

    def pull(self, seconds: float) -> RawBundle | None:
        """Return nothing."""

    def finisher(self) -> Callable[[], None]:
        """Return nothing to do."""
        return lambda: None

    def drained(self, quiet: float) -> bool:
        """Return true."""
        return True

    def close(self) -> None:
        """Note it."""
        assert not self.closed
        self.closed = True


@dataclass(frozen=True)
class Countable:
    """A source that opens a fresh reader each time."""

    def open(self) -> Counted:
        """Open one."""
        return Counted()

    def peek(self, number: int) -> list[Segment]:
        """Return nothing."""
        return []


def test_instances_of_a_read_share_one_reader() -> None:
    """The second instance takes the first one's reader, which closes when both have let go; a third opens anew."""
    opened = _OpenSource()
    first, second = opened.take(Countable()), opened.take(Countable())
    assert isinstance(first, Counted)
    assert first is second
    opened.let_go()
    assert not first.closed
    opened.let_go()
    assert first.closed
    assert opened.take(Countable()) is not first


def test_what_a_runner_unpickles_shares_too(tmp_path: Path) -> None:
    """Two copies of the step, as an engine makes them, find the same open source; another read's copy does not."""
    limits = ReadLimits(drain=True, stop_file=tmp_path / "stop")
    step = pickle.dumps(_BoundedReadFn(Countable(), limits))
    one, two = pickle.loads(step), pickle.loads(step)
    other = _BoundedReadFn(Countable(), limits)
    mine, same = one._shared.acquire(_OpenSource), two._shared.acquire(_OpenSource)
    assert mine is same
    assert other._shared.acquire(_OpenSource) is not mine
