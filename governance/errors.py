"""Errors of ebb, from one root.

    EbbError               exit 1   a check failed, or the surroundings did
    ├── UsageError         exit 2   the call was wrong
    ├── RefusedError       exit 3   the policy, or a guarantee, refuses
    ├── PolicyError        exit 1   a pack or the inventory is not valid
    ├── KeyringError       exit 1   a key or the root key is missing or wrong
    ├── LakeError          exit 1   a table cannot be opened or committed to
    ├── StoreError         exit 1   a database under retention cannot be read or written
    └── LedgerError        exit 1   the ledger cannot be read or written, or its chain is broken

Every message counts with `counted`, names a path or a code and says what to do next; none quotes a value of an event.
"""

from __future__ import annotations


def counted(number: int, thing: str, things: str = "") -> str:
    """Return a number with what it counts: `1 row`, `2,000 rows`; `things` where an s does not make the plural."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


class EbbError(Exception):
    """Root of every error that a user may see; `str()` is the whole message, no traceback needed."""

    exit_code = 1


class EbbWarning(UserWarning):
    """What was done stands, but not all that follows from it does yet; `str()` is one sentence for the operator."""


class UsageError(EbbError):
    """The command line, a setting or a file name was wrong."""

    exit_code = 2


class RefusedError(EbbError):
    """A policy or a guarantee refuses what was asked."""

    exit_code = 3


class PolicyError(EbbError):
    """A policy pack or the inventory is not valid."""


class KeyringError(EbbError):
    """The keyring or its root key is missing, wrong or not writable."""


class LakeError(EbbError):
    """A table of the lake cannot be opened, written or committed to."""


class StoreError(EbbError):
    """A database whose rows are under retention cannot be read or written."""


class LedgerError(EbbError):
    """The ledger cannot be read or written, or its chain is broken."""
