"""Device sessions, the codes that open them, who is blocked, and what a gateway has not been told yet.

Until now an address was looked up by its folded form alone. From now on people are told apart by the exact one: the
old hash stays what it was, which is right for every address that was written in its folded form, and the others are
mended when somebody needs their place (identities.service).
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _people()
    _sessions()
    _codes()


def _people() -> None:
    op.add_column("tenants", sa.Column("methods", sa.String, nullable=False, server_default=sa.text("'passkey'")))
    op.add_column("people", sa.Column("folded_hash", sa.String))
    op.add_column("people", sa.Column("blocked_at", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE people SET folded_hash = email_hash")
    op.create_index("people_by_folded_address", "people", ["tenant_id", "folded_hash"])
    op.create_table(
        "blocks",
        sa.Column("tenant_id", sa.String, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("reason_code", sa.String, nullable=False),
        sa.Column("actor_type", sa.String, nullable=False),
        sa.Column("actor_id", sa.String, nullable=False),
        sa.Column("blocked_by", sa.String, nullable=False),
        sa.Column("blocked_at", sa.BigInteger, nullable=False),
    )


def _sessions() -> None:
    op.create_table(
        "device_sessions",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("client_public_key", sa.String, nullable=False),
        sa.Column("challenge_id", sa.String, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger, nullable=False),
        sa.Column("revoke_reason", sa.String, nullable=False),
        sa.Column("revoke_actor_type", sa.String, nullable=False),
        sa.Column("revoke_actor_id", sa.String, nullable=False),
        sa.Column("revoked_by", sa.String, nullable=False),
    )
    op.create_index("device_sessions_of_person", "device_sessions", ["tenant_id", "person_id", "created_at"])
    op.create_index("device_sessions_by_expiry", "device_sessions", ["revoked_at", "expires_at"])
    op.create_table(
        "device_limits",
        sa.Column("tenant_id", sa.String, primary_key=True),
        sa.Column("most", sa.Integer, nullable=False),
    )
    op.create_table(
        "unpublished",
        sa.Column("session_id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("mark", sa.String, nullable=False),
        sa.Column("marked_at", sa.BigInteger, nullable=False, index=True),
    )


def _codes() -> None:
    op.create_table(
        "code_challenges",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("flow", sa.String, nullable=False),
        sa.Column("address_hash", sa.String, nullable=False),
        sa.Column("requester", sa.String, nullable=False),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("address_sealed", sa.LargeBinary, nullable=False),
        sa.Column("code_hash", sa.String, nullable=False),
        sa.Column("locale", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("confirmed_at", sa.BigInteger, nullable=False),
        sa.Column("session_id", sa.String, nullable=False),
        sa.Column("client_public_key", sa.String, nullable=False),
    )
    op.create_table(
        "code_budgets",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False, index=True),
    )


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore the backup that was made before")
