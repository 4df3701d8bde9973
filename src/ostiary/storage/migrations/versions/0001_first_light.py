"""The tables of the first release, and the triggers that keep receipts as they were written."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_COUNTED = sa.BigInteger().with_variant(sa.Integer, "sqlite")

_SQLITE_KEEP = (
    (
        "CREATE TRIGGER receipts_update BEFORE UPDATE ON receipts"
        " BEGIN SELECT RAISE(ABORT, 'receipts are never changed'); END"
    ),
    (
        "CREATE TRIGGER receipts_delete BEFORE DELETE ON receipts"
        " BEGIN SELECT RAISE(ABORT, 'receipts are never deleted'); END"
    ),
    # INSERT OR REPLACE deletes without firing the trigger above.
    (
        "CREATE TRIGGER receipts_replace BEFORE INSERT ON receipts"
        " WHEN EXISTS (SELECT 1 FROM receipts WHERE seq = NEW.seq) OR EXISTS (SELECT 1 FROM receipts WHERE id = NEW.id)"
        " BEGIN SELECT RAISE(ABORT, 'receipts are never replaced'); END"
    ),
)
_POSTGRES_KEEP = (
    (
        "CREATE FUNCTION receipts_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'receipts are never changed, deleted or truncated' USING ERRCODE = '23000'; END $$"
    ),
    (
        "CREATE TRIGGER receipts_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON receipts"
        " FOR EACH STATEMENT EXECUTE FUNCTION receipts_keep()"
    ),
    "ALTER TABLE receipts ENABLE ALWAYS TRIGGER receipts_keep",
)


def upgrade() -> None:
    _world()
    _people()
    _passkeys()
    _presence()
    _sessions()
    _log()


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore the backup that was made before")


def _world() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("founder", sa.String, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("public", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("retired_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("tenant_id", "purpose", "version", name="keys_one_per_version"),
    )


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("email_hash", sa.String),
        sa.Column("email_sealed", sa.LargeBinary, nullable=False),
        sa.Column("name_sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("tenant_id", "email_hash", name="people_one_per_address"),
    )
    op.create_table(
        "grants",
        sa.Column("tenant_id", sa.String, primary_key=True),
        sa.Column("person_id", sa.String, primary_key=True),
        sa.Column("role", sa.String, primary_key=True),
        sa.Column("granted_by", sa.String, nullable=False),
        sa.Column("granted_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("token_hash", sa.String, nullable=False, unique=True),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("accepted_at", sa.BigInteger, nullable=False),
    )


def _passkeys() -> None:
    op.create_table(
        "passkeys",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("credential_hash", sa.LargeBinary, nullable=False),
        sa.Column("algorithm", sa.Integer, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("backup_eligible", sa.Integer, nullable=False),
        sa.Column("backed_up", sa.Integer, nullable=False),
        sa.Column("label_sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("last_used_at", sa.BigInteger, nullable=False),
        sa.Column("removed_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("tenant_id", "credential_hash", name="passkeys_one_per_credential"),
        sa.Index("passkeys_of_person", "tenant_id", "person_id"),
    )


def _presence() -> None:
    op.create_table(
        "challenges",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "presence",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("session_id", sa.String, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("factor", sa.String, nullable=False),
        sa.Column("user_verified", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("consumed_at", sa.BigInteger, nullable=False),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("person_id", sa.String, nullable=False),
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("factor", sa.String, nullable=False),
        sa.Column("binding", sa.String, nullable=False),
        sa.Column("attempt_id", sa.String, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("absolute_expires_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("csrf_hash", sa.String, nullable=False),
        sa.Column("csrf_epoch", sa.Integer, nullable=False),
        sa.Column("address_hash", sa.String, nullable=False),
        sa.Column("agent_hash", sa.String, nullable=False),
        sa.Column("label_sealed", sa.LargeBinary, nullable=False),
        sa.Column("ended_at", sa.BigInteger, nullable=False),
        sa.Column("end_reason", sa.String, nullable=False),
        sa.Column("ended_by", sa.String, nullable=False),
        sa.Index("sessions_of_person", "tenant_id", "person_id"),
    )
    op.create_table(
        "heartbeats",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "session_seen",
        sa.Column("session_id", sa.String, primary_key=True),
        sa.Column("last_seen_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("id", _COUNTED, primary_key=True, autoincrement=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )


def _log() -> None:
    op.create_table(
        "receipts",
        sa.Column("seq", _COUNTED, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("operation", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("session", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("reasons", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("link", sa.String, nullable=False),
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    for statement in _SQLITE_KEEP if op.get_bind().dialect.name == "sqlite" else _POSTGRES_KEEP:
        op.execute(statement)
