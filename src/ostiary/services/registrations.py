"""What a check may ask of registrations: the truth, read anew. What is kept is the answer prepared from it.

A prepared answer goes by the outbox: whatever changes a registration announces it, and every node lets go of
all that it has prepared (`sessions.cache`). So there is no second memory here that could be out of date.
"""

from typing import Protocol

from ostiary.services import store
from ostiary.services.model import DEFAULT, Service
from ostiary.storage.statements import Statement
from ostiary.storage.tx import Row
from ostiary.storage.vault import Reader

__all__ = ["AskedServices", "Registrations", "ServicesInFile"]


class Registrations(Protocol):
    """Which services there are."""

    async def find(self, tenant: str, name: str) -> Service | None:
        """Return a service as it stands. Raises StoreUnavailable."""


class Fetch(Protocol):
    """What is needed of a vault: one read, off the event loop."""

    async def fetch(self, statement: Statement, **binds: object) -> list[Row]:
        """Run one read."""


class ServicesInFile:
    """See `Registrations`; on SQLite, read on the spot."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def find(self, tenant: str, name: str) -> Service | None:
        """Read one row of the file."""
        if name == DEFAULT.name:
            return DEFAULT
        rows = self._reader.all(store.FIND, tenant=tenant, wanted=name)
        return store.service(rows[0]) if rows else None


class AskedServices:
    """See `Registrations`; on PostgreSQL, one question each."""

    def __init__(self, vault: Fetch) -> None:
        self._vault = vault

    async def find(self, tenant: str, name: str) -> Service | None:
        """Ask for one row."""
        if name == DEFAULT.name:
            return DEFAULT
        rows = await self._vault.fetch(store.FIND, tenant=tenant, wanted=name)
        return store.service(rows[0]) if rows else None
