"""Keys of the vault: a pair for each due date, so that a record stops being readable on the day it is due.

    payload ──AES-256-GCM, a data key a file and part──► columns `identity`, `content`
    data key ──HPKE──► public key of the due date and part   (columns `identity_key`, `content_key`)
    private key of the due date ──HPKE──► public ops key     (keyring; destroyed on the day)

A key is named by a due date ("2014-03-15"), by the month in which records without a clock arrived ("open-2011-07"),
or by the case that holds records back ("case:2014-17"). Who writes has the public halves only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from sqlalchemy import insert, select

from governance.errors import KeyringError, RefusedError, counted
from governance.keys import epochs, pairs, store
from governance.keys.handles import Handle
from governance.keys.scopes import DESTROYED, SEALING, Scope, unnoted
from governance.keys.store import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from governance.keys.scopes import Note

Part = Literal["identity", "content"]
PARTS: Final[tuple[Part, Part]] = ("identity", "content")
_PURPOSE = "vault."
_KEY_ID = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])|open-\d{4}-(0[1-9]|1[0-2])|case:[A-Za-z0-9._-]{1,64}", re.ASCII
)


class KeyDestroyedError(KeyringError):
    """The key was destroyed on its day; no other takes its place."""


class DuePublic(NamedTuple):
    """The public halves of one key of the vault, 32 bytes each."""

    key_id: str
    identity: bytes
    content: bytes

    def of(self, part: Part) -> bytes:
        """Return the half of one part."""
        return self.identity if part == "identity" else self.content


class DueKeyInfo(NamedTuple):
    """What may be told of a key of the vault; `destroyed` is when, or None."""

    key_id: str
    made: str
    destroyed: str | None


class DueDateKeys(Handle):
    """The vault's part of a keyring."""

    __slots__ = ()

    _engine: Engine
    _clock: Callable[[], datetime]

    def due_date_public(self, key_id: str) -> DuePublic:
        """Return the public halves of a key of the vault; see `due_date_publics`."""
        found = self.due_date_publics([key_id])
        if key_id not in found:
            raise KeyDestroyedError(f"the key {key_id} was destroyed: nothing is written under it any more")
        return found[key_id]

    def due_date_publics(self, key_ids: Iterable[str]) -> dict[str, DuePublic]:
        """Return the public halves of keys of the vault by name, made when first needed.

        Guarantees:
            A destroyed key has no place in the answer and never gets a successor. Nothing is remembered here, so
            that a key which another process destroyed is not used again.
        """
        wanted = sorted(set(key_ids))
        with store.reading(self._engine) as connection:
            found, gone = _find_publics(connection, wanted)
        if set(wanted) <= {*found, *gone}:
            return found
        with store.writing(self._engine) as connection:
            found, gone = _find_publics(connection, wanted)
            missing = [key_id for key_id in wanted if key_id not in found and key_id not in gone]
            for key_id in missing:
                for part in PARTS:
                    pairs.make(connection, _scope(SEALING, part, key_id), epochs.stamp(self._clock()))
            return _find_publics(connection, wanted)[0]

    def destroy_due_date(
        self, key_id: str, wall: datetime, *, blocking: Callable[[str], int], note: Note = unnoted
    ) -> bool:
        """Destroy one key of the vault; False if there is no such key, or no longer. See `destroy_due_dates`."""
        return bool(self.destroy_due_dates([key_id], wall, blocking=blocking, note=note))

    def destroy_due_dates(
        self, key_ids: Sequence[str], wall: datetime, *, blocking: Callable[[str], int], note: Note = unnoted
    ) -> list[str]:
        """Destroy keys of the vault: from now on no copy of a row under them opens, not even with the ops key.

        Args:
            key_ids: due dates, open months or cases.
            wall: the wall clock, never a drill's.
            blocking: how many rows under a key are held or not due; asked right before.
            note: told of the keys before they go.

        Returns:
            Those that were there.

        Raises:
            RefusedError: a date has not come, or rows block: no key is destroyed, and nothing overrides it.
        """
        for key_id in key_ids:
            _require_destructible(key_id, epochs.china_date(wall), blocking)
        with store.writing(self._engine) as connection:
            gone = [key_id for key_id in key_ids if _bury(connection, key_id, epochs.stamp(wall))]
            if gone:
                note([_scope(SEALING, part, key_id) for key_id in gone for part in PARTS])
        store.forget_deleted(self._engine)
        return gone

    def due_keys(self) -> list[DueKeyInfo]:
        """Return what may be told of the vault's keys, destroyed ones too."""
        with store.reading(self._engine) as connection:
            return _list_keys(connection)


def purpose_of(part: Part) -> str:
    """Return the purpose under which a part's key pairs lie in the keyring."""
    return _PURPOSE + part


def require_key_id(key_id: str) -> str:
    """Return `key_id`, or raise ValueError if no key of the vault is named so."""
    if not _KEY_ID.fullmatch(key_id):
        raise ValueError("a key of the vault is named by a due date, open-YYYY-MM or case:NUMBER")
    return key_id


def _find_publics(connection: Connection, key_ids: Iterable[str]) -> tuple[dict[str, DuePublic], set[str]]:
    """Return the public halves that there are, and the names of those that were destroyed."""
    wanted = {require_key_id(key_id) for key_id in key_ids}
    rows = connection.execute(
        select(KEYS.c.use, KEYS.c.purpose, KEYS.c.epoch, KEYS.c.public).where(
            KEYS.c.use.in_((SEALING, DESTROYED)),
            KEYS.c.purpose.in_([purpose_of(part) for part in PARTS]),
            KEYS.c.epoch.in_(wanted),
        )
    ).all()
    halves: dict[str, dict[str, bytes]] = {}
    gone = set()
    for use, purpose, epoch, public in rows:
        if use == DESTROYED:
            gone.add(epoch)
        else:
            halves.setdefault(epoch, {})[purpose.removeprefix(_PURPOSE)] = bytes(public)
    whole = {key_id: DuePublic(key_id, **found) for key_id, found in halves.items() if len(found) == len(PARTS)}
    return whole, gone


def _require_destructible(key_id: str, today: str, blocking: Callable[[str], int]) -> None:
    """Refuse to destroy a key that still has to open something.

    Raises:
        RefusedError: the due date lies ahead of `today`, the wall clock's +08:00 date, or rows under the key are
            held or not due (R-RET-02, R-RET-10). Nothing overrides it.
    """
    require_key_id(key_id)
    if key_id[0].isdigit() and key_id > today:
        raise RefusedError(f"the key of {key_id} guards records that are not due before that day: nothing destroys it")
    if rows := blocking(key_id):
        raise RefusedError(
            f"{counted(rows, 'record is', 'records are')} held or not due under the key {key_id}: "
            "envelop held ones under their case first, and remove what is due"
        )


def _bury(connection: Connection, key_id: str, when: str) -> bool:
    """Delete both pairs and leave a mark that they are gone; False if that was done before or there was no key."""
    gone = False
    for part in PARTS:
        if pairs.destroy(connection, _scope(SEALING, part, key_id)):
            gone = True
            mark = _scope(DESTROYED, part, key_id)
            connection.execute(insert(KEYS).values(**mark._asdict(), wrapped=b"", made=when))
    return gone


def _list_keys(connection: Connection) -> list[DueKeyInfo]:
    """Return what may be told of every key of the vault, in order of its name."""
    rows = connection.execute(
        select(KEYS.c.use, KEYS.c.epoch, KEYS.c.made)
        .where(KEYS.c.use.in_((SEALING, DESTROYED)), KEYS.c.purpose == purpose_of("identity"))
        .order_by(KEYS.c.epoch)
    ).all()
    return [DueKeyInfo(key, made, made if use == DESTROYED else None) for use, key, made in rows]


def _scope(use: str, part: Part, key_id: str) -> Scope:
    return Scope(use, purpose_of(part), "", "", key_id)
