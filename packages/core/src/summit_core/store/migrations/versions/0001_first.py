"""The first tables: observations, sources, dead letters, the record of the world, API keys."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    # Day partitions are made by fabric ahead of need; the key is (t, id), so the same observation is stored once.
    """CREATE TABLE observations (
        id uuid NOT NULL, t timestamptz NOT NULL, received_at timestamptz NOT NULL, source text NOT NULL,
        kind text NOT NULL, seq bigint, h3 bigint, recording text, body jsonb NOT NULL, PRIMARY KEY (t, id)
    ) PARTITION BY RANGE (t)""",
    "CREATE INDEX observations_id ON observations (id)",
    "CREATE INDEX observations_source_t ON observations (source, t DESC)",
    "CREATE INDEX observations_h3_t ON observations (h3, t)",
    "CREATE INDEX observations_recording ON observations (recording) WHERE recording IS NOT NULL",
    """CREATE TABLE sources (
        id text PRIMARY KEY, account jsonb NOT NULL, updated_at timestamptz NOT NULL
    )""",
    """CREATE TABLE dead_letters (
        id uuid PRIMARY KEY, at timestamptz NOT NULL, door text NOT NULL, subject text NOT NULL, code text NOT NULL,
        message text NOT NULL, field text, source text, size bigint NOT NULL, payload bytea NOT NULL
    )""",
    "CREATE INDEX dead_letters_at ON dead_letters (at DESC, id DESC)",
    # Every version of every object of the world; the sequence is the stream's.
    """CREATE TABLE world_events (
        seq bigint PRIMARY KEY, id uuid NOT NULL, type text NOT NULL, key text NOT NULL, op text NOT NULL,
        source text NOT NULL, at timestamptz NOT NULL, causes text[] NOT NULL, body jsonb
    )""",
    "CREATE INDEX world_events_key ON world_events (key, seq DESC)",
    "CREATE INDEX world_events_at ON world_events (at)",
    """CREATE TABLE api_keys (
        id text PRIMARY KEY, name text NOT NULL, role text NOT NULL, hash bytea NOT NULL UNIQUE,
        created_at timestamptz NOT NULL, created_by text NOT NULL, expires_at timestamptz, revoked_at timestamptz
    )""",
)
TABLES = ("api_keys", "world_events", "dead_letters", "sources", "observations")


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
