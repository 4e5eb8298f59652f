"""Keyed names of events, files and subjects: what duplicates and erasures are found by.

Each input begins with a word for its use and carries lengths, so that an id never equals a position and
("a", "bc") never equals ("ab", "c").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.keys.canonical import canonical
from governance.keys.handles import Handle, derive, frame, keyed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cryptography.hazmat.primitives.hmac import HMAC

_BYTES = 16


class EventKeys(Handle):
    """Keyed hashes of one stream.

    Warnings:
        `event_key` must stay equal for as long as rows are kept: a new dedupe key lets old events in again.
    """

    __slots__ = ("_files", "_ids", "_positions", "_probes")

    def __init__(self, dedupe_key: bytes, probe_key: bytes) -> None:
        self._ids = derive(dedupe_key, "ebb", "v1", "event_id")
        self._positions = derive(dedupe_key, "ebb", "v1", "position")
        self._files = derive(dedupe_key, "ebb", "v1", "file")
        self._probes = derive(probe_key, "ebb", "v1", "probe")

    def by_id(self, systems: Sequence[str], ids: Sequence[str]) -> list[bytes]:
        """Return the 16-byte event keys of (system, event_id)."""
        starts = {system: keyed(self._ids, b"id\0" + frame(system)) for system in set(systems)}
        found: list[bytes] = []
        for system, event_id in zip(systems, ids, strict=True):
            mac = starts[system].copy()
            mac.update(event_id.encode("utf-8", "surrogatepass"))
            found.append(mac.finalize()[:_BYTES])
        return found

    def by_position(self, bases: Sequence[str], offsets: Sequence[int]) -> list[bytes]:
        """Return the 16-byte event keys of (source, offset), for events that carry no id."""
        starts: dict[str, HMAC] = {}
        found: list[bytes] = []
        for base, offset in zip(bases, offsets, strict=True):
            start = starts.get(base)
            if start is None:
                start = starts[base] = keyed(self._positions, b"position\0" + frame(base))
            mac = start.copy()
            mac.update(int(offset).to_bytes(8, "big"))
            found.append(mac.finalize()[:_BYTES])
        return found

    def file_id(self, base: str) -> str:
        """Return the name of a file for the lake's commits: 32 hexadecimal digits that tell nothing of its content."""
        return keyed(self._files, b"file\0" + frame(base)).finalize()[:_BYTES].hex()

    def subject_probe(self, system: str, kind: str, identifier: str) -> bytes:
        """Return the 16-byte probe by which an erasure finds a subject's dead letters (R-ADM-03)."""
        return self.prober()(system, kind, identifier)

    def prober(self) -> Callable[[str, str, str], bytes]:
        """Return `subject_probe` for many subjects; it belongs to the calling thread."""
        start = keyed(self._probes, b"probe\0")

        def probe(system: str, kind: str, identifier: str) -> bytes:
            mac = start.copy()
            mac.update(frame(system, kind, canonical(kind, identifier)))
            return mac.finalize()[:_BYTES]

        return probe
