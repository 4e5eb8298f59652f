"""Private halves get a table of their own, so that a role that streams may write them and never read one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

SCOPE = ("use", "purpose", "system", "recipient", "epoch")


def upgrade() -> None:
    """Move the private halves; a process of before that would still write one into the old place is refused."""
    op.create_table(
        "ebb_sealed_keys",
        *(sa.Column(name, sa.Text, nullable=False) for name in SCOPE),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint(*SCOPE),
    )
    columns = ", ".join(f'"{name}"' for name in SCOPE)
    op.execute(
        f"INSERT INTO ebb_sealed_keys ({columns}, sealed) SELECT {columns}, wrapped FROM ebb_keys WHERE use = 'sealing'"
    )
    keys = sa.table("ebb_keys", sa.column("use", sa.Text), sa.column("wrapped", sa.LargeBinary))
    op.execute(keys.update().where(keys.c.use == "sealing").values(wrapped=b""))
    with op.batch_alter_table("ebb_keys") as batch:
        batch.create_check_constraint("ebb_keys_no_private_half", "use <> 'sealing' OR length(wrapped) = 0")
