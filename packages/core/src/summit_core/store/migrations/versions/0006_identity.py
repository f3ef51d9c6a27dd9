"""People who sign in, their sessions, and what narrows a key. Secrets are hashed, those of TOTP encrypted."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    # No session that began before sessions_since holds: a change of the password or a deactivation moves it on.
    """CREATE TABLE users (
        id text PRIMARY KEY, name text NOT NULL UNIQUE, role text NOT NULL,
        organisation text NOT NULL DEFAULT 'default', areas float8[] NOT NULL DEFAULT '{}',
        active boolean NOT NULL DEFAULT true, created_at timestamptz NOT NULL, created_by text NOT NULL,
        password text NOT NULL, must_change boolean NOT NULL, sessions_since timestamptz NOT NULL DEFAULT now(),
        totp bytea, totp_on boolean NOT NULL DEFAULT false, totp_step bigint NOT NULL DEFAULT 0,
        recovery bytea[] NOT NULL DEFAULT '{}'
    )""",
    """ALTER TABLE api_keys ADD organisation text NOT NULL DEFAULT 'default', ADD scopes text[],
        ADD areas float8[] NOT NULL DEFAULT '{}', ADD last_used_at timestamptz""",
    """CREATE TABLE sessions (
        id text PRIMARY KEY, user_id text REFERENCES users ON DELETE CASCADE,
        key_id text REFERENCES api_keys ON DELETE CASCADE, started_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL, ended_at timestamptz, CHECK (num_nonnulls(user_id, key_id) = 1)
    )""",
    "CREATE INDEX sessions_user_id ON sessions (user_id)",
    "CREATE INDEX sessions_key_id ON sessions (key_id)",
    "CREATE INDEX sessions_expires_at ON sessions (expires_at)",
    # A used one stays as long as its session, so that its second use is noticed.
    """CREATE TABLE refresh_tokens (
        hash bytea PRIMARY KEY, session text NOT NULL REFERENCES sessions ON DELETE CASCADE, used_at timestamptz
    )""",
    "CREATE INDEX refresh_tokens_session ON refresh_tokens (session)",
)
UNDO: tuple[str, ...] = (
    "DROP TABLE refresh_tokens",
    "DROP TABLE sessions",
    "ALTER TABLE api_keys DROP organisation, DROP areas, DROP scopes, DROP last_used_at",
    "DROP TABLE users",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDO:
        op.execute(statement)
