"""How an address is looked up: by the keyed hash of either of its forms, for it is stored sealed."""

import msgspec

from ostiary.identities.model import Address
from ostiary.kernel.mac import mac
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose

__all__ = ["Hashes", "hashes"]


class Hashes(msgspec.Struct, frozen=True):
    """The keyed hashes (hex) of both forms of an address; they are equal where it was written in its folded form."""

    exact: str
    folded: str


def hashes(keyring: Keyring, tenant: str, address: Address) -> Hashes:
    """Return the hashes of an address, which say nothing to who has not the tenant's key."""
    key = keyring.active(tenant, Purpose.ADDRESS).secret
    exact, folded = (mac(key, b"email\0" + one.encode()).hex() for one in (address.exact, address.folded))
    return Hashes(exact, folded)
