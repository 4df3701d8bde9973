"""What the membrane keeps: its challenges, what a session was issued for, what a passkey was bound to."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "human_challenges",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("asked", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("passkey_id", sa.String, nullable=False),
        sa.Column("rp_id", sa.String, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("scopes", sa.String, nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("holder", sa.String, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("evaluation_id", sa.String, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("presence_id", sa.String, nullable=False),
    )
    op.create_index("ix_human_challenges_expires_at", "human_challenges", ["expires_at"])
    op.create_table(
        "session_bindings",
        sa.Column("session_id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("ref", sa.String, nullable=False),
        sa.Column("vessel", sa.String, nullable=False),
        sa.Column("standing", sa.String, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("client_id", sa.String, nullable=False),
        sa.Column("presence_id", sa.String, nullable=False),
        sa.Column("previous_id", sa.String, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("tenant_id", "ref", name="session_bindings_one_per_ref"),
    )
    op.create_index("ix_session_bindings_expires_at", "session_bindings", ["expires_at"])
    op.create_table(
        "passkey_bindings",
        sa.Column("passkey_id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("rp_id", sa.String, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("attachment", sa.String, nullable=False),
        sa.Column("synced_allowed", sa.Integer, nullable=False),
        sa.Column("imported", sa.Integer, nullable=False),
        sa.Column("commitment", sa.String, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore the backup that was made before")
