"""What is kept of a bearer token besides its row: the commitment to it, its scopes, the life of its family."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, kind, default in (
        ("commitment", sa.String, sa.text("''")),
        ("scopes", sa.String, sa.text("''")),
        ("family_began_at", sa.BigInteger, "0"),
        ("family_ends_at", sa.BigInteger, "0"),
    ):
        op.add_column("sessions", sa.Column(name, kind, nullable=False, server_default=default))


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore the backup that was made before")
