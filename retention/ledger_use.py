"""Which payloads of the ledger are still in use: a sweep of the ledger leaves them, whatever their own date says.

A record of class GOV goes three years after its last use (R-RET-05). An entry is used as long as its sweep or its case
goes on: what was placed in 2021 and released in 2025 is due in 2028, all of it; what stands is not due at all. An
ending is used for as long as a hold may defer what it lists (R-RET-10).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from governance.calendar import local_date
from governance.policy.retention import due_date
from retention.holds import Hold
from retention.sweeps import holds_at, may_defer, recorded_by

if TYPE_CHECKING:
    from datetime import date

    from governance.ledger import Ledger

LEDGER = "ledger.payloads"
"""Id of the ledger's dataset."""
_CASE, _SWEEP, _ENDING = "hold", "sweep", "ending"
_DIGITS = 16


@dataclass
class _Story:
    """The entries of one sweep, one case or one listing of endings."""

    numbers: set[str] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)
    first: str = ""
    last: str = ""


def in_use(ledger: Ledger, now: datetime, instant: datetime | None = None) -> list[Hold]:
    """Return holds on those entries of the ledger that their own date would give up and their use does not.

    Args:
        ledger: the installation's.
        now: what due dates are judged by.
        instant: entries after it do not count; none by default.

    Returns:
        One hold a case that stands or was released less than three years ago; one a sweep that is unfinished or was
        last recorded less than three years ago; one a listing of endings, while any case is such. Named after the
        case, the plan or the listing.
    """
    stories: dict[tuple[str, str], _Story] = {}
    for entry in recorded_by(ledger.entries(), instant):
        what = entry.kind.partition(".")[0]
        if what in {_CASE, _SWEEP, _ENDING} and entry.payload is not None:
            story = stories.setdefault((what, entry.reference), _Story(first=entry.recorded))
            story.numbers.add(str(entry.number))
            story.kinds.add(entry.kind)
            story.last = entry.recorded
    standing = {hold.case for hold in holds_at(ledger, instant)}
    deferring = may_defer(ledger, now, instant)
    today = local_date(now)

    def goes_on(what: str, reference: str, kinds: set[str]) -> bool:
        if what == _SWEEP:
            return "sweep.intent" in kinds and "sweep.applied" not in kinds
        return reference in standing if what == _CASE else deferring

    return [
        Hold(_named(what, reference), LEDGER, "record", frozenset(story.numbers))
        for (what, reference), story in stories.items()
        if _due(story.first) <= today and (goes_on(what, reference, story.kinds) or _due(story.last) > today)
    ]


def holds_and_uses(ledger: Ledger, now: datetime, instant: datetime | None = None) -> list[Hold]:
    """Return the holds in force and, beside them, what of the ledger itself is in use."""
    return [*holds_at(ledger, instant), *in_use(ledger, now, instant)]


def _named(what: str, reference: str) -> str:
    return reference if what == _CASE else f"{'plan' if what == _SWEEP else what}-{reference[:_DIGITS]}"


def _due(recorded: str) -> date:
    due = due_date("GOV", local_date(datetime.fromisoformat(recorded)))
    assert due is not None
    return due
