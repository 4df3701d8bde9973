"""Several tenants: where their passkeys belong, the names that clients choose, devices, standings, keys of clients."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, kind, default in (
        ("rp_id", sa.String, sa.text("''")),
        ("origins", sa.String, sa.text("''")),
        ("seeded", sa.Integer, "0"),
    ):
        op.add_column("tenants", sa.Column(name, kind, nullable=False, server_default=default))
    op.create_table(
        "refs",
        sa.Column("tenant_id", sa.String, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("refs_of_target", "refs", ["tenant_id", "kind", "target"])
    for table in ("devices", "standings"):
        op.create_table(
            table,
            sa.Column("tenant_id", sa.String, primary_key=True),
            sa.Column("name", sa.String, primary_key=True),
            sa.Column("person_id", sa.String, nullable=False),
            sa.Column("added_by", sa.String, nullable=False),
            sa.Column("added_at", sa.BigInteger, nullable=False),
        )
        op.create_index(f"{table}_of_person", table, ["tenant_id", "person_id"])
    op.create_table(
        "client_keys",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("tenant_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("scopes", sa.String, nullable=False),
        sa.Column("key_hash", sa.String, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("tenant_id", "name", name="client_keys_one_per_name"),
    )


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore the backup that was made before")
