"""What was known when: the versions of the world by the time at which the stream stored them, and imported bundles."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

VERSION = """stored_at timestamptz NOT NULL, seq bigint NOT NULL, key text COLLATE "C" NOT NULL, id uuid NOT NULL,
    source text NOT NULL, at timestamptz NOT NULL, reason text, causes text[] NOT NULL, body text"""
OLD = """SELECT seq, id, type, key, source, at, causes, body, max(at) OVER (ORDER BY seq) AS stored_at,
    type <> 'entities' OR coalesce(body->>'owner' = 'operator', false) AS lasting FROM old_world_events"""

STATEMENTS = (
    "ALTER TABLE world_events RENAME TO old_world_events",
    "ALTER INDEX world_events_pkey RENAME TO old_world_events_pkey",
    "DROP INDEX world_events_key, world_events_at",
    # Entities, which end 6 h after their last version: day partitions, dropped past retention.
    f"""CREATE TABLE entity_events ({VERSION}, PRIMARY KEY (stored_at, seq) INCLUDE (key))
        PARTITION BY RANGE (stored_at)""",
    "CREATE INDEX entity_events_key ON entity_events (key, stored_at, seq)",
    "CREATE INDEX entity_events_seq ON entity_events (seq)",
    # Which entities have a version in each quarter of a day: where to probe for the picture of a moment.
    'CREATE TABLE entity_keys (quarter timestamptz, key text COLLATE "C", PRIMARY KEY (quarter, key))',
    # Everything that lasts: operations, and the entities that an operator made.
    f"CREATE TABLE world_events (type text NOT NULL, {VERSION}, PRIMARY KEY (stored_at, seq))",
    "CREATE INDEX world_events_key ON world_events (type, key, stored_at, seq)",
    "CREATE INDEX world_events_of ON world_events (key)",
    "CREATE INDEX world_events_seq ON world_events (seq)",
    "CREATE INDEX world_events_id ON world_events (id)",
    'CREATE TABLE world_keys (type text, key text COLLATE "C", PRIMARY KEY (type, key))',
    """CREATE TABLE bundles (
        id text PRIMARY KEY, incident text NOT NULL, title text NOT NULL, since timestamptz NOT NULL,
        until timestamptz NOT NULL, imported_at timestamptz NOT NULL, imported_by text NOT NULL, parts text NOT NULL
    )""",
    f"""CREATE TABLE bundle_events (
        bundle text NOT NULL REFERENCES bundles ON DELETE CASCADE, type text NOT NULL, {VERSION},
        PRIMARY KEY (bundle, type, key, stored_at, seq)
    )""",
    """CREATE TABLE bundle_observations (
        bundle text NOT NULL REFERENCES bundles ON DELETE CASCADE, t timestamptz NOT NULL, id uuid NOT NULL,
        body text NOT NULL, PRIMARY KEY (bundle, t, id)
    )""",
    """CREATE TABLE bundle_sources (
        bundle text NOT NULL REFERENCES bundles ON DELETE CASCADE, id text NOT NULL, account text NOT NULL,
        PRIMARY KEY (bundle, id)
    )""",
    f"""DO $$ DECLARE day date; BEGIN
        FOR day IN SELECT DISTINCT (stored_at AT TIME ZONE 'UTC')::date FROM ({OLD}) AS old WHERE NOT lasting LOOP
            EXECUTE format('CREATE TABLE entity_events_%s PARTITION OF entity_events FOR VALUES FROM (%L) TO (%L)',
                to_char(day, 'YYYYMMDD'), day || ' 00:00:00+00', (day + 1) || ' 00:00:00+00');
        END LOOP;
    END $$""",
    f"""INSERT INTO entity_events SELECT stored_at, seq, key, id, source, at, NULL, causes, body::text
        FROM ({OLD}) AS old WHERE NOT lasting""",
    f"""INSERT INTO world_events SELECT type, stored_at, seq, key, id, source, at, NULL, causes, body::text
        FROM ({OLD}) AS old WHERE lasting""",
    """INSERT INTO entity_keys
        SELECT DISTINCT date_bin('6 hours', stored_at, '2000-01-01 00:00:00+00'), key FROM entity_events""",
    "INSERT INTO world_keys SELECT DISTINCT type, key FROM world_events",
    "DROP TABLE old_world_events",
)
UNDO = (
    "ALTER TABLE world_events RENAME TO new_world_events",
    "ALTER INDEX world_events_pkey RENAME TO new_world_events_pkey",
    """CREATE TABLE world_events (
        seq bigint PRIMARY KEY, id uuid NOT NULL, type text NOT NULL, key text NOT NULL, op text NOT NULL,
        source text NOT NULL, at timestamptz NOT NULL, causes text[] NOT NULL, body jsonb
    )""",
    """INSERT INTO world_events
        SELECT seq, id, type, key, CASE WHEN body IS NULL THEN 'delete' ELSE 'upsert' END, source, at, causes,
            body::jsonb
        FROM (SELECT type, seq, id, key, source, at, causes, body FROM new_world_events
            UNION ALL SELECT 'entities', seq, id, key, source, at, causes, body FROM entity_events) AS every
        ON CONFLICT DO NOTHING""",
    "DROP TABLE bundle_sources, bundle_observations, bundle_events, bundles",
    "DROP TABLE new_world_events, world_keys, entity_events, entity_keys",
    "CREATE INDEX world_events_key ON world_events (key, seq DESC)",
    "CREATE INDEX world_events_at ON world_events (at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
