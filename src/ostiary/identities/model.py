"""Values and rules of identities."""

import re
import unicodedata
from urllib.parse import urlsplit

import msgspec

from ostiary.kernel.legible import readable
from ostiary.kernel.texts import origin
from ostiary.kernel.values import Mode

__all__ = [
    "METHODS",
    "NAME_LONGEST",
    "Address",
    "Person",
    "Tenant",
    "address_of",
    "flaw",
    "is_tenant",
    "is_user_id",
    "normalise_email",
]

NAME_LONGEST = 200
METHODS = ("passkey", "email_code")
"""The ways to sign in that a new tenant offers."""

_SHAPE = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}\Z")
_TENANT = re.compile(r"[a-z0-9_]{1,40}")
_USER_ID = re.compile(r"[!-.0-\[\]-~]{1,128}")
_RESERVED = re.compile(r"(?:operator|client|session|browser|service|fixture|address):.*|system|internal|anonymous|-")
"""What an actor or a subject of a receipt is called that is no person: no directory may name somebody so."""

_MOST_ORIGINS, _LONGEST_ORIGIN = 20, 255
_HOST = re.compile(r"(?:localhost|(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{1,63})\Z")


class Tenant(msgspec.Struct, frozen=True):
    """An isolated world of people, keys and policies.

    `rp_id` and `origins` are those of its passkeys (WebAuthn); "" and () mean the server's own origin, which only
    the default tenant has. `seeded`: it holds the known people and the known token that the examples call for.
    `methods` are the ways to sign in that it offers.
    """

    id: str
    mode: Mode
    rp_id: str = ""
    origins: tuple[str, ...] = ()
    seeded: bool = False
    methods: tuple[str, ...] = METHODS


class Person(msgspec.Struct, frozen=True):
    """A human with an account. `email` and `name` are opened values, "" where unknown.

    `blocked_at` is since when they may do nothing (microseconds since 1970), 0 while they may.
    """

    id: str
    email: str
    name: str
    created_at: int
    blocked_at: int = 0

    @property
    def title(self) -> str:
        """What a page or a passkey picker shows for this person."""
        return self.name or self.email or "Administrator"


class Address(msgspec.Struct, frozen=True):
    """An address that mail can reach, in its two forms.

    `exact` is as it was written, without white space around it: people are told apart by it. `folded` is what blocks,
    limits and budgets see (ruling 35): one mailbox has one folded form, however somebody writes it.
    """

    exact: str
    folded: str


def address_of(text: str) -> Address | None:
    """Return an address in both forms; None for what mail cannot reach. Unicode white space around it is dropped."""
    folded = normalise_email(text)
    return None if folded is None else Address(text.strip(), folded)


def is_user_id(text: str) -> bool:
    """Tell whether a text can be the id of a person: ours, or what a directory elsewhere calls one (`user-123`).

    1 to 128 printable characters of ASCII without spaces and slashes, and none of the words that receipts use for
    what is no person.
    """
    return _USER_ID.fullmatch(text) is not None and _RESERVED.fullmatch(text) is None


def flaw(tenant: Tenant) -> str:
    """Return what is wrong with a tenant that is to be added: `name`, `origin`, `rp_id`, `seed`, or "" for nothing.

    The relying party must be the host of every origin or a domain above it (WebAuthn section 5.1.2).
    """
    if not is_tenant(tenant.id):
        return "name"
    if not 0 < len(tenant.origins) <= _MOST_ORIGINS or not all(map(_is_origin, tenant.origins)):
        return "origin"
    hosts = [urlsplit(one).hostname or "" for one in tenant.origins]
    above = "." in tenant.rp_id and all(f".{host}".endswith(f".{tenant.rp_id}") for host in hosts)
    if not above and set(hosts) != {tenant.rp_id}:
        return "rp_id"
    return "seed" if tenant.seeded and tenant.mode is not Mode.FIXTURE else ""


def is_tenant(text: str) -> bool:
    """Tell whether a text can be the name of a tenant."""
    return _TENANT.fullmatch(text) is not None


def _is_origin(text: str) -> bool:
    try:
        return len(text) <= _LONGEST_ORIGIN and origin(text) == text
    except ValueError:
        return False


def normalise_email(text: str) -> str | None:
    """Return the address as blocks, limits and hashes see it: case-folded, NFC, domain in IDNA form.

    The same for all canonically caseless matches (Unicode, D145). None when it is not an address that mail could reach
    (ruling 35), or one that nobody could read off a screen as it is.
    """
    address = unicodedata.normalize("NFC", text.strip())
    if not (_SHAPE.match(address) and readable(address)):
        return None
    local, _, domain = address.rpartition("@")
    try:
        host = domain.casefold().encode("idna").decode("ascii")
    except UnicodeError:
        return None
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", local).casefold())
    return f"{folded}@{host}" if _HOST.match(host) else None
