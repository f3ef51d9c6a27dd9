"""Answers by the Idempotency-Key of their request. ``status`` is null while the work is underway."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE TABLE idempotency (caller text NOT NULL, route text NOT NULL, key text NOT NULL,"
    " fingerprint bytea NOT NULL, attempt uuid NOT NULL, leased_until timestamptz NOT NULL,"
    " expires_at timestamptz NOT NULL, status smallint, headers text, body bytea,"
    " PRIMARY KEY (caller, route, key))",
    "CREATE INDEX idempotency_expires ON idempotency (expires_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE idempotency")
