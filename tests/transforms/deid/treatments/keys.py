"""Keys for tests of keyed treatments."""

from __future__ import annotations

from governance.keys import CipherKey


def key(kind: str = "test", epoch: str = "2026H2", scope: int = 0) -> CipherKey:
    """Return a key that is the same in every run."""
    return CipherKey(bytes([scope]) * 32, kind, epoch)
