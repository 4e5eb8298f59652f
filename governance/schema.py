"""The tables of ebb's own databases, brought to their newest revision by alembic when a database is opened.

Which revision a database has stands in one row of it. alembic is imported only where that is not the newest.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Text, column, inspect, select, table
from sqlalchemy.exc import DBAPIError

from governance.errors import EbbWarning

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from governance.errors import EbbError

LOCK_SPACE = 0x65626221
"""First half of every advisory lock of ebb's on PostgreSQL: 1 ledger, 2 sweeps, 3 keyring."""

UPGRADE = "ebb database upgrade"
"""What an administrator runs where a role may not change tables."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of one database, or of one part of it.

    Attributes:
        what: ledger, keyring.
        error: what is raised.
        migrations: folder with alembic's `env.py` and `versions/`.
        version_table: of its own, so that ledger and keyring may share a server's database. They may not share a SQLite
            file: the ledger is told of a key's end inside the keyring's transaction, and would wait for it for ever.
        revisions: every one there is, oldest first.
        mark: a table that databases had before they told their revision; they have the first one.
    """

    what: str
    error: type[EbbError]
    migrations: Path
    version_table: str
    revisions: tuple[str, ...]
    mark: str

    def revision(self, connection: Connection) -> str | None:
        """Return the revision of the database, None for an empty one.

        Raises:
            EbbError: a newer ebb made it.
        """
        looked = inspect(connection)
        if not looked.has_table(self.version_table):
            return self.revisions[0] if looked.has_table(self.mark) else None
        revisions = table(self.version_table, column("version_num", Text))
        found = connection.execute(select(revisions.c.version_num)).scalar_one_or_none()
        if found is not None and found not in self.revisions:
            raise self.error(f"the {self.what} was upgraded by a newer version of ebb: install that version here too")
        return found

    def upgrade(self, connection: Connection) -> None:
        """Bring the database to the newest revision in the connection's transaction, which keeps others out.

        Raises:
            EbbError: the role may not change tables.
        """
        from alembic import command  # noqa: PLC0415 - takes a while to load, and is hardly ever needed
        from alembic.config import Config  # noqa: PLC0415

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(self.migrations).replace("%", "%%"))
        try:
            if not inspect(connection).has_table(self.version_table) and self.revision(connection) is not None:
                command.stamp(config, self.revisions[0])
            command.upgrade(config, self.revisions[-1])
        except DBAPIError as problem:
            if type(problem.orig).__name__ != "InsufficientPrivilege":
                raise
            raise self.error(
                f"the {self.what}'s tables are not those of this version of ebb, and this role may not change them: "
                f"its owner runs `{UPGRADE}` first"
            ) from None


def empty_log(connection: Connection, kept: str) -> None:
    """Empty SQLite's write-ahead log; where somebody reads the file, warn of what is kept there until that ends."""
    if connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one():
        warnings.warn(f"somebody reads {kept}", EbbWarning, stacklevel=3)
