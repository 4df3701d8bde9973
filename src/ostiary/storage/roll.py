"""The roll: which nodes may trust their memory on PostgreSQL, and how far each has followed the outbox (decision 0013).

Positions are snapshots (`pg_current_snapshot`), not ids: a transaction that commits late has a small id, but it is
in no snapshot that was taken before.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec
from sqlalchemy import BigInteger, Column, String, Table, text

from ostiary.storage.outbox import Change
from ostiary.storage.statements import METADATA, Statement

__all__ = ["LEASE_S", "NODES", "PATIENCE_S", "Leases", "News", "Node", "contains", "nodes"]

LEASE_S = 1.0
"""Seconds for which a node trusts its memory, counted from before it asked what is new."""

PATIENCE_S = 1.1
"""Seconds after a commit by which every lease that began before it has run out, were one clock a tenth slower."""

nodes = Table(
    "nodes",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("renewals", BigInteger, nullable=False),
    Column("renewed_at", BigInteger, nullable=False),
    Column("confirmed", String, nullable=False),
)

NODES = Statement(
    text(
        "SELECT nodes.name, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) - nodes.renewed_at,"
        " (SELECT count(*) FROM outbox"
        " WHERE outbox.xid >= CAST(CAST(pg_snapshot_xmin(CAST(nodes.confirmed AS pg_snapshot)) AS text) AS bigint)"
        " AND NOT pg_visible_in_snapshot(CAST(CAST(outbox.xid AS text) AS xid8), CAST(nodes.confirmed AS pg_snapshot)))"
        " FROM nodes ORDER BY nodes.name"
    )
)
"""For `doctor` (PostgreSQL): each node's name, microseconds since it renewed, and announcements not yet confirmed."""


class Node(msgspec.Struct, frozen=True):
    """A node on the roll: `renewals` counts them, `confirmed` is the snapshot that its memory has followed up to."""

    id: str
    renewals: int
    confirmed: str


class News(msgspec.Struct, frozen=True):
    """What was announced since a snapshot, and the snapshot in which that was all."""

    snapshot: str
    changes: list[Change]


class Leases(Protocol):
    """What nodes and those who end something share. All calls block; all raise StoreUnavailable."""

    def news(self, after: str) -> News:
        """Return what is committed now and was not in the snapshot `after`; nothing where that is ""."""

    def renew(self, node: str, confirmed: str) -> None:
        """Put on the roll, durably, that a node has followed up to a snapshot."""

    def roll(self) -> Sequence[Node]:
        """Return all nodes on the roll."""

    def strike(self, node: Node) -> None:
        """Take a node off the roll, unless it has renewed meanwhile."""

    def leave(self, node: str) -> None:
        """Take a node off the roll that trusts its memory no more."""


def contains(snapshot: str, xid: int) -> bool:
    """Tell whether a committed transaction is in a snapshot (`xmin:xmax:xip,…`; PostgreSQL, pg_snapshot components)."""
    _, xmax, running = snapshot.split(":")
    return xid < int(xmax) and str(xid) not in running.split(",")
