"""The database keeps the chain: it takes the next line only, moves the head itself, and keeps payloads until due.

So a role that appends needs no right to change anything. PostgreSQL also computes the line's link, and refuses a
payload that the line does not commit to; SQLite has no SHA-256, and leaves that to `ebb ledger verify`. PostgreSQL
refuses a time that is none or lies ahead, since nobody could append after it, and one of long before, whose payload
would be due at once.
"""

from __future__ import annotations

import hashlib

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"

FIRST_LINK = hashlib.sha256(b"ebb ledger v1").hexdigest()
REFUSE = "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
# Two days less than three years: the database's calendar is UTC's, and its clock may be behind. Which payload is due to
# the day the sweep judges; the fence keeps everybody from taking what counts. A hold counts until its case is released.
STANDS = """EXISTS (SELECT 1 FROM ebb_ledger AS placed WHERE placed.number = OLD.number AND placed.kind = 'hold.placed'
    AND NOT EXISTS (SELECT 1 FROM ebb_ledger AS released WHERE released.reference = placed.reference
    AND released.kind = 'hold.released' AND released.number > placed.number))"""
TOO_YOUNG = "BEGIN SELECT RAISE(ABORT, 'this payload of the ledger is not due'); END"
SQLITE = (
    f"""CREATE TRIGGER ebb_ledger_next BEFORE INSERT ON ebb_ledger
    WHEN NEW.number <> 1 + coalesce((SELECT number FROM ebb_ledger_head), 0) {REFUSE}""",
    """CREATE TRIGGER ebb_ledger_move_head AFTER INSERT ON ebb_ledger BEGIN
    INSERT INTO ebb_ledger_head VALUES (1, NEW.number, NEW.link)
    ON CONFLICT (one) DO UPDATE SET number = excluded.number, link = excluded.link; END""",
    f"""CREATE TRIGGER ebb_payloads_of_a_line BEFORE INSERT ON ebb_ledger_payloads
    WHEN NOT EXISTS (SELECT 1 FROM ebb_ledger WHERE number = NEW.number AND recorded = NEW.recorded) {REFUSE}""",
    f"""CREATE TRIGGER ebb_head_follows BEFORE UPDATE ON ebb_ledger_head
    WHEN NEW.number <> OLD.number + 1
    OR NOT EXISTS (SELECT 1 FROM ebb_ledger WHERE number = NEW.number AND link = NEW.link) {REFUSE}""",
    f"CREATE TRIGGER ebb_head_stays BEFORE DELETE ON ebb_ledger_head {REFUSE}",
    f"""CREATE TRIGGER ebb_payloads_wait BEFORE DELETE ON ebb_ledger_payloads
    WHEN coalesce(julianday(OLD.recorded) >= julianday('now', '-3 years', '+2 days'), 1) OR {STANDS} {TOO_YOUNG}""",
)

# Owner's rights, so that whoever appends needs none on the head; no search path of the caller's. Nobody else may
# call them: a trigger of one's own table could move the head with one.
AS_OWNER = "RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp"
POSTGRESQL = (
    f"""CREATE OR REPLACE FUNCTION ebb_ledger_next() {AS_OWNER} AS $$
    DECLARE
        last_number integer := 0;
        bound bytea := '\\x{FIRST_LINK}';
        part text;
    BEGIN
        FOR last_number, bound IN SELECT number, link FROM ebb_ledger_head FOR UPDATE LOOP END LOOP;
        FOREACH part IN ARRAY ARRAY[NEW.number::text, NEW.recorded, NEW.kind, NEW.reference] LOOP
            bound := bound || int4send(octet_length(convert_to(part, 'UTF8'))) || convert_to(part, 'UTF8');
        END LOOP;
        IF NEW.number <> last_number + 1 OR NEW.link <> sha256(bound || NEW.commitment) THEN
            RAISE EXCEPTION 'the ledger is append-only';
        END IF;
        IF NEW.recorded <> to_char(
            NEW.recorded::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'
        ) OR NEW.recorded::timestamptz > clock_timestamp() + interval '5 minutes' OR EXISTS (
            SELECT FROM ebb_ledger WHERE number = last_number
            AND recorded::timestamptz > NEW.recorded::timestamptz + interval '5 minutes'
        ) THEN
            RAISE EXCEPTION 'the ledger is append-only, and this is not the time';
        END IF;
        RETURN NEW;
    END $$""",
    f"""CREATE OR REPLACE FUNCTION ebb_ledger_move_head() {AS_OWNER} AS $$
    BEGIN
        INSERT INTO ebb_ledger_head VALUES (1, NEW.number, NEW.link)
        ON CONFLICT (one) DO UPDATE SET number = EXCLUDED.number, link = EXCLUDED.link;
        RETURN NULL;
    END $$""",
    f"""CREATE OR REPLACE FUNCTION ebb_payloads_of_a_line() {AS_OWNER} AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM ebb_ledger WHERE number = NEW.number AND recorded = NEW.recorded
            AND commitment = sha256(NEW.salt || convert_to(NEW.payload, 'UTF8'))
        ) THEN
            RAISE EXCEPTION 'the ledger is append-only';
        END IF;
        RETURN NEW;
    END $$""",
    f"""CREATE OR REPLACE FUNCTION ebb_head_follows() {AS_OWNER} AS $$
    BEGIN
        IF NEW.number <> OLD.number + 1
        OR NOT EXISTS (SELECT FROM ebb_ledger WHERE number = NEW.number AND link = NEW.link) THEN
            RAISE EXCEPTION 'the ledger is append-only';
        END IF;
        RETURN NEW;
    END $$""",
    f"""CREATE OR REPLACE FUNCTION ebb_payloads_wait() {AS_OWNER} AS $$
    BEGIN
        IF OLD.recorded::timestamptz AT TIME ZONE 'UTC'
        >= now() AT TIME ZONE 'UTC' - interval '3 years' + interval '2 days' OR {STANDS} THEN
            RAISE EXCEPTION 'this payload of the ledger is not due';
        END IF;
        RETURN OLD;
    END $$""",
    # What a transaction deleted lies on in the table's file; writing it anew leaves it behind. Somebody who reads for
    # long, such as a dump, is not waited for: streams would queue behind.
    """CREATE OR REPLACE FUNCTION ebb_ledger_rewrite() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp SET lock_timeout = '1s' AS $$
    BEGIN
        CLUSTER ebb_ledger_payloads USING ebb_ledger_payloads_pkey;
        RETURN true;
    EXCEPTION WHEN lock_not_available THEN
        RETURN false;
    END $$""",
    """REVOKE EXECUTE ON FUNCTION ebb_append_only, ebb_ledger_next, ebb_ledger_move_head, ebb_payloads_of_a_line,
    ebb_head_follows, ebb_payloads_wait, ebb_ledger_rewrite FROM PUBLIC""",
    "CREATE TRIGGER ebb_ledger_next BEFORE INSERT ON ebb_ledger FOR EACH ROW EXECUTE FUNCTION ebb_ledger_next()",
    """CREATE TRIGGER ebb_ledger_move_head AFTER INSERT ON ebb_ledger
    FOR EACH ROW EXECUTE FUNCTION ebb_ledger_move_head()""",
    """CREATE TRIGGER ebb_payloads_of_a_line BEFORE INSERT ON ebb_ledger_payloads
    FOR EACH ROW EXECUTE FUNCTION ebb_payloads_of_a_line()""",
    """CREATE TRIGGER ebb_payloads_stay BEFORE TRUNCATE ON ebb_ledger_payloads
    FOR EACH STATEMENT EXECUTE FUNCTION ebb_append_only()""",
    """CREATE TRIGGER ebb_payloads_wait BEFORE DELETE ON ebb_ledger_payloads
    FOR EACH ROW EXECUTE FUNCTION ebb_payloads_wait()""",
    """CREATE TRIGGER ebb_head_follows BEFORE UPDATE ON ebb_ledger_head
    FOR EACH ROW EXECUTE FUNCTION ebb_head_follows()""",
    """CREATE TRIGGER ebb_head_stays BEFORE DELETE OR TRUNCATE ON ebb_ledger_head
    FOR EACH STATEMENT EXECUTE FUNCTION ebb_append_only()""",
)


def upgrade() -> None:
    """Put the fences up."""
    if op.get_context().dialect.name == "sqlite":
        for statement in SQLITE:
            op.execute(statement)
        return
    connection = op.get_bind()
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    for statement in POSTGRESQL:
        connection.exec_driver_sql(statement.replace("{schema}", schema))
