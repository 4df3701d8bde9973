"""Who asked for a code: only the same browser or application may type it, and wrong ones count for the requester."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("asker", "requester"):
        op.add_column("recovery_attempts", sa.Column(name, sa.String, nullable=False, server_default=sa.text("''")))


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore the backup that was made before")
