"""References: keyed pseudonyms of a session and of a person that mean something to one service only.

HMAC-SHA256 (RFC 2104) over label, NUL, service-scope id (8 bytes, big-endian), length-prefixed id and
a counter; source: the invocation contract, section 4.2. A service-scope id is never reused, so a service
that is replaced learns new references.
"""

from collections.abc import Callable
from functools import lru_cache

from ostiary.kernel.mac import keyed

__all__ = ["caller_epoch", "caller_reference", "person_reference"]

_HALF = 8
_ZERO = bytes(_HALF)
_REFERENCE = b"ostiary.caller.reference"
_EPOCH = b"ostiary.caller.epoch"
_PERSON = b"ostiary.person.reference"
_POSITIVE = (1 << 63) - 1


def caller_reference(key: bytes, service_scope: int, session: str) -> str:
    """Return 32 hex digits (128 bits); neither half is zero."""
    return _reference(key, _REFERENCE, service_scope, session)


def person_reference(key: bytes, service_scope: int, person: str) -> str:
    """Return the same of a person, under a label of its own: one service knows a returning person by it (ruling 16)."""
    return _reference(key, _PERSON, service_scope, person)


def _reference(key: bytes, label: bytes, service_scope: int, name: str) -> str:
    for counter in range(256):
        made = _derive(key, label, service_scope, name, counter)
        if made[:_HALF] != _ZERO != made[_HALF : 2 * _HALF]:
            return made[: 2 * _HALF].hex()
    raise ArithmeticError("HMAC-SHA256 gave 256 zero halves")  # pragma: no cover - has no known input


@lru_cache(maxsize=1024)
def caller_epoch(key: bytes, service_scope: int) -> int:
    """Return the freshness value beside a service's references: a positive integer below 2^63.

    It names the generation of references under one key and one service scope, under a label of its own:
    where it has changed, references kept from before mean nobody.
    """
    return int.from_bytes(_derive(key, _EPOCH, service_scope, "", 0)[:_HALF], "big") & _POSITIVE or 1


def _derive(key: bytes, label: bytes, service_scope: int, session: str, counter: int) -> bytes:
    name = session.encode()
    return _begun(key, label, service_scope)(b"%b%b%c" % (len(name).to_bytes(4, "big"), name, counter))


@lru_cache(maxsize=1024)
def _begun(key: bytes, label: bytes, service_scope: int) -> Callable[[bytes], bytes]:
    return keyed(key, b"%b\0%b" % (label, service_scope.to_bytes(8, "big")))
