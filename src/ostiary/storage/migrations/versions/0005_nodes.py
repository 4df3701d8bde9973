"""The roll of nodes with their leases, and in which transaction each announcement was made."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("renewals", sa.BigInteger, nullable=False),
        sa.Column("renewed_at", sa.BigInteger, nullable=False),
        sa.Column("confirmed", sa.String, nullable=False),
    )
    op.add_column("outbox", sa.Column("xid", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("ix_outbox_xid", "outbox", ["xid"])


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore the backup that was made before")
