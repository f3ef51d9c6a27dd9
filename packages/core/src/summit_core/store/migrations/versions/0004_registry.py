"""What the registry keeps beside the world stream. Credentials are keys (``api_keys``, role ``device``)."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    # Publishes that the broker dropped, by registration; and how far its log has been read. One transaction writes
    # both, so a line is counted once.
    """CREATE TABLE denials (
        id text PRIMARY KEY, count bigint NOT NULL, last_at timestamptz NOT NULL, last_subject text NOT NULL
    )""",
    "CREATE TABLE followed_logs (path text PRIMARY KEY, inode bigint NOT NULL, position bigint NOT NULL)",
    "CREATE INDEX api_keys_role_name ON api_keys (role, name)",
)
UNDO: tuple[str, ...] = ("DROP INDEX api_keys_role_name", "DROP TABLE followed_logs", "DROP TABLE denials")


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
