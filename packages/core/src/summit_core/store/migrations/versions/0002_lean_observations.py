"""Observations as they are written fast: the body as text, one place for what lies outside the kept days, and books
that know how far they are (ADR 0010)."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    "DROP INDEX observations_recording",
    "ALTER TABLE observations ALTER COLUMN body TYPE text USING body::text",
    "CREATE INDEX observations_recording_t ON observations (recording, t DESC, id DESC) WHERE recording IS NOT NULL",
    # Costs next to nothing, and says at once whether a day may go.
    "CREATE INDEX observations_received_at ON observations USING brin (received_at) WITH (autosummarize = on)",
    # Replays of old recordings, and whatever else no day partition is kept for.
    "CREATE TABLE observations_past PARTITION OF observations DEFAULT",
    "ALTER TABLE sources ALTER COLUMN account TYPE text USING account::text",
    "ALTER TABLE sources SET (fillfactor = 50)",  # an update finds room beside the old row and touches no index
    # One row: the version of all accounts, and the last message of the stream that is entered in them.
    """CREATE TABLE books (
        one boolean PRIMARY KEY DEFAULT true CHECK (one), version bigint NOT NULL DEFAULT 0,
        seq bigint NOT NULL DEFAULT 0, at timestamptz NOT NULL DEFAULT 'epoch'
    )""",
    "INSERT INTO books DEFAULT VALUES",
)
UNDO = (
    "DROP TABLE books",
    "ALTER TABLE sources RESET (fillfactor)",
    "ALTER TABLE sources ALTER COLUMN account TYPE jsonb USING account::jsonb",
    "ALTER TABLE observations DETACH PARTITION observations_past",  # its days may have partitions when it comes back
    "DROP TABLE observations_past",
    "DROP INDEX observations_received_at",
    "DROP INDEX observations_recording_t",
    "ALTER TABLE observations ALTER COLUMN body TYPE jsonb USING body::jsonb",
    "CREATE INDEX observations_recording ON observations (recording) WHERE recording IS NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
