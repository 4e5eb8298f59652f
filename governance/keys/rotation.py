"""Keys of half-years: rotated within one, found again for deletion, destroyed for good.

The first key of a half-year has its name as epoch (2026H2), the next ones add a letter (2026H2b, 2026H2c). New
tokens are made with the newest; the epoch in a token says which key it takes to make it again. A destroyed epoch
leaves a mark, so that its name never stands for another key.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, select

from governance.errors import KeyringError, RefusedError
from governance.keys import epochs, store
from governance.keys.due_dates import KeyDestroyedError
from governance.keys.handles import Handle
from governance.keys.scopes import CIPHER, PERSONAL, Scope, is_of, unnoted
from governance.keys.store import FACTS, KEYS
from governance.keys.tokens import TokenKey
from governance.rights import LACKS_RIGHTS

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Connection, Engine, Row

    from governance.keys.scopes import Note

NOTICED_WITHIN = timedelta(seconds=2)
"""How soon every process that makes tokens turns to a key that another one made by rotation."""


LEAST_EPOCH = "least_epoch"
"""Fact that a restore leaves: up to this half-year new keys are named with this letter or a later one (2026H2b)."""


class Chosen(NamedTuple):
    """Which keys of half-years a command is about; None means any."""

    system: str | None = None
    purpose: str | None = None
    recipient: str | None = None


class _Version(NamedTuple):
    """A key of a half-year that is there, or the mark of one that was."""

    scope: Scope
    made: str
    live: bool


class EpochKeys(Handle):
    """The half-years' part of a keyring."""

    __slots__ = ()

    _engine: Engine
    _clock: Callable[[], datetime]
    _lock: threading.RLock
    _newest: dict[Scope, tuple[datetime, Scope]]

    def rotate(
        self, half: str, chosen: Chosen, wall: datetime, *, newest: str | None = None, note: Note = unnoted
    ) -> list[Scope]:
        """Give each chosen scope that has a key of a half-year a new one; return the new keys' scopes.

        Args:
            half: 2026H2.
            chosen: which scopes.
            wall: the wall clock.
            newest: only scopes whose newest key is of this epoch.
            note: told of the new keys before they count.

        Guarantees:
            Keys that were there stay, and go on to find what was made with them.

        Raises:
            RefusedError: a half-year has used up its letters.
        """
        epochs.require_half_year(half)
        made: list[Scope] = []
        with self._lock, store.writing(self._engine) as connection:
            for versions in _by_scope(_versions(connection, half, chosen)).values():
                last = versions[-1]
                if last.live and newest in (None, last.scope.epoch):
                    scope = last.scope._replace(epoch=_after(last.scope.epoch))
                    self._store_new_key(connection, scope, wall)
                    made.append(scope)
            if made:
                note(made)
            self._newest.clear()
        return made

    def half_year_keys(self, epoch: str, chosen: Chosen) -> list[Scope]:
        """Return the scopes that have a key of `epoch` (2026H2, 2026H2b) now."""
        with store.reading(self._engine) as connection:
            found = _versions(connection, epochs.half_of(epoch), chosen)
        return [one.scope for one in found if one.live and one.scope.epoch == epoch]

    def unused_since(self, epoch: str, chosen: Chosen) -> str | None:
        """Return when the last of the chosen scopes of `epoch` was given its next key; None if one has none yet."""
        with store.reading(self._engine) as connection:
            found = _by_scope(_versions(connection, epochs.half_of(epoch), chosen))
        since = ""
        for versions in found.values():
            if any(one.live and one.scope.epoch == epoch for one in versions):
                later = [one.made for one in versions if one.scope.epoch > epoch]
                if not later:
                    return None
                since = max(since, min(later))
        return since

    def destroy_epoch(
        self, epoch: str, chosen: Chosen, wall: datetime, *, blocking: Callable[[Scope], int], note: Note = unnoted
    ) -> list[Scope]:
        """Destroy the chosen keys of an epoch: its tokens can be neither made again nor turned back, by anybody.

        Args:
            epoch: 2026H2, 2026H2b.
            chosen: which of its keys.
            wall: the wall clock, never a drill's.
            blocking: how many rows under a key are not due, or held; asked right before.
            note: told of the keys before they go.

        Returns:
            What was destroyed; nothing if there is no such key, or no longer.

        Raises:
            RefusedError: rows block; nothing overrides it, and no key is destroyed.
        """
        scopes = self.half_year_keys(epoch, chosen)
        blocked = {scope.system: rows for scope in scopes if (rows := blocking(scope))}
        if blocked:
            told = ", ".join(f"{rows:,} of {system}" for system, rows in sorted(blocked.items()))
            raise RefusedError(
                f"rows under {epoch} are not due or are held: {told}. "
                "Their key goes when the last of them is due; until then `ebb keys rotate` makes a new one beside it"
            )
        with self._lock:
            with store.writing(self._engine) as connection:
                gone = [scope for scope in scopes if _bury(connection, scope, epochs.stamp(wall))]
                if gone:
                    note(gone)
            store.forget_deleted(self._engine)
            self._forget_handles(scopes)
        return gone

    def subject_tokens(
        self, purpose: str, system: str, recipient: str, kind: str, identifier: str, *, generation: int = 0
    ) -> dict[str, str]:
        """Return a subject's token by epoch, under every key that is still there: what a deletion looks for.

        No key is made for this, and none of another epoch is asked: what is under a destroyed key is found no more.
        """
        found: dict[str, str] = {}
        wanted = Chosen(system, purpose, recipient)
        with store.reading(self._engine) as connection:
            scopes = [one.scope for one in _versions(connection, "", wanted, uses=(PERSONAL,)) if one.live]
            rows = {scope: connection.execute(select(KEYS).where(is_of(scope))).one() for scope in scopes}
        for scope, row in rows.items():
            token = TokenKey(self._unwrap(scope, row)[0], kind, scope.epoch).tokens([identifier], generation)[0]
            if token is not None:
                found[scope.epoch] = token
        return found

    def _newest_scope(self, half: Scope) -> Scope:
        """Return the scope of the key that makes new tokens of a half-year, the next name if the last was destroyed."""
        now = self._clock()
        found = self._newest.get(half)
        if found is None or not timedelta() <= now - found[0] < NOTICED_WITHIN:
            chosen = Chosen(half.system, half.purpose, half.recipient)
            with store.reading(self._engine) as connection:
                versions = _versions(connection, half.epoch, chosen, uses=(half.use,))
                least = _least_name(connection, half.epoch)
            newest = versions[-1] if versions else None
            if newest is None:
                epoch = least
            else:
                epoch = newest.scope.epoch if newest.live else max(least, _after(newest.scope.epoch))
            found = self._newest[half] = (now, half._replace(epoch=epoch))
        return found[1]

    # The keyring's own.
    @abstractmethod
    def _store_new_key(self, connection: Connection, scope: Scope, wall: datetime) -> tuple[bytes, str | None]: ...

    @abstractmethod
    def _unwrap(self, scope: Scope, row: Row[Any]) -> tuple[bytes, str | None]: ...

    @abstractmethod
    def _forget_handles(self, scopes: list[Scope]) -> None: ...


def destroyed(scope: Scope) -> KeyDestroyedError:
    """Return the error of a key that is no more."""
    return KeyDestroyedError(f"the key of {scope.system} {scope.epoch} was destroyed: its tokens are made no more")


def _versions(
    connection: Connection, half: str, chosen: Chosen, uses: tuple[str, ...] = (PERSONAL, CIPHER)
) -> list[_Version]:
    """Return keys and marks in order of scope and age; of all half-years where `half` is empty."""
    query = select(*(KEYS.c[name] for name in Scope._fields), KEYS.c.made, (KEYS.c.wrapped != b"").label("live"))
    query = query.where(KEYS.c.use.in_(uses), KEYS.c.epoch.startswith(half))
    for name, value in chosen._asdict().items():
        if value is not None:
            query = query.where(KEYS.c[name] == value)
    rows = connection.execute(query.order_by(*(KEYS.c[name] for name in Scope._fields))).all()
    return [_Version(Scope(*row[:5]), row.made, bool(row.live)) for row in rows]


def _least_name(connection: Connection, half: str) -> str:
    """Return the first name of a half-year that no key had which a restored backup did not know."""
    value = connection.execute(select(FACTS.c.value).where(FACTS.c.name == LEAST_EPOCH)).scalar_one_or_none()
    if value is None:
        return half
    least = bytes(value).decode()
    return half + least[len(half) :] if half <= epochs.half_of(least) else half


def _by_scope(versions: list[_Version]) -> dict[Scope, list[_Version]]:
    found: dict[Scope, list[_Version]] = {}
    for one in versions:
        found.setdefault(one.scope._replace(epoch=""), []).append(one)
    return found


def _after(epoch: str) -> str:
    following = epochs.successor(epoch)
    if following is None:
        raise RefusedError(f"{epoch} is the last letter of its half-year: the next half-year begins with a fresh key")
    return following


def _bury(connection: Connection, scope: Scope, when: str) -> bool:
    """Delete a key and leave an empty mark; False if another process was first."""
    live = is_of(scope) & (KEYS.c.wrapped != b"")
    if not connection.execute(delete(KEYS).where(live)).rowcount:
        if connection.execute(select(KEYS.c.epoch).where(live)).first() is not None:  # a policy of the database hid it
            raise KeyringError(f"this role of the database destroys no keys: {LACKS_RIGHTS}")
        return False
    connection.execute(insert(KEYS).values(**scope._asdict(), wrapped=b"", made=when))
    return True
