"""Values and rules of services; no I/O."""

import hashlib
import hmac
import re

import msgspec

from ostiary.access.service import is_scope
from ostiary.invocation.disclosure import FACTS
from ostiary.kernel.refusals import Code, Refusal

__all__ = ["DEFAULT", "Registration", "Service", "is_host", "is_name", "key_hash", "malformed"]

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_TAKEN = "device"
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*(:[1-9][0-9]{{0,4}})?")
_LONGEST_HOST, _HIGHEST_PORT, _MOST = 259, 65_535, 32


class Registration(msgspec.Struct, frozen=True):
    """What an operator says of a service: its name, its hosts, the scopes it requires, the facts it may learn."""

    name: str
    hosts: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    discloses: tuple[str, ...] = ()
    requires_key: bool = False


class Service(msgspec.Struct, frozen=True):
    """A registered service. Hashes are SHA-256 in hex, "" where there is no such key; times microseconds since 1970.

    `scope_id` goes into every reference that the service sees; it is never reused, so a service that is removed and
    added again learns new ones. `old_key_until` is when the key before the present one ends.
    """

    scope_id: int
    name: str
    scopes: tuple[str, ...] = ()
    discloses: tuple[str, ...] = ()
    requires_key: bool = False
    key_hash: str = ""
    old_key_hash: str = ""
    old_key_until: int = 0
    created_at: int = 0

    def opens(self, key: bytes, now: int) -> bool:
        """Tell whether a key is this service's. Every comparison takes the same time."""
        given = hashlib.sha256(key).hexdigest()
        new = hmac.compare_digest(given, self.key_hash)
        old = hmac.compare_digest(given, self.old_key_hash) and now < self.old_key_until
        return new or old


DEFAULT = Service(1, "default")
"""The service that every server has: no key, no scope, no fact. It is in no table."""


def key_hash(key: str) -> str:
    """Return what is kept of a service's key: SHA-256 in hex; the key has 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_name(name: str) -> bool:
    """Tell whether a word may name a service; `device` may not, for `/check/device` is another question."""
    return name != _TAKEN and _NAME.fullmatch(name) is not None


def malformed(asked: Registration) -> Refusal | None:
    """Refuse a registration whose words are none; the reasons say which."""
    wrong = [
        *(f"host:{host}" for host in asked.hosts if not is_host(host)),
        *(f"scope:{scope}" for scope in asked.scopes if not is_scope(scope)),
        *(f"fact:{fact}" for fact in asked.discloses if fact not in FACTS),
        *(["too_many"] if max(len(asked.hosts), len(asked.scopes)) > _MOST else []),
    ]
    if not is_name(asked.name):
        wrong.insert(0, f"name:{asked.name}")
    return Refusal(Code.SERVICE_MALFORMED, tuple(wrong)) if wrong else None


def is_host(host: str) -> bool:
    """Tell whether a text is a host as it is registered: lower case, with or without a port."""
    found = _HOST.fullmatch(host) if len(host) <= _LONGEST_HOST else None
    return found is not None and int(host.partition(":")[2] or 0) <= _HIGHEST_PORT
