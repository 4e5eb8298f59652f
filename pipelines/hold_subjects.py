"""Whom a hold lists: in the lake by tokens and probes, in databases by the account's name; and what it matches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from governance.errors import EbbError, UsageError
from governance.keys.epochs import china_date, half_year
from governance.policy import load_catalogue
from pipelines.lake_datasets import EVERY_SYSTEM, LAKE
from retention import holds as legal
from transforms.deid.purpose import PURPOSE, RECIPIENT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from governance.keys import Keyring
    from pipelines.sweep_room import Room
    from retention.datasets import Dataset
    from retention.holds import Hold

_PARTS = 3
_TOKEN_OR_PROBE = re.compile(r"v1\.[^.]+\.[A-Z2-7]{26}|[0-9a-f]{32}", re.ASCII)
_ACCOUNT = "account"
KINDS = (_ACCOUNT, "cookie", "device")


def subject_values(room: Room, people: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Return, by dataset, the values of its subject column that stand for the people.

    In databases those are accounts by their names; a table of several systems holds an account of any of them.

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
        if kind == _ACCOUNT:
            for dataset in room.datasets.values():
                if dataset.subject and dataset.store != LAKE and dataset.system in {system, EVERY_SYSTEM}:
                    found.setdefault(dataset.id, set()).add(identifier)
    # Tables that are not there yet are named too: their rows may come while the case stands.
    return {name: frozenset(values) for name, values in found.items()}


def tokens_of(keyring: Keyring, system: str, kind: str, identifier: str, now: str) -> set[str]:
    """Return the tokens under every key that is there, and under that of the half-year now, made if need be."""
    newest = keyring.token_key(PURPOSE, system, RECIPIENT, kind, now).tokens([identifier])[0]
    made = {*keyring.subject_tokens(PURPOSE, system, RECIPIENT, kind, identifier).values(), newest}
    return {token for token in made if token is not None}


def parse_person(person: str, systems: Collection[str]) -> tuple[str, str, str]:
    """Return system, kind and identifier; UsageError, without the identifier, if it is not of that form."""
    parts = person.split(":", _PARTS - 1)
    if len(parts) != _PARTS or parts[1] not in KINDS or not parts[2]:
        raise UsageError(f"somebody is named SYSTEM:KIND:ID, with KIND one of {', '.join(KINDS)}")
    if parts[0] not in systems:
        raise UsageError(f"no pack is of a system that --person names; known are {', '.join(sorted(systems))}")
    return parts[0], parts[1], parts[2]


def rows_held(room: Room, holds: Iterable[Hold]) -> dict[str, int | None]:
    """Return how many rows the holds list now, by dataset; None for one that cannot be read.

    Tables of the lake are not read for a list of subjects without a token and without a probe: it matches none there.
    """
    found: dict[str, int | None] = {}
    for dataset in room.datasets.values():
        mine = [hold for hold in legal.of_dataset(holds, dataset) if _may_list(hold, dataset)]
        if mine:
            try:
                found[dataset.id] = _count(room, dataset, mine)
            except EbbError:
                found[dataset.id] = None
    return found


def doubts(room: Room, holds: Iterable[Hold], rows: Mapping[str, int | None]) -> list[str]:
    """Return why the holds may keep less than was meant, a sentence each, without saying whom they list.

    Args:
        room: the installation's.
        holds: just placed.
        rows: of `rows_held`.
    """
    found = [
        f"{name} could not be read, so what matches was not counted" for name, number in rows.items() if number is None
    ]
    if not any(number or number is None for number in rows.values()):
        found.append("nothing that is there now matches: look for misspellings; rows that come later are held")
    for hold in holds:
        blind = sorted(
            d.id for d in room.datasets.values() if d.store == LAKE and d.subject and hold.dataset in {"*", d.id}
        )
        raw = sum(_TOKEN_OR_PROBE.fullmatch(value) is None for value in hold.values)
        if hold.scope == "subject" and raw and blind:
            found.append(
                f"{raw} of {len(hold.values)} listed are no tokens or probes, by which alone {', '.join(blind)} know "
                "people: hold those there with --person too"
            )
    return found


def _may_list(hold: Hold, dataset: Dataset) -> bool:
    if hold.scope != "subject":
        return True
    if dataset.subject is None:
        return dataset.role == "record" and dataset.personal
    return dataset.store != LAKE or any(map(_TOKEN_OR_PROBE.fullmatch, hold.values))


def _count(room: Room, dataset: Dataset, holds: Sequence[Hold]) -> int:
    store = room.store(dataset.store)
    shape = store.shape(dataset.table)
    key = dataset.key or shape.key
    columns = legal.columns_for(holds, dataset, key) or list(key)
    if absent := set(columns) - set(shape.columns):
        raise UsageError(f"{dataset.id}: the table has no column {min(absent)}")
    masks = (legal.held(holds, dataset, rows, key) for rows in store.scan(dataset, columns))
    return sum(int(np.count_nonzero(mask)) for mask in masks if mask is not None)
