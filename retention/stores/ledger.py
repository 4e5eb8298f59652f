"""The ledger's payloads as a store: lines that nobody may change, forgotten as the ledger forgets."""

from __future__ import annotations

from retention.stores.base import Purged
from retention.stores.sql import SqlStore

_SQLITE = "sqlite"


class LedgerStore(SqlStore):
    """A ledger's database, with the rights of the role `ops`: it reads payloads and deletes them, and changes none.

    So rows need no lock before they go: that would take the right to change them, and a trigger refuses any change.
    """

    _locks = False

    def purge(self, table: str, *, history: bool) -> Purged:
        """Leave deleted payloads nowhere in the database's files."""
        if self._engine.dialect.name == _SQLITE:
            return super().purge(table, history=history)
        with self._reworded(), self._engine.begin() as connection:
            rewritten = bool(connection.exec_driver_sql("SELECT ebb_ledger_rewrite()").scalar_one())
        notes: tuple[str, ...] = (
            "PostgreSQL's write-ahead log holds deleted rows until its segments are recycled",
            "base backups, archived logs and replicas were not looked at",
        )
        if not rewritten:
            notes = ("somebody was reading the ledger: its table is written anew by the next sweep", *notes)
        return Purged(physically=rewritten, history=False, notes=notes)
