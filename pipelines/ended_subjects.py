"""Whom an ending lists: tokens and probes, made with the keys that are there; no identifier stays in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.keys.epochs import china_date, half_year
from pipelines.hold_subjects import parse_person, tokens_of
from pipelines.lake_datasets import STREAMS
from pipelines.settings import wall_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from governance.keys import Keyring
    from retention.endings import Scope

DATABASES = "*"
"""The dataset under which an ending lists people for every database, registered now or later."""
_KEYS = "endings"
_ACCOUNT = "account"


def naming(keyring: Keyring) -> Callable[[str, str], str]:
    """Return what gives the name under which an account of a system, as a database holds it, stands in the list."""
    probe = keyring.event_keys(_KEYS).prober()

    def name(system: str, account: str) -> str:
        return probe(system, _ACCOUNT, account).hex()

    return name


def ended_values(
    keyring: Keyring, scope: Scope, people: Iterable[str], systems: Collection[str]
) -> Mapping[str, frozenset[str]]:
    """Return the values that stand for people, by dataset of the lake, and under "*" for databases.

    Args:
        keyring: with the keys that are there.
        scope: what ended.
        people: "SYSTEM:KIND:ID" each.
        systems: those that there are packs of; another one is refused.

    Dead letters of transactions are not listed: until they are settled, they are the only record of a sale.
    """
    now = half_year(china_date(wall_clock()))
    found: dict[str, set[str]] = {}
    for person in people:
        system, kind, identifier = parse_person(person, systems)
        if kind == _ACCOUNT:
            found.setdefault(DATABASES, set()).add(naming(keyring)(system, identifier))
        for stream in _streams(scope):
            tokens = tokens_of(keyring, system, kind, identifier, now)
            found.setdefault(f"personal.{stream}", set()).update(tokens)
        if scope == "account":
            probes = {keyring.event_keys(stream).subject_probe(system, kind, identifier).hex() for stream in STREAMS}
            found.setdefault("dead_letters", set()).update(probes)
    return {name: frozenset(values) for name, values in found.items()}


def _streams(scope: Scope) -> tuple[str, ...]:
    """Return the streams whose tables may hold what ended; transactions lie in the vault alone."""
    return {"account": STREAMS, "searches": STREAMS[:1]}.get(scope, ())
