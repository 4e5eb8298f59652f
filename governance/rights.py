"""Who may do what in ebb's own databases: rights of roles on PostgreSQL, given table by table.

    stream    makes keys; reads no private half, destroys only expired windows; has no right on the ledger
    ops       appends to the ledger, destroys keys, forgets payloads that are older than three years; changes no line
    auditor   reads the ledger

None of them owns a table: whoever does can undo every fence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from sqlalchemy import text

from governance.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

Kind = Literal["stream", "ops", "auditor"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
LACKS_RIGHTS = "use one that may do this; the tables' owner gives rights with `ebb database grant`"

_ALL = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")

# Every question is asked of all that a role can become, itself included: 'MEMBER' counts groups of groups, and those
# whose rights it has only after SET ROLE.
_POWERS = """SELECT bool_or(rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication OR rolname IN (
'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_read_all_data', 'pg_write_all_data'))
FROM pg_roles AS other, (SELECT oid FROM pg_roles WHERE rolname = :role) AS it
WHERE pg_has_role(it.oid, other.oid, 'MEMBER')"""
_OWNS = """SELECT bool_or(pg_has_role(:role, owner, 'MEMBER')) FROM (
SELECT relowner AS owner FROM pg_class WHERE oid = ANY(CAST(:tables AS regclass[]))
UNION SELECT nspowner FROM pg_namespace WHERE oid IN (
    SELECT relnamespace FROM pg_class WHERE oid = ANY(CAST(:tables AS regclass[])))
UNION SELECT datdba FROM pg_database WHERE datname = current_database()) AS owners"""
_HAS = """SELECT bool_or(CASE WHEN :right IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
THEN has_any_column_privilege(oid, CAST(:table AS regclass), :right)
ELSE has_table_privilege(oid, CAST(:table AS regclass), :right) END)
FROM pg_roles WHERE pg_has_role(:role, oid, 'MEMBER')"""


@dataclass(frozen=True, slots=True)
class Rights:
    """What roles may do with one set of tables.

    Attributes:
        tables: rights by table and kind of role; a kind that is not named has none.
        functions: which kinds may call a function.
    """

    tables: Mapping[str, Mapping[Kind, tuple[str, ...]]]
    functions: Mapping[str, tuple[Kind, ...]]

    def grant(self, connection: Connection, role: str, kind: Kind) -> None:
        """Give a role what its kind may do, and take from it what else it was given.

        Raises:
            UsageError: the database is a file, or has no such role.
            RefusedError: the role may do more by another way; nothing was changed.
        """
        if connection.dialect.name != "postgresql":
            raise UsageError("a SQLite file has no roles: who may read the file may read all of it")
        powerful = connection.execute(text(_POWERS), {"role": role}).scalar_one_or_none()
        if powerful is None:
            raise UsageError(f"the database has no role {role}: make it first with CREATE ROLE … LOGIN")
        owns = connection.execute(text(_OWNS), {"role": role, "tables": list(self.tables)}).scalar_one()
        if powerful or owns:
            raise RefusedError(
                f"the role {role} is, or is a member of, a superuser or one that bypasses row security, makes roles, "
                "replicates, reads or writes all data or the server's files, or owns the tables, their schema or the "
                "database: it can undo every fence; give the rights to a role that does none of that"
            )
        name = connection.dialect.identifier_preparer.quote(role)
        for function, callers in self.functions.items():
            verb = "GRANT EXECUTE ON FUNCTION {} TO {}" if kind in callers else "REVOKE ALL ON FUNCTION {} FROM {}"
            connection.exec_driver_sql(verb.format(function, name))
        for table, given in self.of(kind).items():
            connection.exec_driver_sql(f"REVOKE ALL ON {table} FROM {name}")
            if given:
                connection.exec_driver_sql(f"GRANT {', '.join(given)} ON {table} TO {name}")
        self._refuse_more(connection, role, kind)

    def of(self, kind: Kind) -> dict[str, tuple[str, ...]]:
        """Return what a kind of role may do, by table."""
        return {table: kinds.get(kind, ()) for table, kinds in self.tables.items()}

    def _refuse_more(self, connection: Connection, role: str, kind: Kind) -> None:
        for table, given in self.of(kind).items():
            for right in _ALL:
                has = connection.execute(text(_HAS), {"role": role, "table": table, "right": right}).scalar_one()
                if right in given and not has:
                    raise RefusedError(
                        f"the role {role} was not given {right} on {table}: only the owner of the tables can grant; "
                        "run this with the owner's URL"
                    )
                if has and right not in given:
                    raise RefusedError(
                        f"the role {role} may {right} {table} by a group or because everybody may: "
                        "take that away first; nothing was granted"
                    )
