"""Whose each row is, and row-level security that binds whoever reads on behalf of a caller (ADR 0020).

The column is nullable and without a default, so that the recorder's COPY writes no more than it did: NULL is the
default organisation. Policies hold for the role ``summit_reader``, which owns nothing and bypasses nothing. They are
not forced upon the owner: he records for all organisations, by COPY, which PostgreSQL refuses where policies
hold for him.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

READER = "summit_reader"
OWNED = (
    *("observations", "entity_events", "world_events", "entity_keys", "world_keys", "crossings", "dead_letters"),
    *("sources", "bundles", "bundle_events"),
)
OF_BUNDLES = ("bundle_observations", "bundle_sources")
STATEMENTS = (
    # Roles are the whole cluster's: another database may have made it, or make it at the same moment.
    f"""DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{READER}') THEN CREATE ROLE {READER} NOLOGIN; END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$""",
    f"""DO $$ BEGIN
        IF NOT pg_has_role(current_user, '{READER}', 'MEMBER') THEN
            EXECUTE format('GRANT {READER} TO %I', current_user);
        END IF;
    END $$""",
    """CREATE TABLE organisations (
        id text PRIMARY KEY, name text NOT NULL, created_at timestamptz NOT NULL, created_by text NOT NULL
    )""",
    "INSERT INTO organisations VALUES ('default', 'default', now(), 'first start')",
    *(f"ALTER TABLE {table} ADD organisation text" for table in OWNED),
    *(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY" for table in (*OWNED, *OF_BUNDLES)),
    # Nothing is there for whom nobody has named an organisation. The query in brackets is run once, not for each row.
    *(
        f"CREATE POLICY of_organisation ON {table} FOR SELECT TO {READER}"
        " USING (coalesce(organisation, 'default') = (SELECT current_setting('summit.organisation', true)))"
        for table in OWNED
        if table != "bundle_events"
    ),
    *(
        f"CREATE POLICY of_organisation ON {table} FOR SELECT TO {READER} USING (bundle IN (SELECT id FROM bundles))"
        for table in ("bundle_events", *OF_BUNDLES)
    ),
    *(f"GRANT SELECT ON {table} TO {READER}" for table in (*OWNED, *OF_BUNDLES)),
)
UNDO = (
    *(f"REVOKE SELECT ON {table} FROM {READER}" for table in (*OWNED, *OF_BUNDLES)),
    *(f"DROP POLICY of_organisation ON {table}" for table in (*OWNED, *OF_BUNDLES)),
    *(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY" for table in (*OWNED, *OF_BUNDLES)),
    *(f"ALTER TABLE {table} DROP organisation" for table in OWNED),
    "DROP TABLE organisations",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
