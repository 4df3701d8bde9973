"""The roll of nodes in PostgreSQL, on connections of its own: a busy store does not cost a node its lease."""

from sqlalchemy import bindparam, delete, select, text

from ostiary.storage.faults import translated
from ostiary.storage.lines import Limits, Lines
from ostiary.storage.outbox import Change
from ostiary.storage.roll import News, Node, nodes
from ostiary.storage.statements import Statement
from ostiary.storage.tx import Row

__all__ = ["PostgresLeases"]

_n = nodes.c
_NEWS = Statement(
    text(
        "SELECT CAST(now.snapshot AS text), outbox.kind, outbox.subject"
        " FROM (SELECT pg_current_snapshot() AS snapshot) AS now LEFT JOIN outbox"
        " ON outbox.xid >= CAST(CAST(pg_snapshot_xmin(CAST(:after AS pg_snapshot)) AS text) AS bigint)"
        " AND NOT pg_visible_in_snapshot(CAST(CAST(outbox.xid AS text) AS xid8), CAST(:after AS pg_snapshot))"
        " ORDER BY outbox.id"
    )
)
_NOW = Statement(text("SELECT CAST(pg_current_snapshot() AS text)"))
_RENEW = Statement(
    text(
        "INSERT INTO nodes (id, name, renewals, renewed_at, confirmed) VALUES (:node, :name, 1,"
        " CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint), :confirmed)"
        " ON CONFLICT (id) DO UPDATE SET renewals = nodes.renewals + 1,"
        " renewed_at = excluded.renewed_at, confirmed = excluded.confirmed"
    )
)
_ROLL = Statement(select(_n.id, _n.renewals, _n.confirmed))
_STRIKE = Statement(delete(nodes).where(_n.id == bindparam("node"), _n.renewals == bindparam("renewals")))
_LEAVE = Statement(delete(nodes).where(_n.id == bindparam("node")))


class PostgresLeases:
    """See `storage.roll.Leases`. `name` is what an operator knows this process by. Keeps connections of its own."""

    def __init__(self, url: str, name: str, limits: Limits | None = None) -> None:
        self._lines, self._name = Lines(url, limits or Limits(), 2), name

    def news(self, after: str) -> News:
        rows = self._run(_NEWS, after=after) if after else [(*self._run(_NOW)[0], None, None)]
        return News(rows[0][0], [Change(kind, subject) for _, kind, subject in rows if kind is not None])

    def renew(self, node: str, confirmed: str) -> None:
        self._run(_RENEW, node=node, name=self._name, confirmed=confirmed)

    def roll(self) -> list[Node]:
        return [Node(*row) for row in self._run(_ROLL)]

    def strike(self, node: Node) -> None:
        self._run(_STRIKE, node=node.id, renewals=node.renewals)

    def leave(self, node: str) -> None:
        self._run(_LEAVE, node=node)

    def close(self) -> None:
        """Close the connections."""
        self._lines.close()

    def _run(self, statement: Statement, **binds: object) -> list[Row]:
        with translated(), self._lines.line() as line:
            return line.alone(*statement.bound("postgresql", binds)).fetchall()
