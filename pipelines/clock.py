"""The two readings of time: policy's, which `--now` may set for a drill or a backfill, and the wall's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from governance.errors import UsageError
from pipelines.settings import wall_clock

_YEARS = (1970, 9000)


@dataclass(frozen=True, slots=True)
class RunClock:
    """A clock that can be pickled with a job.

    Attributes:
        drill: what `now` returns instead of the wall clock's instant; aware, or None.
    """

    drill: datetime | None = None

    def now(self) -> datetime:
        """Return the instant that policy is judged by."""
        return self.drill or self.wall()

    def wall(self) -> datetime:
        """Return the wall clock; keys, leases and commits go by it even in a drill."""
        return wall_clock()


def parse_instant(text: str | None) -> datetime | None:
    """Read an ISO 8601 instant with a zone.

    Raises:
        UsageError: not an instant, or without a zone.
    """
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not an instant: write 2026-11-01T00:00:00+08:00 or …Z") from None
    if instant.tzinfo is None:
        raise UsageError(f"{text!r} has no zone: add Z or an offset such as +08:00")
    if not _YEARS[0] <= instant.year <= _YEARS[1]:
        raise UsageError(f"{text!r} lies outside of the years {_YEARS[0]} to {_YEARS[1]}: give an instant within")
    return instant
