"""Many sessions, fast: rows made in one transaction, as sign-ins would have left them, and the cookies of some."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_bytes

from sqlalchemy import Table

from bench.method import tell
from ostiary.house import House
from ostiary.kernel.ids import b64url
from ostiary.keys.model import Purpose
from ostiary.receipts.store import receipts
from ostiary.sessions import wire
from ostiary.sessions.store import sessions

__all__ = ["cookies", "fill"]

_DIGEST = "0" * 64
_LABEL = bytes(60)
_SIGNATURE = bytes(64)


def fill(house: House, path: Path, count: int) -> list[str]:
    """Add `count` living sessions of as many people, a receipt each; return the sessions' ids."""
    began = time.monotonic()
    tails = sorted(b64url(token_bytes(16)) for _ in range(count))
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("synchronous=OFF", "cache_size=-400000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_insert(sessions, len(sessions.c)), _sessions(house, tails))
    connection.executemany(_insert(receipts, len(receipts.c)), _receipts(house, tails))
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    if count > 100_000:
        tell(f"{count:,} sessions and receipts written in {time.monotonic() - began:.0f} s")
    return [f"ses-{tail}" for tail in tails]


def cookies(house: House, ids: list[str]) -> list[str]:
    """Return the cookie values of these sessions."""
    key = house.keyring.active(house.scope.tenant, Purpose.SESSION)
    return [wire.seal(one, key) for one in ids]


def _insert(table: Table, width: int) -> str:
    names = ", ".join(column.name for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' * width)})"


def _sessions(house: House, tails: list[str]) -> Iterator[list[object]]:
    now = house.clock()
    row: dict[str, object] = {
        "tenant_id": house.scope.tenant,
        "kind": "browser",
        "key_id": house.keyring.active(house.scope.tenant, Purpose.SESSION).id,
        "factor": "passkey",
        "binding": f"pk-{tails[0]}",
        "created_at": now,
        "absolute_expires_at": now + house.settings.sessions.absolute,
        "csrf_hash": _DIGEST,
        "csrf_epoch": 1,
        "address_hash": _DIGEST,
        "agent_hash": _DIGEST,
        "label_sealed": _LABEL,
        "ended_at": 0,
        "end_reason": "",
        "ended_by": "",
        "commitment": "",
        "scopes": "",
        "family_began_at": 0,
        "family_ends_at": 0,
    }
    names = [column.name for column in sessions.columns]
    for tail in tails:
        row |= {"id": f"ses-{tail}", "attempt_id": f"la-{tail}", "person_id": f"user-{tail}"}
        yield [row[name] for name in names]


def _receipts(house: House, tails: list[str]) -> Iterator[list[object]]:
    row: dict[str, object] = {
        "seq": None,
        "tenant_id": house.scope.tenant,
        "mode": house.scope.mode.value,
        "operation": "session.open",
        "outcome": "admitted",
        "reasons": '["passkey"]',
        "at": house.clock(),
        "digest": _DIGEST,
        "link": "",
        "key_id": house.keyring.active(house.scope.tenant, Purpose.RECEIPT).id,
        "signature": _SIGNATURE,
    }
    names = [column.name for column in receipts.columns]
    for tail in tails:
        row |= {"id": f"rcp-{tail}", "actor": f"user-{tail}", "session": f"ses-{tail}", "subject": f"ses-{tail}"}
        yield [row[name] for name in names]
