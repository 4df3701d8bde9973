"""The tree over the receipts (RFC 6962): its leaves, and on PostgreSQL what waits for a place in it.

Receipts that are there already become its first leaves, in order of their sequence numbers. The byte format is
written out here once more: a migration must do tomorrow what it did today.
"""

import json
from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COUNTED = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_BATCH = 1000
_READ = (
    "SELECT seq, id, tenant_id, mode, operation, outcome, actor, session, subject, reasons, at, digest, link, key_id,"
    " signature FROM receipts WHERE seq > {} ORDER BY seq LIMIT {}"
)

_SQLITE_KEEP = (
    (
        "CREATE TRIGGER tree_leaves_update BEFORE UPDATE ON tree_leaves"
        " BEGIN SELECT RAISE(ABORT, 'leaves are never changed'); END"
    ),
    (
        "CREATE TRIGGER tree_leaves_delete BEFORE DELETE ON tree_leaves"
        " BEGIN SELECT RAISE(ABORT, 'leaves are never deleted'); END"
    ),
    # INSERT OR REPLACE deletes without firing the trigger above.
    (
        "CREATE TRIGGER tree_leaves_replace BEFORE INSERT ON tree_leaves"
        " WHEN EXISTS (SELECT 1 FROM tree_leaves WHERE leaf = NEW.leaf)"
        " OR EXISTS (SELECT 1 FROM tree_leaves WHERE seq = NEW.seq)"
        " BEGIN SELECT RAISE(ABORT, 'leaves are never replaced'); END"
    ),
)
_POSTGRES_KEEP = (
    (
        "CREATE FUNCTION tree_leaves_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'leaves are never changed, deleted or truncated' USING ERRCODE = '23000'; END $$"
    ),
    (
        "CREATE TRIGGER tree_leaves_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON tree_leaves"
        " FOR EACH STATEMENT EXECUTE FUNCTION tree_leaves_keep()"
    ),
    "ALTER TABLE tree_leaves ENABLE ALWAYS TRIGGER tree_leaves_keep",
)


def upgrade() -> None:
    leaves = op.create_table(
        "tree_leaves",
        sa.Column("leaf", _COUNTED, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False, unique=True),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "tree_pending",
        sa.Column("seq", _COUNTED, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    _plant(leaves)
    for statement in _SQLITE_KEEP if op.get_bind().dialect.name == "sqlite" else _POSTGRES_KEEP:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("the schema only goes forward: restore the backup that was made before")


def _plant(leaves: sa.Table) -> None:
    connection = op.get_bind()
    edge: list[bytes] = []
    size = seq = 0
    while rows := connection.exec_driver_sql(_READ.format(seq, _BATCH)).fetchall():
        made = []
        for row in rows:
            seq = int(row[0])
            made.append({"leaf": size, "seq": seq, "hashes": _appended(edge, size, _leaf(tuple(row)))})
            size += 1
        connection.execute(sa.insert(leaves), made)


def _appended(edge: list[bytes], size: int, node: bytes) -> bytes:
    made = node
    while size & 1:
        node = sha256(b"\1" + edge.pop() + node).digest()
        made, size = made + node, size >> 1
    edge.append(node)
    return made


def _leaf(row: tuple[object, ...]) -> bytes:
    words = [str(value).encode() for value in row[1:14]]
    words[8] = b"".join(_netstring(reason.encode()) for reason in json.loads(str(row[9])))
    signature = row[14] if isinstance(row[14], bytes) else b""
    return sha256(b"\0" + b"".join(map(_netstring, [b"ostiary.receipt.v1", *words, signature]))).digest()


def _netstring(value: bytes) -> bytes:
    return b"%d:%b," % (len(value), value)
