"""What a running server does for its keys: takes up new ones within a second, rotates those that are due."""

import msgspec
import structlog

from ostiary.kernel.clock import Clock
from ostiary.kernel.errors import SealBroken, StoreUnavailable
from ostiary.kernel.values import Scope
from ostiary.keys import service
from ostiary.keys.keyring import Keyring
from ostiary.keys.sealing import Sealer
from ostiary.storage.tx import UseCase
from ostiary.storage.vault import Vault

__all__ = ["KeyWatch"]

_LOG = structlog.get_logger("ostiary.keys")


class KeyWatch(msgspec.Struct):
    """Keeps the keyring as the store has it.

    After a rewrap the keys do not open under the key-encryption key that this process was started with. It goes on
    with those that it holds, less those that are revoked, says so once, and can learn no other until it is started
    again. `every` is how long a signing key stays in service, 0 for ever; `scopes` tells every tenant's scope.
    """

    vault: Vault
    scope: Scope
    sealer: Sealer
    keyring: Keyring
    clock: Clock
    every: int
    scopes: UseCase[list[Scope]]
    foreign: bool = False

    async def learn(self, key_id: str) -> None:
        """Load a key that another process may have made since. Raises StoreUnavailable where it does not open."""
        try:
            await self.vault.read(self.scope, lambda tx: service.learn(tx, self.sealer, self.keyring, key_id))
        except SealBroken as fault:
            raise StoreUnavailable("the keys were rewrapped: start this server again with the new key") from fault

    async def look(self) -> None:
        """Load what is stored and rotate what is due, of every tenant; the chore of every second."""
        try:
            await self._load()
            tenants = {key.tenant for key in self.keyring.all()}
            late = {one for one in tenants if service.due(self.keyring, one, self.clock(), self.every)}
            for scope in await self.vault.read(self.scope, self.scopes) if late else ():
                if scope.tenant in late:
                    await self.vault.transact(
                        scope, lambda tx: service.rotate_due(tx, self.sealer, self.keyring, self.every)
                    )
                    await self._load()
        except SealBroken:
            if not self.foreign:
                _LOG.warning("keys_rewrapped", remedy="start this server again with the new key-encryption key")
            self.foreign = True
            await self.vault.read(self.scope, lambda tx: service.disown(tx, self.keyring))

    async def _load(self) -> None:
        await self.vault.read(self.scope, lambda tx: service.load(tx, self.sealer, self.keyring))
