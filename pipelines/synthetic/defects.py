"""What goes wrong at producers: cut lines, wrong types, and what must never have been sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from pipelines.synthetic.people import People


def damage(rng: random.Random, event: dict[str, Any], people: People) -> bytes:
    """Return the line of a good event after one thing has gone wrong with it. The event is used up."""
    return rng.choice(_DAMAGES)(rng, event, people)


def _cut(rng: random.Random, event: dict[str, Any], _people: People) -> bytes:
    line = msgspec.json.encode(event)
    return line[: rng.randrange(len(line) // 4, len(line) - 1)]


def _not_text(_rng: random.Random, event: dict[str, Any], _people: People) -> bytes:
    return msgspec.json.encode(event).replace(b'"system":"', b'"system":"\xff\xfe', 1)


def _unknown_field(_rng: random.Random, event: dict[str, Any], people: People) -> bytes:
    event["fields"]["id_no"] = people.resident_id()
    return msgspec.json.encode(event)


def _field(name: str, value: str) -> Callable[[random.Random, dict[str, Any], People], bytes]:
    def add(rng: random.Random, event: dict[str, Any], _people: People) -> bytes:
        event["fields"][name] = f"{value}{rng.randrange(10**6)}"
        return msgspec.json.encode(event)

    return add


def _missing_type(_rng: random.Random, event: dict[str, Any], _people: People) -> bytes:
    del event["event_type"]
    return msgspec.json.encode(event)


def _naive_time(_rng: random.Random, event: dict[str, Any], _people: People) -> bytes:
    event["event_time"] = event["event_time"].removesuffix("Z")
    return msgspec.json.encode(event)


def _future_time(rng: random.Random, event: dict[str, Any], _people: People) -> bytes:
    event["event_time"] = f"2{rng.randrange(100, 999)}{event['event_time'][4:8]}01{event['event_time'][10:]}"
    return msgspec.json.encode(event)


def _wrong_type(rng: random.Random, event: dict[str, Any], _people: People) -> bytes:
    if event["fields"]:
        name = rng.choice(sorted(event["fields"]))
        event["fields"][name] = [event["fields"][name]]
    else:
        event["fields"] = []
    return msgspec.json.encode(event)


def _unknown_event(_rng: random.Random, event: dict[str, Any], _people: People) -> bytes:
    event["event_type"] = "telemetry_blob"
    return msgspec.json.encode(event)


def _unknown_system(_rng: random.Random, event: dict[str, Any], _people: People) -> bytes:
    event["system"] = "intranet"
    return msgspec.json.encode(event)


def _no_provenance(_rng: random.Random, event: dict[str, Any], _people: People) -> bytes:
    event["meta"] = {**event["meta"], "source": "third_party", "provenance": {"request": "R-2026-17"}}
    return msgspec.json.encode(event)


def _minor(_rng: random.Random, event: dict[str, Any], _people: People) -> bytes:
    event["meta"] = {**event["meta"], "minor_marker": True}
    return msgspec.json.encode(event)


_DAMAGES = (
    _cut,
    _not_text,
    _unknown_field,
    _unknown_field,
    _field("password", "hunter"),
    _field("facial_feature", "face-vector-"),
    _field("id_card", "11010119900307"),
    _missing_type,
    _naive_time,
    _future_time,
    _wrong_type,
    _unknown_event,
    _unknown_system,
    _no_provenance,
    _minor,
)
