"""The keyring: makes keys when they are first needed, stores them wrapped, destroys them on their day."""

from __future__ import annotations

import secrets
import threading
from datetime import UTC, datetime
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)
from sqlalchemy import delete, insert, or_, select

from governance.errors import KeyringError, RefusedError, counted
from governance.keys import epochs, pairs, store
from governance.keys.backup import CHECK, SALT, BackupKeys, check_of
from governance.keys.ciphers import CipherKey
from governance.keys.due_dates import DueDateKeys, KeyDestroyedError
from governance.keys.event_keys import EventKeys
from governance.keys.files import private_draft, publish
from governance.keys.handles import KEY_BYTES, Handle
from governance.keys.rotation import EpochKeys, destroyed
from governance.keys.scopes import CIPHER, DEDUPE, PERSONAL, PROBE, SEALING, WINDOW, Scope, is_of, unnoted
from governance.keys.sealing import BundleSealer
from governance.keys.store import FACTS, KEYS
from governance.keys.tokens import TokenKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine, Row

    from governance.keys.root import RootKey
    from governance.keys.scopes import Note

H = TypeVar("H", bound=Handle)


class KeyInfo(NamedTuple):
    """What may be told of a key: everything but the key."""

    use: str
    purpose: str
    system: str
    recipient: str
    epoch: str
    made: str
    expires: str | None
    state: str


class Keyring(EpochKeys, DueDateKeys, BackupKeys, Handle):
    """Keys of one installation; safe to share between threads, and between processes through its database.

    Guarantees:
        A stored key is wrapped (AES-KWP, RFC 5649) under a key that HKDF derives from the root key for its scope alone:
        a row moved to another scope does not open. Two processes that need a key at once get the same one.
    """

    __slots__ = ("_ciphers", "_clock", "_days", "_engine", "_lock", "_newest", "_root", "_salt", "_streams", "_tokens")

    def __init__(self, engine: Engine, root: RootKey, salt: bytes, clock: Callable[[], datetime]) -> None:
        """Hold an opened keyring; use `create` or `open`."""
        self._engine = engine
        self._root = root
        self._salt = salt
        self._clock = clock
        self._lock = threading.RLock()
        self._tokens: dict[tuple[Scope, str], tuple[TokenKey, str | None]] = {}
        self._ciphers: dict[tuple[Scope, str], tuple[CipherKey, str | None]] = {}
        self._streams: dict[str, EventKeys] = {}
        self._days: dict[Scope, bytes] = {}
        self._newest: dict[Scope, tuple[datetime, Scope]] = {}

    @classmethod
    def create(cls, url: str, root: RootKey, *, clock: Callable[[], datetime] | None = None) -> Self:
        """Make the keyring at `url` under `root`, or open the one that is there."""
        path = store.file_of(url)
        if path is None:
            _found(url, root)
        elif not path.exists():
            with private_draft(path) as draft:
                _found(f"sqlite:///{draft}", root)
                publish(draft, path)
        return cls.open(url, root, clock=clock)

    @classmethod
    def open(cls, url: str, root: RootKey, *, clock: Callable[[], datetime] | None = None) -> Self:
        """Open the keyring at `url`; KeyringError if it is missing or belongs to another root key.

        Args:
            url: `sqlite:///PATH`, or a PostgreSQL URL.
            root: the root key it was made under.
            clock: wall clock for the date a key was made on; the machine's by default.
        """
        path = store.file_of(url)
        engine = store.connect(url)
        facts = {} if path is not None and not path.exists() else store.facts_of(engine)
        if not facts:
            raise KeyringError(f"there is no keyring at {store.place(url)}: run `ebb keys init`")
        salt = facts.get(SALT, b"")
        if not compare_digest(facts.get(CHECK, b""), check_of(root, salt)):
            raise KeyringError(
                f"the root key does not belong to the keyring {store.place(url)}: "
                "give the one it was made with, by EBB_ROOT_KEY or the setting root_key_file"
            )
        return cls(engine, root, salt, clock or _machine_clock)

    def token_key(self, purpose: str, system: str, recipient: str, kind: str, epoch: str) -> TokenKey:
        """Return the newest key of personal tokens of one half-year ("2026H2"), made when first needed."""
        epochs.require_half_year(epoch)
        half = Scope(PERSONAL, purpose, system, recipient, epoch)
        return self._newest_of(half, lambda scope: self._token_key(scope, kind, self._clock()))

    def window_key(self, purpose: str, system: str, recipient: str, kind: str, date: str, wall: datetime) -> TokenKey:  # noqa: PLR0917 - the scope, then its time
        """Return the key of window tokens of an event date.

        The key is random, lives two days by `wall` from when it was first needed, and is followed by a fresh one if
        its date is needed again. The two do not link.
        """
        epochs.require_date(date)
        return self._token_key(Scope(WINDOW, purpose, system, recipient, date), kind, wall)

    def cipher_key(self, purpose: str, system: str, recipient: str, kind: str, epoch: str) -> CipherKey:
        """Return the newest key of a treatment of one half-year ("2026H2"), made when first needed.

        It is no key of tokens: `ebb keys list` shows it with the use `cipher`, and it can be destroyed for itself.
        """
        epochs.require_half_year(epoch)
        half = Scope(CIPHER, purpose, system, recipient, epoch)
        return self._newest_of(half, lambda scope: self._cipher_key(scope, kind, self._clock()))

    def window_cipher_key(
        self, purpose: str, system: str, recipient: str, kind: str, date: str, *, wall: datetime
    ) -> CipherKey:
        """Return the key of a treatment for an event date; random, and gone as `window_key` is."""
        epochs.require_date(date)
        return self._cipher_key(Scope(WINDOW, purpose, system, recipient, date), kind, wall)

    def find_cipher_key(self, purpose: str, system: str, recipient: str, kind: str, epoch: str) -> CipherKey | None:
        """Return the key of a treatment if the ring holds it; None if not. It makes none."""
        scope = Scope(CIPHER, purpose, system, recipient, epoch)
        with store.reading(self._engine) as connection:
            row = connection.execute(select(KEYS).where(is_of(scope))).one_or_none()
        return None if row is None or not row.wrapped else CipherKey(self._unwrap(scope, row)[0], kind, epoch)

    def event_keys(self, stream: str) -> EventKeys:
        """Return the keyed hashes of a stream: event keys, names of files, probes of subjects."""
        with self._lock:
            found = self._streams.get(stream)
            if found is None:
                wall = self._clock()
                dedupe, _ = self._key(Scope(DEDUPE, stream, "", "", ""), wall)
                probe, _ = self._key(Scope(PROBE, stream, "", "", ""), wall)
                found = self._streams[stream] = EventKeys(dedupe, probe)
            return found

    def sealer(self, purpose: str, wall: datetime) -> BundleSealer:
        """Return a sealer for one bundle, with a data key of its own, to the public key of `wall`'s +08:00 date."""
        day = epochs.china_date(wall)
        scope = Scope(SEALING, purpose, "", "", day)
        with self._lock:
            public = self._days.get(scope)
            if public is None:
                self._days.clear()
                public = self._days[scope] = self._day_key(scope, wall)
        return BundleSealer(purpose, day, public)

    def sealed_day_key(self, purpose: str, day: str) -> bytes:
        """Return the private half of a day's key, still sealed to the ops key."""
        with store.reading(self._engine) as connection:
            sealed = pairs.find_sealed(connection, Scope(SEALING, purpose, "", "", day))
        if sealed is None:
            raise KeyDestroyedError(f"the keyring holds no {purpose} key of {day}: nothing of that day can be opened")
        return sealed

    def sealing_days(self, purpose: str) -> list[str]:
        """Return the +08:00 dates whose sealing keys for `purpose` are there."""
        query = select(KEYS.c.epoch).where(KEYS.c.use == SEALING, KEYS.c.purpose == purpose).order_by(KEYS.c.epoch)
        with store.reading(self._engine) as connection:
            return list(connection.execute(query).scalars())

    def destroy_day_key(self, purpose: str, day: str, *, blocking: Callable[[str], int], note: Note = unnoted) -> bool:
        """Destroy the sealing key of a day: nothing that was sealed on it opens any more, in no copy.

        Args:
            purpose: such as "dead_letters".
            day: a +08:00 date.
            blocking: how many sealed rows of the day are still there; asked right before.
            note: told of the key before it goes.

        Returns:
            False if there is no such key.

        Raises:
            RefusedError: rows block; nothing overrides it.
        """
        if number := blocking(day):
            raise RefusedError(f"the {purpose} key of {day} seals {counted(number, 'row')} still kept: it stays")
        scope = Scope(SEALING, purpose, "", "", day)
        with store.writing(self._engine) as connection:
            gone = pairs.destroy(connection, scope)
            if gone:
                note([scope])
        store.forget_deleted(self._engine)
        return gone

    def ops_public(self) -> bytes | None:
        """Return the public half of the ops key, or None before `ebb keys init`."""
        with store.reading(self._engine) as connection:
            return store.ops_public(connection)

    def set_ops_public(self, public: bytes) -> None:
        """Store the public half of the ops key, once; KeyringError if another one is there."""
        with store.writing(self._engine) as connection:
            there = store.ops_public(connection)
            if there is None:
                connection.execute(insert(FACTS).values(name=store.OPS_PUBLIC, value=public))
            elif there != public:
                raise KeyringError("the keyring has another ops key: what was sealed to it needs that one")

    def destroy_expired(self, wall: datetime) -> int:
        """Destroy the keys that expired by `wall`, in the file and in this process; return how many.

        Guarantees:
            SQLite overwrites the rows (secure_delete) and the write-ahead log is emptied, or an `EbbWarning` says
            that a reader puts that off. Copies of the file, such as backups and snapshots of its disk, are the
            operator's to keep shorter than the keys.
        """
        now = epochs.stamp(wall)
        with self._lock:
            self._drop_expired_handles(now)
            with store.writing(self._engine) as connection:
                gone = connection.execute(delete(KEYS).where(KEYS.c.expires <= now)).rowcount
            store.forget_deleted(self._engine)
        return gone

    def keys(self, wall: datetime) -> list[KeyInfo]:
        """Return what may be told of every key, in order of use and scope; never key material."""
        now = epochs.stamp(wall)
        columns = [KEYS.c[name] for name in (*Scope._fields, "made", "expires")]
        live = ((KEYS.c.wrapped != b"") | (KEYS.c.use == SEALING)).label("live")
        with store.reading(self._engine) as connection:
            rows = connection.execute(select(*columns, live).order_by(*columns[:5])).all()
        return [KeyInfo._make((*row[:-1], _state(row, now))) for row in rows]

    def _newest_of(self, half: Scope, opened: Callable[[Scope], H]) -> H:
        """Return the handle of a half-year's newest key, also if that was destroyed by another process just now."""
        with self._lock:
            try:
                return opened(self._newest_scope(half))
            except KeyDestroyedError:
                self._newest.clear()
                return opened(self._newest_scope(half))

    def _token_key(self, scope: Scope, kind: str, wall: datetime) -> TokenKey:
        now = epochs.stamp(wall)
        with self._lock:
            handle, expires = self._tokens.get((scope, kind), (None, None))
            if handle is None or (expires is not None and expires <= now):
                self._drop_expired_handles(now)
                key, expires = self._key(scope, wall)
                handle = TokenKey(key, kind, scope.epoch)
                self._tokens[scope, kind] = (handle, expires)
            return handle

    def _cipher_key(self, scope: Scope, kind: str, wall: datetime) -> CipherKey:
        now = epochs.stamp(wall)
        with self._lock:
            handle, expires = self._ciphers.get((scope, kind), (None, None))
            if handle is None or (expires is not None and expires <= now):
                self._drop_expired_handles(now)
                key, expires = self._key(scope, wall)
                handle = CipherKey(key, kind, scope.epoch)
                self._ciphers[scope, kind] = (handle, expires)
            return handle

    def _forget_handles(self, scopes: list[Scope]) -> None:
        self._newest.clear()
        self._tokens = {at: held for at, held in self._tokens.items() if at[0] not in scopes}
        self._ciphers = {at: held for at, held in self._ciphers.items() if at[0] not in scopes}

    def _drop_expired_handles(self, now: str) -> None:
        self._tokens = {at: held for at, held in self._tokens.items() if held[1] is None or held[1] > now}
        self._ciphers = {at: held for at, held in self._ciphers.items() if held[1] is None or held[1] > now}

    def _key(self, scope: Scope, wall: datetime) -> tuple[bytes, str | None]:
        """Return the key of `scope` and when it expires; made, and stored before it is used, if there is none."""
        live = is_of(scope) & or_(KEYS.c.expires.is_(None), KEYS.c.expires > epochs.stamp(wall))
        with store.reading(self._engine) as connection:
            row = connection.execute(select(KEYS).where(live)).one_or_none()
        if row is not None:
            return self._unwrap(scope, row)
        with store.writing(self._engine) as connection:
            row = connection.execute(select(KEYS).where(live)).one_or_none()
            if row is not None:  # another process was first
                return self._unwrap(scope, row)
            connection.execute(delete(KEYS).where(is_of(scope)))
            return self._store_new_key(connection, scope, wall)

    def _store_new_key(self, connection: Connection, scope: Scope, wall: datetime) -> tuple[bytes, str | None]:
        """Store a fresh key for `scope`, which has none; return it, and when it expires."""
        key = secrets.token_bytes(KEY_BYTES)
        expires = epochs.stamp(wall + epochs.WINDOW_LIFE) if scope.use == WINDOW else None
        wrapped = aes_key_wrap_with_padding(self._wrapping_key(scope), key)
        made = epochs.stamp(wall)
        connection.execute(insert(KEYS).values(**scope._asdict(), wrapped=wrapped, made=made, expires=expires))
        return key, expires

    def _day_key(self, scope: Scope, wall: datetime) -> bytes:
        with store.reading(self._engine) as connection:
            public = pairs.find_public(connection, scope)
        if public is None:
            with store.writing(self._engine) as connection:
                public = pairs.find_public(connection, scope) or pairs.make(connection, scope, epochs.stamp(wall))
        return public

    def _wrapping_key(self, scope: Scope) -> bytes:
        return self._root.derive("ebb", "v1", "wrap", *scope, salt=self._salt)

    def _unwrap(self, scope: Scope, row: Row[Any]) -> tuple[bytes, str | None]:
        if not row.wrapped:
            raise destroyed(scope)
        try:
            return aes_key_unwrap_with_padding(self._wrapping_key(scope), bytes(row.wrapped)), row.expires
        except InvalidUnwrap:
            raise KeyringError("a key of the keyring does not open: the file was changed; restore its backup") from None


def keyring_exists(url: str) -> bool:
    """Say whether there is a keyring at `url`, without a root key."""
    path = store.file_of(url)
    if path is not None and not path.exists():
        return False
    with store.reading(store.connect(url)) as connection:
        return store.is_there(connection)


def _found(url: str, root: RootKey) -> None:
    """Write the tables, a salt and the check value of `root` into an empty database; leave a keyring as it is."""
    engine = store.connect(url)
    store.make_wal(engine)
    store.bring_up(engine)
    with store.writing(engine) as connection:
        if not store.is_there(connection):
            salt = secrets.token_bytes(KEY_BYTES)
            check = check_of(root, salt)
            connection.execute(insert(FACTS), [{"name": SALT, "value": salt}, {"name": CHECK, "value": check}])


def _state(row: Any, now: str) -> str:
    if not row.live:
        return "destroyed"
    return "expired" if row.expires and row.expires <= now else "active"


def _machine_clock() -> datetime:
    return datetime.now(tz=UTC)
