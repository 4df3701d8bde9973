"""Limits: the policies that are set, the counters of attempts, and what was decided about each."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "limit_policies",
        sa.Column("tenant_id", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("span", sa.BigInteger, nullable=False),
        sa.Column("soft", sa.Integer, nullable=False),
        sa.Column("lockout", sa.Integer, nullable=False),
        sa.Column("pause", sa.BigInteger, nullable=False),
        sa.Column("set_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "limit_counters",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("locked_until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "evaluations",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("policy", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("route", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("decision", sa.String, nullable=False),
        sa.Column("retry_after", sa.BigInteger, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("attempt", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("used_at", sa.BigInteger, nullable=False),
        sa.Column("counters", sa.String, nullable=False),
        sa.Column("receipt", sa.String, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore the backup that was made before")
