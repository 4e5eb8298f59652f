"""When a transaction is completed, and so when its three years begin (R-RET-02, R-RET-06): pure, by +08:00 dates.

Completion is the latest of payment settled, delivery confirmed, refund or dispute closed. An order that never got so
far counts from the day it was closed. An order in dispute has no completion, and neither has one of which nothing but
its beginning is known: such records are held (R-RET-07).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from governance.policy.retention import after_months, due_date

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

CREATED, PAID, DELIVERED, REFUNDED = "order_created", "order_paid", "order_delivered", "order_refunded"
DISPUTED, DISPUTE_CLOSED, CLOSED = "order_disputed", "dispute_closed", "order_closed"
CLOCKS: Final = frozenset({PAID, DELIVERED, REFUNDED, DISPUTE_CLOSED})
"""Events whose day moves the completion."""

_CLOCKS_APART = 1
"""Days by which clocks of one producer, or dates without a time, may disagree."""

QUIET_MONTHS = 12
"""So long nothing must have been heard of an order before it may be presumed closed (R-RET-07)."""


class Step(NamedTuple):
    """One event of an order.

    Attributes:
        event_type: a name of the inventory.
        on: +08:00 date of the event.
        stated: +08:00 date of completion that the record itself names, if it names one. Of what arrives it is believed
            only if it can be: see `completed_on_arrival`.
    """

    event_type: str
    on: date
    stated: date | None = None


def completed_on_arrival(step: Step) -> date | None:
    """Return when the transaction of a single record was completed, as far as the record says so itself.

    None also where what it states cannot be, so that the record waits as one that states nothing (R-RET-07): a
    completion more than a day before the order was created, or one whose three years were over before the record's own
    event. Such days are placeholders of the producer, as 1970-01-01 is.
    """
    if step.stated is None or (step.event_type == CREATED and (step.on - step.stated).days > _CLOCKS_APART):
        return None
    completed = order_completed([step])
    due = None if completed is None else due_date("TXN", completed)
    return None if due is not None and due <= step.on else completed


def order_completed(steps: Iterable[Step]) -> date | None:
    """Return when an order was completed; None while it is not, or while a dispute is open.

    Args:
        steps: every event of the order that is known, in any order, each once.
    """
    taken = list(steps)
    types = [step.event_type for step in taken]
    if in_dispute(types):
        return None
    clocks = [step.on for step in taken if step.event_type in CLOCKS]
    stated = [step.stated for step in taken if step.stated is not None]
    if stated or REFUNDED in types or (PAID in types and DELIVERED in types):
        return max([*clocks, *stated])
    closed = [step.on for step in taken if step.event_type == CLOSED]
    return max([*closed, *clocks]) if closed else None


def in_dispute(event_types: Iterable[str]) -> bool:
    """Say whether a dispute is open among the events of an order; however old it is, it waits for its end."""
    types = list(event_types)
    return types.count(DISPUTED) > types.count(DISPUTE_CLOSED)


def presumable_from(heard: date) -> date:
    """Return the +08:00 date from which an unfinished order may be presumed closed.

    Args:
        heard: +08:00 date on which something was last heard of it; its own day is not counted.
    """
    return after_months(heard, QUIET_MONTHS)
