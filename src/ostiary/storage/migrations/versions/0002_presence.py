"""Purposes that an operator declares; proofs of presence that approve one operation.

Proofs live five minutes and the server is down for this: those that are on record are dropped with their table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("presence")
    op.create_table(
        "presence",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("session_id", sa.String, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("operation", sa.String, nullable=False),
        sa.Column("factor", sa.String, nullable=False),
        sa.Column("user_verified", sa.Integer, nullable=False),
        sa.Column("proved_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("consumed_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "purposes",
        sa.Column("tenant_id", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("minimum", sa.String, nullable=False),
        sa.Column("commits_operation", sa.Integer, nullable=False),
        sa.Column("life", sa.BigInteger, nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore the backup that was made before")
