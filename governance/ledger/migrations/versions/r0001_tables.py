"""Chain, payloads and head, with triggers that refuse to change a line."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

REFUSE = "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
SQLITE_GUARDS = (
    f"CREATE TRIGGER ebb_ledger_no_update BEFORE UPDATE ON ebb_ledger {REFUSE}",
    f"CREATE TRIGGER ebb_ledger_no_delete BEFORE DELETE ON ebb_ledger {REFUSE}",
    f"CREATE TRIGGER ebb_payloads_no_update BEFORE UPDATE ON ebb_ledger_payloads {REFUSE}",
)
CALL = "FOR EACH STATEMENT EXECUTE FUNCTION ebb_append_only()"
POSTGRESQL_GUARDS = (
    """CREATE OR REPLACE FUNCTION ebb_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$""",
    f"CREATE TRIGGER ebb_ledger_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON ebb_ledger {CALL}",
    f"CREATE TRIGGER ebb_payloads_guard BEFORE UPDATE ON ebb_ledger_payloads {CALL}",
)


def upgrade() -> None:
    """Make the tables and their guards."""
    op.create_table(
        "ebb_ledger",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("recorded", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False, index=True),
        sa.Column("commitment", sa.LargeBinary, nullable=False),
        sa.Column("link", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "ebb_ledger_payloads",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.create_table(
        "ebb_ledger_head",
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("link", sa.LargeBinary, nullable=False),
    )
    for guard in SQLITE_GUARDS if op.get_context().dialect.name == "sqlite" else POSTGRESQL_GUARDS:
        op.execute(guard)
