"""Run by alembic: migrates the ledger in the transaction of whoever opened it."""

from __future__ import annotations

from alembic import context

from governance.ledger.store import SCHEMA

context.configure(connection=context.config.attributes["connection"], version_table=SCHEMA.version_table)
with context.begin_transaction():
    context.run_migrations()
