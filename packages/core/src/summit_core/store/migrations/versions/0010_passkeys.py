"""Passkeys of users. ``passkey_challenges`` holds those that were answered, until they would have ended anyway.

Row-level security without a policy: only the owner, who is the gateway, reads them, never who reads for a caller.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """CREATE TABLE passkeys (
        id text PRIMARY KEY, user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
        credential bytea NOT NULL UNIQUE, public_key bytea NOT NULL, sign_count bigint NOT NULL,
        name text NOT NULL, created_at timestamptz NOT NULL, last_used_at timestamptz
    )""",
    "CREATE INDEX passkeys_user_id ON passkeys (user_id)",
    "ALTER TABLE passkeys ENABLE ROW LEVEL SECURITY",
    "CREATE TABLE passkey_challenges (challenge bytea PRIMARY KEY, ends_at timestamptz NOT NULL)",
    "CREATE INDEX passkey_challenges_ends_at ON passkey_challenges (ends_at)",
    "ALTER TABLE passkey_challenges ENABLE ROW LEVEL SECURITY",
)
UNDO: tuple[str, ...] = ("DROP TABLE passkey_challenges", "DROP TABLE passkeys")


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
