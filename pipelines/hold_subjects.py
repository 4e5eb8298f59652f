"""Whom a hold lists in the lake: a person's tokens and probes, made with the keys that are still there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.errors import UsageError
from governance.keys.epochs import china_date, half_year
from governance.policy import load_catalogue
from transforms.deid.purpose import PURPOSE, RECIPIENT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from governance.keys import Keyring
    from pipelines.sweep_room import Room

_PARTS = 3
KINDS = ("account", "cookie", "device")


def lake_values(room: Room, people: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Return, by dataset of the lake, the values of its subject column that stand for the people.

    Args:
        room: the installation's.
        people: "SYSTEM:KIND:ID" each.
    """
    from pipelines.settings import wall_clock  # noqa: PLC0415 - the clock is read in pipelines only when needed

    keyring, systems = room.settings.opener(), load_catalogue(room.settings.packs).systems
    now = half_year(china_date(wall_clock()))
    found: dict[str, set[str]] = {}
    for person in people:
        system, kind, identifier = parse_person(person, systems)
        for name in ("service_log", "equipment"):
            found.setdefault(f"personal.{name}", set()).update(tokens_of(keyring, system, kind, identifier, now))
        for name, stream in (
            ("vault.transactions", "transactions"),
            ("dead_letters", "service_log"),
            ("dead_letters", "equipment"),
            ("dead_letters", "transactions"),
        ):
            probe = keyring.event_keys(stream).subject_probe(system, kind, identifier)
            found.setdefault(name, set()).add(probe.hex())
    return {name: frozenset(values) for name, values in found.items() if name in room.datasets}


def tokens_of(keyring: Keyring, system: str, kind: str, identifier: str, now: str) -> set[str]:
    """Return the tokens under every key that is there, and under that of the half-year now, made if need be."""
    newest = keyring.token_key(PURPOSE, system, RECIPIENT, kind, now).tokens([identifier])[0]
    made = {*keyring.subject_tokens(PURPOSE, system, RECIPIENT, kind, identifier).values(), newest}
    return {token for token in made if token is not None}


def parse_person(person: str, systems: Collection[str]) -> tuple[str, str, str]:
    """Return system, kind and identifier; UsageError, without the identifier, if it is not of that form."""
    parts = person.split(":", _PARTS - 1)
    if len(parts) != _PARTS or parts[1] not in KINDS or not parts[2]:
        raise UsageError(f"--person is SYSTEM:KIND:ID, with KIND one of {', '.join(KINDS)}")
    if parts[0] not in systems:
        raise UsageError(f"no pack is of a system that --person names; known are {', '.join(sorted(systems))}")
    return parts[0], parts[1], parts[2]
