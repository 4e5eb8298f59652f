"""Payloads tell when they were recorded: a sweep can take them for what they are, data with a clock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

REFUSE = "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
CALL = "FOR EACH STATEMENT EXECUTE FUNCTION ebb_append_only()"


def upgrade() -> None:
    """Add the column, fill it from the chain, and set the guard again, which had to make way."""
    sqlite = op.get_context().dialect.name == "sqlite"
    if sqlite:
        op.execute("DROP TRIGGER ebb_payloads_no_update")
    else:
        op.execute("DROP TRIGGER ebb_payloads_guard ON ebb_ledger_payloads")
    op.add_column("ebb_ledger_payloads", sa.Column("recorded", sa.Text))
    # A payload without a line is an intruder, which `ebb ledger verify` names; it must not stop the migration.
    op.execute(
        "UPDATE ebb_ledger_payloads SET recorded = coalesce("
        "(SELECT line.recorded FROM ebb_ledger AS line WHERE line.number = ebb_ledger_payloads.number), '')"
    )
    with op.batch_alter_table("ebb_ledger_payloads") as payloads:
        payloads.alter_column("recorded", existing_type=sa.Text(), nullable=False)
    if sqlite:
        op.execute(f"CREATE TRIGGER ebb_payloads_no_update BEFORE UPDATE ON ebb_ledger_payloads {REFUSE}")
    else:
        op.execute(f"CREATE TRIGGER ebb_payloads_guard BEFORE UPDATE ON ebb_ledger_payloads {CALL}")
