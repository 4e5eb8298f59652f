"""What the steps of one stream share: its name, and how to come by packs, keys and the time."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from governance.policy import Catalogue, load_catalogue
from transforms.deid.gate import Authorization

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from governance.keys import Keyring


class Clock(Protocol):
    """Two readings of time, both aware: `now` rules policy and may be set for a drill, `wall` rules keys."""

    def now(self) -> datetime:
        """Return the instant that policy is judged by."""
        ...

    def wall(self) -> datetime:
        """Return the wall clock."""
        ...


@dataclass(frozen=True, slots=True)
class StreamJob:
    """One stream's job; it is pickled with the graph, so it holds ways to open things and never a key.

    Attributes:
        stream: `service_log` or `equipment`.
        clock: policy's and the wall's time.
        open_keyring: opens the keyring on the machine that runs the step.
        packs: folder with packs of one's own, or None.
        authorization: who may take the personal path.
        default_format: format of records whose transport names none.
        default_system: system of records whose format carries none.
    """

    stream: str
    clock: Clock
    open_keyring: Callable[[], Keyring]
    packs: Path | None = None
    authorization: Authorization = field(default_factory=Authorization)
    default_format: str = "native"
    default_system: str | None = None

    def catalogue(self) -> Catalogue:
        """Return the policy catalogue; read once in a process."""
        return _catalogue(self.packs)


@lru_cache(maxsize=4)
def _catalogue(packs: Path | None) -> Catalogue:
    return load_catalogue(packs)
