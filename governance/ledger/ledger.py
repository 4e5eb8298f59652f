"""Append to the ledger, read it, check its chain, and hold the one lock of destructive work."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Row, delete, insert, select

from governance.errors import LedgerError, RefusedError
from governance.ledger import chain, store
from governance.ledger.chain import Broken, Entry
from governance.ledger.store import CHAIN, HEAD, PAYLOADS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Engine, Select

_SALT_BYTES = 16
_CLOCK_SLACK = timedelta(minutes=5)


class Ledger:
    """The ledger of one installation; safe to share between processes.

    Guarantees:
        Entries are numbered without gaps and chained; what was appended is committed before `append` returns.
    """

    def __init__(self, engine: Engine, ticket: int | None = None) -> None:
        self._engine = engine
        self.ticket = ticket
        """Of the lock that is held, here or by whoever this one works for; None without, and on SQLite."""

    @classmethod
    def open(cls, url: str, ticket: int | None = None) -> Self:
        """Open the ledger at `url` (`sqlite:///PATH`, or PostgreSQL), made if there is none."""
        return cls(store.connect(url), ticket)

    @classmethod
    def empty(cls) -> Self:
        """Return a ledger without entries, which is nowhere and takes none: for reading where none was made yet."""
        return cls(store.nowhere())

    def append(self, kind: str, reference: str, content: Mapping[str, Any], wall: datetime) -> Entry:
        """Add one entry and return it.

        Args:
            kind: what happened.
            reference: what it is about; stays for ever, so never personal.
            content: the payload, JSON.
            wall: the wall clock.

        Raises:
            RefusedError: the wall clock is behind the last entry.
            LedgerError: the last entry's time cannot be read; or the database refuses the line.
        """
        recorded = wall.astimezone(UTC).isoformat(timespec="microseconds")
        payload, salt = chain.to_payload(content), secrets.token_bytes(_SALT_BYTES)
        commitment = chain.commit(salt, payload)
        with store.writing(self._engine) as connection:
            number, before = _head(connection)
            self._refuse_past(connection, number, wall)
            link = chain.link(before, number + 1, recorded, kind, reference, commitment)
            entry = Entry(number + 1, recorded, kind, reference, commitment, link, salt, payload)
            connection.execute(
                insert(CHAIN).values(
                    number=entry.number,
                    recorded=recorded,
                    kind=kind,
                    reference=reference,
                    commitment=commitment,
                    link=link,
                )
            )
            beside = {"number": entry.number, "salt": salt, "payload": payload, "recorded": recorded}
            connection.execute(insert(PAYLOADS).values(beside))  # the head was moved by the line's trigger
        return entry

    def entries(self, kind: str = "", reference: str = "") -> list[Entry]:
        """Return entries in order; `kind` and `reference` are what they begin with."""
        query = _everything()
        if kind:
            query = query.where(CHAIN.c.kind.startswith(kind, autoescape=True))
        if reference:
            query = query.where(CHAIN.c.reference.startswith(reference, autoescape=True))
        with store.reading(self._engine) as connection:
            return [_entry(row) for row in connection.execute(query)]

    def head(self) -> tuple[int, str]:
        """Return number and link (hex) of the last entry; 0 in an empty ledger."""
        with store.reading(self._engine) as connection:
            number, link = _head(connection)
        return number, link.hex()

    def first_broken(self, noted: tuple[int, str] | None = None) -> Broken | None:
        """Return the first entry that was changed, removed or inserted; None if all are as they were written.

        Args:
            noted: number and link of an entry as a certificate tells them.
        """
        with store.reading(self._engine) as connection:
            number, link = _head(connection)
            found = [_entry(row) for row in connection.execute(_everything())]
            stray = connection.execute(_strays()).first()
        broken = chain.first_broken(found, (number, link))
        if broken is None and noted is not None:
            broken = chain.first_broken(found, (noted[0], bytes.fromhex(noted[1])))
        if stray is not None and (broken is None or stray.number < broken.number):
            what = "a payload without its line" if stray.recorded is None else "one whose payload tells another time"
            return Broken(stray.number, what)
        return broken

    def forget(self, number: int) -> bool:
        """Delete an entry's payload and salt, which are due; the chain stays whole. False if they were gone.

        Raises:
            LedgerError: the database keeps them, since they are younger than three years or a hold that stands.
        """
        with store.writing(self._engine) as connection:
            gone = connection.execute(delete(PAYLOADS).where(PAYLOADS.c.number == number)).rowcount
        store.forget_deleted(self._engine)
        return bool(gone)

    @contextmanager
    def sweeping(self) -> Iterator[None]:
        """Hold the lock of destructive work; RefusedError while another sweep runs."""
        busy = "another sweep is running: wait until it has ended, then try again"
        with store.exclusive(self._engine, busy) as ticket:
            self.ticket = ticket
            try:
                yield
            finally:
                self.ticket = None

    def require_lock(self) -> None:
        """Stop work whose lock is lost, before another that may have begun is disturbed.

        Raises:
            LedgerError: the server was started again, or has ended the session that held the lock.
        """
        if self.ticket is None:
            return
        with store.reading(self._engine) as connection:
            held = store.is_held(connection, self.ticket)
        if not held:
            where = self._engine.url.render_as_string(hide_password=True)
            raise LedgerError(
                f"the ledger {where} was started again, or ended the session that held the lock of sweeps: another "
                "may have begun, so this one stops; what was recorded stays, run the command again"
            )

    @staticmethod
    def _refuse_past(connection: Connection, number: int, wall: datetime) -> None:
        if not number:
            return
        last = connection.execute(select(CHAIN.c.recorded).where(CHAIN.c.number == number)).scalar_one_or_none()
        try:
            behind = last is not None and wall < datetime.fromisoformat(last) - _CLOCK_SLACK
        except (ValueError, TypeError):  # no time, or none with a zone
            raise LedgerError(
                f"entry {number} of the ledger tells no time that can be read, so that nothing can follow it: "
                "restore the ledger from a backup of before"
            ) from None
        if behind:
            raise RefusedError("this machine's clock is behind the ledger's last entry: set the clock right first")


def _everything() -> Select[Any]:
    joined = CHAIN.outerjoin(PAYLOADS, CHAIN.c.number == PAYLOADS.c.number)
    return select(CHAIN, PAYLOADS.c.salt, PAYLOADS.c.payload).select_from(joined).order_by(CHAIN.c.number)


def _strays() -> Select[Any]:
    """Return payloads that belong to no line, or tell another time than theirs, by which they would come due."""
    joined = PAYLOADS.outerjoin(CHAIN, CHAIN.c.number == PAYLOADS.c.number)
    wrong = CHAIN.c.recorded.is_(None) | (CHAIN.c.recorded != PAYLOADS.c.recorded)
    return select(PAYLOADS.c.number, CHAIN.c.recorded).select_from(joined).where(wrong).order_by(PAYLOADS.c.number)


def _entry(row: Row[Any]) -> Entry:
    fixed = (row.number, _text(row.recorded), _text(row.kind), _text(row.reference))
    payload = None if row.payload is None else _text(row.payload)
    return Entry(*fixed, _octets(row.commitment), _octets(row.link), _octets(row.salt) if row.salt else None, payload)


# SQLite lets a forger put any kind of value into a column: one of the wrong kind is read as empty, and so found.
def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _octets(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


def _head(connection: Connection) -> tuple[int, bytes]:
    row = connection.execute(select(HEAD.c.number, HEAD.c.link)).one_or_none()
    return (0, chain.FIRST_LINK) if row is None else (row.number, bytes(row.link))
