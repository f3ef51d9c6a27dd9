"""The audit: rows that can be added and read. A chain of hashes shows what somebody changed all the same."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

STATEMENTS = (
    """CREATE TABLE audit_log (
        organisation text NOT NULL, seq bigint NOT NULL, id text NOT NULL UNIQUE, at timestamptz NOT NULL,
        outcome text NOT NULL, principal text, name text, action text NOT NULL, object_type text, object text,
        intent text, hash text NOT NULL, line text NOT NULL, PRIMARY KEY (organisation, seq)
    )""",
    "CREATE INDEX audit_log_at ON audit_log (organisation, at)",
    "CREATE INDEX audit_log_object ON audit_log (organisation, object, seq) WHERE object IS NOT NULL",
    "CREATE INDEX audit_log_intent ON audit_log (intent) WHERE intent IS NOT NULL",
    "CREATE TABLE audit_heads (organisation text NOT NULL, seq bigint NOT NULL, first bigint NOT NULL,"
    " hash text NOT NULL, line text NOT NULL, PRIMARY KEY (organisation, seq, first))",
    # Retention, where it is set, takes whole beginnings away, and says so in a signed head; it names itself here.
    """CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND current_setting('summit.audit_retention', true) = 'on' THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION '% of % is refused: the audit is only added to', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'insufficient_privilege';
        END
    $$""",
    *(
        statement
        for table in ("audit_log", "audit_heads")
        for statement in (
            f"CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
            f"CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
        )
    ),
    # The writer takes this role: it may add and read, and nothing else. Roles are the server's, not the database's, so
    # it may be there already; a migrator that may not make roles leaves the triggers alone to refuse.
    """DO $$
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'summit_audit') THEN
                CREATE ROLE summit_audit NOLOGIN;
            END IF;
            GRANT summit_audit TO CURRENT_USER;
        EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
            NULL;
        END
    $$""",
    """DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'summit_audit') THEN
                GRANT SELECT, INSERT ON audit_log, audit_heads TO summit_audit;
            END IF;
        END
    $$""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in ("DROP TABLE audit_heads", "DROP TABLE audit_log", "DROP FUNCTION audit_refuse()"):
        op.execute(statement)
