"""Registered services, the hosts that they answer on, and the sessions of browsers there."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COUNTED = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "services",
        sa.Column("number", _COUNTED, primary_key=True, autoincrement=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("scopes", sa.String, nullable=False),
        sa.Column("discloses", sa.String, nullable=False),
        sa.Column("requires_key", sa.Integer, nullable=False),
        sa.Column("key_hash", sa.String, nullable=False),
        sa.Column("old_key_hash", sa.String, nullable=False),
        sa.Column("old_key_until", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("services_one_per_name", "services", ["tenant_id", "name"], unique=True)
    op.create_table(
        "service_hosts",
        sa.Column("tenant_id", sa.String, primary_key=True),
        sa.Column("host", sa.String, primary_key=True),
        sa.Column("service", sa.String, nullable=False),
    )
    op.create_table(
        "service_sessions",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("code_id", sa.String, nullable=False, unique=True),
        sa.Column("scope_id", sa.BigInteger, nullable=False),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("session_id", sa.String, nullable=False),
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore the backup that was made before")
