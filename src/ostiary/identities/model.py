"""Values and rules of identities."""

import re
import unicodedata

import msgspec

from ostiary.kernel.values import Mode

__all__ = ["NAME_LONGEST", "Person", "Tenant", "normalise_email"]

NAME_LONGEST = 200
_SHAPE = re.compile(r"[^@\s\x00-\x1f\x7f\ud800-\udfff]{1,64}@[^@\s\x00-\x1f\x7f\ud800-\udfff]{1,255}\Z")
_HOST = re.compile(r"(?:localhost|(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{1,63})\Z")


class Tenant(msgspec.Struct, frozen=True):
    """An isolated world of people, keys and policies."""

    id: str
    mode: Mode


class Person(msgspec.Struct, frozen=True):
    """A human with an account. `email` and `name` are opened values, "" where unknown."""

    id: str
    email: str
    name: str
    created_at: int

    @property
    def title(self) -> str:
        """What a page or a passkey picker shows for this person."""
        return self.name or self.email or "Administrator"


def normalise_email(text: str) -> str | None:
    """Return the address as blocks, limits and hashes see it: NFC, case-folded, domain in IDNA form.

    None when it is not an address that mail could reach (ruling 35).
    """
    address = unicodedata.normalize("NFC", text.strip())
    if not _SHAPE.match(address):
        return None
    local, _, domain = address.rpartition("@")
    try:
        host = domain.casefold().encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return f"{local.casefold()}@{host}" if _HOST.match(host) else None
