"""Who entered and left which zone, to be listed by zone and by entity."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE TABLE crossings (id uuid PRIMARY KEY, seq bigint NOT NULL, zone text NOT NULL, entity text NOT NULL,"
    " body text NOT NULL)",
    "CREATE INDEX crossings_zone ON crossings (zone, seq DESC)",
    "CREATE INDEX crossings_entity ON crossings (entity, seq DESC)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE crossings")
