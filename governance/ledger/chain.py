"""The chain: each entry binds a salted commitment of its payload to the entry before it. Pure.

    commitment = SHA-256(salt ‖ payload)          the payload and its salt can be deleted when due
    link       = SHA-256(link before ‖ number ‖ time ‖ kind ‖ reference ‖ commitment)

So a payload can go without breaking the chain, and nothing that stays tells what it was.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FIRST_LINK = hashlib.sha256(b"ebb ledger v1").digest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger.

    Attributes:
        number: 1, 2, 3 … without gaps.
        recorded: instant of the wall clock, ISO 8601 in UTC.
        kind: what happened, such as `sweep.plan`.
        reference: what it is about, free of personal data: a plan's digest, a case number.
        payload: what is to be known; None once deleted.
    """

    number: int
    recorded: str
    kind: str
    reference: str
    commitment: bytes
    link: bytes
    salt: bytes | None
    payload: str | None

    @property
    def content(self) -> dict[str, Any]:
        """The payload as a document; empty once it was deleted."""
        return json.loads(self.payload) if self.payload is not None else {}


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry that is not what was written, and what is wrong with it."""

    number: int
    what: str


def to_payload(content: Mapping[str, Any]) -> str:
    """Return the one text of a document that is committed to."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def commit(salt: bytes, payload: str) -> bytes:
    """Return the salted commitment of a payload."""
    return hashlib.sha256(salt + payload.encode()).digest()


def link(  # noqa: PLR0917 - an entry's parts, in their order
    before: bytes, number: int, recorded: str, kind: str, reference: str, commitment: bytes
) -> bytes:
    """Return the hash that ties an entry to all before it."""
    digest = hashlib.sha256(before)
    for part in (str(number), recorded, kind, reference):
        data = part.encode()
        digest.update(len(data).to_bytes(4, "big") + data)
    digest.update(commitment)
    return digest.digest()


def first_broken(entries: Iterable[Entry], head: tuple[int, bytes] | None) -> Broken | None:
    """Return the first bad entry of a chain in order, or None.

    Args:
        entries: all of them, by number.
        head: number and link of the last entry as noted beside the chain or in a certificate; finds a chain whose end
            was cut off.
    """
    before, expected, ends = FIRST_LINK, 1, {0: FIRST_LINK}
    for entry in entries:
        if entry.number != expected:
            return Broken(expected, "missing" if entry.number > expected else "inserted")
        if entry.link != link(before, entry.number, entry.recorded, entry.kind, entry.reference, entry.commitment):
            return Broken(entry.number, "changed, or the one before it was")
        if entry.payload is not None and commit(entry.salt or b"", entry.payload) != entry.commitment:
            return Broken(entry.number, "one whose payload was changed")
        before = ends[entry.number] = entry.link
        expected += 1
    if head is not None and ends.get(head[0]) != head[1]:
        return Broken(min(head[0], expected), "missing or not the one that was noted as last")
    return None
