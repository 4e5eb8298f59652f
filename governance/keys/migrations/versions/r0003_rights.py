"""On PostgreSQL, who may not destroy private halves may not destroy a key either, expired windows aside."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"

# The right to destroy private halves is what operations have and streams have not. A window may go five minutes early:
# clocks differ, and a stream that cannot replace an expired key stands still.
MAY_DESTROY = "has_table_privilege('ebb_sealed_keys'::regclass, 'DELETE')"
EXPIRED = """use = 'window' AND expires COLLATE "C" <= to_char(
    (now() + interval '5 minutes') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
MADE_BY_STREAMS = """use IN ('personal', 'cipher', 'window', 'dedupe', 'probe', 'sealing')
    AND (use = 'sealing' OR length(wrapped) > 0) AND (expires IS NOT NULL) = (use = 'window')"""
POSTGRESQL = (
    "ALTER TABLE ebb_keys ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY ebb_keys_read ON ebb_keys FOR SELECT USING (true)",
    f"CREATE POLICY ebb_keys_make ON ebb_keys FOR INSERT WITH CHECK ({MAY_DESTROY} OR ({MADE_BY_STREAMS}))",
    f"CREATE POLICY ebb_keys_destroy ON ebb_keys FOR DELETE USING ({MAY_DESTROY} OR ({EXPIRED}))",
    # What a transaction deleted lies on in the table's file; writing it anew leaves it behind. Somebody who reads for
    # long, such as a dump, is not waited for: streams would queue behind.
    """CREATE OR REPLACE FUNCTION ebb_keys_rewrite() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp SET lock_timeout = '1s' AS $$
    BEGIN
        CLUSTER ebb_keys USING ebb_keys_pkey;
        CLUSTER ebb_sealed_keys USING ebb_sealed_keys_pkey;
        RETURN true;
    EXCEPTION WHEN lock_not_available THEN
        RETURN false;
    END $$""",
    "REVOKE EXECUTE ON FUNCTION ebb_keys_rewrite FROM PUBLIC",
)


def upgrade() -> None:
    """Set the policies; a SQLite file has no roles."""
    if op.get_context().dialect.name == "sqlite":
        return
    connection = op.get_bind()
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    for statement in POSTGRESQL:
        connection.exec_driver_sql(statement.replace("{schema}", schema))
