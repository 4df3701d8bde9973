"""The table `revoked_keys`. It stands below both its readers: keys, and sessions, which a revoked key ends."""

from sqlalchemy import BigInteger, Column, String, Table, bindparam
from sqlalchemy.dialects import postgresql

from ostiary.storage.statements import METADATA, Statement

__all__ = ["REVOKE_KEY", "revoked_keys"]

revoked_keys = Table(
    "revoked_keys",
    METADATA,
    Column("key_id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("revoked_at", BigInteger, nullable=False),
)

REVOKE_KEY = Statement(
    postgresql.insert(revoked_keys)
    .values(key_id=bindparam("key"), tenant_id=bindparam("tenant"), revoked_at=bindparam("at"))
    .on_conflict_do_nothing()
)
"""A key is revoked once: a second time changes no row."""
