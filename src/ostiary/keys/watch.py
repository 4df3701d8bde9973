"""What a running server does for its keys: takes up new ones within a second, rotates those that are due."""

import msgspec
import structlog

from ostiary.kernel.clock import Clock
from ostiary.kernel.errors import SealBroken, StoreUnavailable
from ostiary.kernel.values import Scope
from ostiary.keys import service
from ostiary.keys.keyring import Keyring
from ostiary.keys.sealing import Sealer
from ostiary.storage.vault import Vault

__all__ = ["KeyWatch"]

_LOG = structlog.get_logger("ostiary.keys")


class KeyWatch(msgspec.Struct):
    """Keeps the keyring as the store has it.

    After a rewrap the keys do not open under the key-encryption key that this process was started with. It goes on
    with those that it holds, less those that are revoked, says so once, and can learn no other until it is started
    again. `every` is how long a signing key stays in service, 0 for ever.
    """

    vault: Vault
    scope: Scope
    sealer: Sealer
    keyring: Keyring
    clock: Clock
    every: int
    foreign: bool = False

    async def learn(self, key_id: str) -> None:
        """Load a key that another process may have made since. Raises StoreUnavailable where it does not open."""
        try:
            await self.vault.read(self.scope, lambda tx: service.learn(tx, self.sealer, self.keyring, key_id))
        except SealBroken as fault:
            raise StoreUnavailable("the keys were rewrapped: start this server again with the new key") from fault

    async def look(self) -> None:
        """Load what is stored and rotate what is due; the chore of every second."""
        try:
            await self.vault.read(self.scope, lambda tx: service.load(tx, self.sealer, self.keyring))
            if service.due(self.keyring, self.scope.tenant, self.clock(), self.every):
                await self.vault.transact(
                    self.scope, lambda tx: service.rotate_due(tx, self.sealer, self.keyring, self.every)
                )
                await self.vault.read(self.scope, lambda tx: service.load(tx, self.sealer, self.keyring))
        except SealBroken:
            if not self.foreign:
                _LOG.warning("keys_rewrapped", remedy="start this server again with the new key-encryption key")
            self.foreign = True
            await self.vault.read(self.scope, lambda tx: service.disown(tx, self.keyring))
