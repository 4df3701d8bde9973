"""Recovery: policies and their contacts, codes that went out, runs, printed codes; and passkeys that are held."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, kind, default in (
        ("hold", sa.String, sa.text("''")),
        ("held_by", sa.String, sa.text("''")),
        ("guarded_until", sa.BigInteger, "0"),
    ):
        op.add_column("passkeys", sa.Column(name, kind, nullable=False, server_default=default))
    op.create_table(
        "recovery_policies",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("passkey_id", sa.String, nullable=False),
        sa.Column("policy_hash", sa.String, nullable=False),
        sa.Column("methods", sa.String, nullable=False),
        sa.Column("given", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("replaced_at", sa.BigInteger, nullable=False),
        sa.Column("consumed_at", sa.BigInteger, nullable=False),
    )
    op.create_index("recovery_policies_of_person", "recovery_policies", ["tenant_id", "person_id"])
    op.create_table(
        "recovery_contacts",
        sa.Column("tenant_id", sa.String, primary_key=True),
        sa.Column("contact_hash", sa.String, primary_key=True),
        sa.Column("policy_id", sa.String, primary_key=True),
    )
    op.create_table(
        "recovery_attempts",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("policy_id", sa.String, nullable=False),
        sa.Column("contact_hash", sa.String, nullable=False),
        sa.Column("code_hash", sa.String, nullable=False),
        sa.Column("address_sealed", sa.LargeBinary, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("begun_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("spent_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_recovery_attempts_begun_at", "recovery_attempts", ["begun_at"])
    op.create_index("recovery_attempts_of_contact", "recovery_attempts", ["tenant_id", "contact_hash", "begun_at"])
    _runs_and_codes()


def _runs_and_codes() -> None:
    op.create_table(
        "recovery_runs",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("policy_id", sa.String, nullable=False),
        sa.Column("contact_hash", sa.String, nullable=False),
        sa.Column("method", sa.String, nullable=False),
        sa.Column("secret_hash", sa.String, nullable=False),
        sa.Column("cancel_hash", sa.String, nullable=False, unique=True),
        sa.Column("address_sealed", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("replacement_id", sa.String, nullable=False),
        sa.Column("begun_at", sa.BigInteger, nullable=False),
        sa.Column("ready_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("executed_at", sa.BigInteger, nullable=False),
        sa.Column("contest_until", sa.BigInteger, nullable=False),
    )
    op.create_index("recovery_runs_of_person", "recovery_runs", ["tenant_id", "person_id", "state"])
    op.create_table(
        "recovery_codes",
        sa.Column("tenant_id", sa.String, primary_key=True),
        sa.Column("code_hash", sa.String, primary_key=True),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger, nullable=False),
    )
    op.create_index("recovery_codes_of_person", "recovery_codes", ["tenant_id", "person_id"])


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore the backup that was made before")
