"""The keyring: every opened key of this process, replaced as a whole when the stored keys have changed."""

from collections.abc import Iterable

from ostiary.kernel.errors import KeyUnknown
from ostiary.keys.model import Key, Purpose

__all__ = ["Keyring"]


class Keyring:
    """Look-ups that never touch the store; `replace` may run in any thread."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._all: dict[str, Key] = {}
        self._active: dict[tuple[str, Purpose], Key] = {}
        self.replace(keys)

    def replace(self, keys: Iterable[Key]) -> None:
        """Hold exactly these keys from now on."""
        held = {key.id: key for key in keys}
        newest: dict[tuple[str, Purpose], Key] = {}
        for key in held.values():
            place = (key.tenant, key.purpose)
            if not key.retired_at and (place not in newest or newest[place].version < key.version):
                newest[place] = key
        self._all, self._active = held, newest

    def active(self, tenant: str, purpose: Purpose) -> Key:
        """Return the newest key that is not retired. Raises KeyUnknown."""
        key = self._active.get((tenant, purpose))
        if key is None:
            raise KeyUnknown(f"tenant {tenant} has no active {purpose} key")
        return key

    def find(self, key_id: str) -> Key | None:
        """Return the key with that id, whatever its state."""
        return self._all.get(key_id)

    def trusted(self, key_id: str) -> Key | None:
        """Return the key with that id unless it was revoked."""
        key = self._all.get(key_id)
        return None if key is None or key.revoked_at else key

    def all(self) -> list[Key]:
        """Return every key, oldest first."""
        return sorted(self._all.values(), key=lambda key: (key.tenant, key.purpose, key.version))
