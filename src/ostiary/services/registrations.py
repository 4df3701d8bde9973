"""What a check may ask of registrations: the truth, read anew. What is kept is the answer prepared from it.

A prepared answer goes by the outbox: whatever changes a registration announces it, and every node lets go of
all that it has prepared (`sessions.cache`). So there is no second memory here that could be out of date.
"""

from typing import Protocol

from ostiary.services import store
from ostiary.services.model import DEFAULT, Service
from ostiary.storage.statements import Statement
from ostiary.storage.tx import Row

__all__ = ["Fetch", "Registrations"]


class Fetch(Protocol):
    """One read of the truth: on SQLite on the spot, on PostgreSQL off the event loop."""

    async def __call__(self, statement: Statement, **binds: object) -> list[Row]:
        """Run one read. Raises StoreUnavailable."""


class Registrations:
    """Which services a tenant has, and which answers on a host."""

    def __init__(self, tenant: str, fetch: Fetch) -> None:
        self._tenant, self._fetch = tenant, fetch

    async def find(self, name: str) -> Service | None:
        """Return a service as it stands. Raises StoreUnavailable."""
        if name == DEFAULT.name:
            return DEFAULT
        rows = await self._fetch(store.FIND, tenant=self._tenant, wanted=name)
        return store.service(rows[0]) if rows else None

    async def at(self, host: str) -> Service | None:
        """Return the service that a host is registered for. Raises StoreUnavailable."""
        rows = await self._fetch(store.AT, tenant=self._tenant, host=host)
        return store.service(rows[0]) if rows else None
