"""The stream itself: sessions of events, most of them good."""

# ruff: noqa: PLR2004 - the shares of invented traffic stand where they are drawn

from __future__ import annotations

import hashlib
import random
from collections import deque
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from governance.errors import UsageError
from pipelines.synthetic.defects import damage
from pipelines.synthetic.visits import World

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from governance.policy import Catalogue
    from pipelines.synthetic.visits import Visitor

DEFECTS = 0.005
"""Share of events that are malformed, prohibited or repeated, unless told otherwise."""
SPAN = timedelta(days=7)
_VALUES = frozenset({"text", "int16", "int64"})

_ALWAYS = {
    "service_log": ("page_url", "user_agent", "browser_type", "os_version", "ip_address", "cookie_id", "device_id",
                    "ui_language", "http_status", "http_method"),
    "equipment": ("device_model", "os_version", "device_environment", "cpu_info", "memory_info", "mac_address",
                  "device_id", "ip_address", "browser_type", "browser_version"),
}  # fmt: skip
_OFTEN = {"referrer": 0.5, "response_bytes": 0.8, "search_query": 0.3, "search_keyword": 0.2, "cookie_site_name": 0.3}
_SELDOM = 0.02
_UNNAMED = 0.01
_SELDOM_EQUIPMENT = 0.25
_TYPES = {"page_view": 60, "web_log": 15, "service_usage": 12, "click_event": 12, "browse_event": 8}
_REGIONS = ("CN", "US", "DE", "JP", "ES", "RU")
_PAUSES = (2, 4, 7, 11, 18, 25, 40, 65, 110)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one policy's events look like."""

    types: Sequence[str]
    weights: Sequence[int]
    always: Sequence[str]
    sometimes: Sequence[tuple[str, float]]
    unnamed: Sequence[str]
    unnamed_share: float


def events(
    stream: str,
    n: int,
    seed: int,
    start: datetime,
    catalogue: Catalogue,
    *,
    span: timedelta = SPAN,
    systems: Sequence[str] = (),
    defects: float = DEFECTS,
) -> Iterator[bytes]:
    """Yield `n` events of `stream` as lines of JSON without line ends, the same for the same arguments.

    Events come in sessions: one visitor, one device, one cookie and one subject over consecutive lines. They carry
    what the policy of their system names at their time and, one in a hundred, a field more. Signals of rejection,
    personal data in free text and a few damaged or repeated lines are all there for the pipeline to deal with.

    Args:
        stream: `service_log` or `equipment`.
        n: number of lines.
        seed: any integer.
        start: aware instant of the first session.
        catalogue: packs and inventory.
        span: the sessions begin within this time after `start`; no event is later than its end.
        systems: systems to take events from; all of the catalogue's when empty.
        defects: share of lines that are damaged, prohibited or repeated.
    """
    rng = random.Random(f"{stream}/{seed}")  # noqa: S311 - reproducible on purpose; nothing here is a secret
    world = World(rng, f"{stream}/{seed}", n)
    plans = _Plans(catalogue, stream)
    names = sorted(systems or catalogue.systems)
    # Event ids of two different calls differ, else the second would be taken for a repetition.
    call = f"{stream}/{seed}/{start.astimezone(UTC)}/{n}/{span}/{names}/{defects}"
    run = hashlib.sha256(call.encode()).hexdigest()[:8]
    recent: deque[bytes] = deque(maxlen=200)
    last = span.total_seconds() - 1
    made = 0
    while made < n:
        offset = last * made / n
        system, plan = plans.draw(rng, names, start + timedelta(seconds=offset))
        visitor = world.visitor()
        subject, meta = _subject(rng, visitor), _meta(rng, visitor)
        for _ in range(min(int(rng.expovariate(0.25)) + 1, 30, n - made)):
            offset = min(offset + rng.choice(_PAUSES), last)
            event = {
                "event_id": f"{run}-{made:09d}",
                "system": system,
                "event_type": rng.choices(plan.types, plan.weights)[0],
                "event_time": _instant(start, offset),
                "subject": subject,
                "fields": _fields(rng, plan, world, visitor, system),
                "meta": meta,
            }
            made += 1
            if rng.random() >= defects:
                line = msgspec.json.encode(event)
            elif recent and rng.random() < 0.15:
                line = rng.choice(recent)
            else:
                line = damage(rng, event, world.people)
            recent.append(line)
            yield line


class _Plans:
    """Plans by system and policy, each made when first needed."""

    def __init__(self, catalogue: Catalogue, stream: str) -> None:
        self._catalogue = catalogue
        self._stream = stream
        self._made: dict[tuple[str, str | None], _Plan] = {}

    def draw(self, rng: random.Random, systems: Sequence[str], instant: datetime) -> tuple[str, _Plan]:
        """Draw a system and return its plan at `instant`; one whose policy names no such event is drawn last."""
        for system in rng.sample(systems, len(systems)):
            plan = self._at(system, instant)
            if plan.types:
                return system, plan
        raise UsageError("no policy of these systems names an event of this stream at this time")

    def _at(self, system: str, instant: datetime) -> _Plan:
        pack = self._catalogue.pack_at(system, instant)
        key = (system, pack.id if pack else None)
        if key not in self._made:
            self._made[key] = _plan(self._catalogue, self._stream, pack.names if pack else None)
        return self._made[key]


def _plan(catalogue: Catalogue, stream: str, named: frozenset[str] | None) -> _Plan:
    """Make the plan of a policy that names `named`; without a policy, of one that names everything."""
    types = sorted(name for name in catalogue.event_types(stream) if named is None or name in named)
    rows = [row for row in catalogue.stream_fields(stream) if row.treatment("anonymous").do != "reject"]
    known = [row.field for row in rows if row.type in _VALUES]
    fields = [name for name in known if named is None or name in named]
    always = tuple(name for name in _ALWAYS.get(stream, ()) if name in fields)
    seldom = _SELDOM_EQUIPMENT if stream == "equipment" else _SELDOM
    return _Plan(
        types,
        [_TYPES.get(name, 2) for name in types],
        always,
        tuple((name, _OFTEN.get(name, seldom)) for name in fields if name not in always),
        tuple(name for name in known if name not in fields),
        _UNNAMED if fields else 1.0,
    )


def _subject(rng: random.Random, visitor: Visitor) -> Mapping[str, str]:
    """Return who the session says it is: signed in, known by cookie or device, or nobody."""
    dice = rng.random()
    if visitor.account and dice < 0.7:
        return {"account": visitor.account} | ({"cookie": visitor.cookie} if dice < 0.35 else {})
    if dice < 0.85:
        return {"cookie": visitor.cookie}
    return {"device": visitor.device["device_id"]} if dice < 0.95 else {}


def _meta(rng: random.Random, visitor: Visitor) -> Mapping[str, Any]:
    """Return where a session comes from and which signals it sends."""
    meta: dict[str, Any] = {"source": "own", "region": _REGIONS[visitor.locale]}
    dice = rng.random()
    if dice < 0.4:
        meta["cookie_consent"] = "rejected" if dice < 0.06 else "accepted"
    if rng.random() < 0.05:
        meta["dnt"] = True
    if rng.random() < 0.03:
        meta["gpc"] = True
    return meta


def _fields(rng: random.Random, plan: _Plan, world: World, visitor: Visitor, system: str) -> dict[str, Any]:
    fields = {name: world.value(name, visitor, system) for name in plan.always}
    for name, share in plan.sometimes:
        if rng.random() < share:
            fields[name] = world.value(name, visitor, system)
    if plan.unnamed and rng.random() < plan.unnamed_share:
        name = rng.choice(plan.unnamed)
        fields[name] = world.value(name, visitor, system)
    return fields


def _instant(start: datetime, seconds: float) -> str:
    return (start + timedelta(seconds=int(seconds))).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
