"""What a service is told of its caller: as much as its registration allows and the caller asked for, no more."""

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache, partial
from typing import Protocol, TypeVar

import msgspec
from starlette.types import Scope as Request

from ostiary.access import service as access
from ostiary.gateway.model import CALLER, DISCLOSE, DISCLOSED, EPOCH, EXPIRES, KIND, SCOPES, SERVICE_KEY
from ostiary.identities import service as identities
from ostiary.invocation.disclosure import asked_for, overlap
from ostiary.invocation.references import caller_epoch, caller_reference, person_reference
from ostiary.kernel.clock import SECOND, Clock
from ostiary.kernel.ids import b64url
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Scope
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.services.model import DEFAULT, Service, is_name
from ostiary.services.registrations import Registrations
from ostiary.sessions.liveness import Answer, Entry
from ostiary.sessions.model import Living
from ostiary.storage.tx import Tx, UseCase

__all__ = ["Reading", "Teller", "Wanted", "wanted"]

T = TypeVar("T")

_Header = tuple[bytes, bytes]
_EMPTY, _NOTHING = (b"content-length", b"0"), (DISCLOSED, b"-")
_SEALED_FACTS = frozenset({"name", "email"})
_KEYED = "with its key: "
"""Marks an answer that no request without the service's key may be given: no path leads to it."""


class Wanted(msgspec.Struct, frozen=True):
    """What a request says besides its cookie: which service, its key (b"" for none), which facts it asks for."""

    service: str
    key: bytes = b""
    facts: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """Show no key, whoever prints it."""
        return f"Wanted({self.service!r}, facts={sorted(self.facts)!r})"


class Reading(Protocol):
    """What is needed of a vault: reading on one snapshot."""

    def read(self, scope: Scope, use_case: UseCase[T]) -> Awaitable[T]:
        """Run a use case that changes nothing."""


class Teller:
    """Knows the services and prepares their answers. `scope` is the tenant that is served."""

    def __init__(
        self, scope: Scope, registrations: Registrations, vault: Reading, keyring: Keyring, clock: Clock
    ) -> None:
        self._scope, self._registrations, self._vault = scope, registrations, vault
        self._keyring, self._clock = keyring, clock

    async def admit(self, given: Wanted) -> Service | Refusal:
        """Return the service of a request as it is registered at this moment.

        A key that is sent must be right, and must be sent where the registration says so.
        """
        known = is_name(given.service)
        found = await self._registrations.find(given.service) if known else None
        if found is None:
            return Refusal(Code.SERVICE_UNKNOWN)
        if (given.key or found.requires_key) and not found.opens(given.key, self._clock()):
            return Refusal(Code.SERVICE_KEY_REFUSED, ("wrong" if given.key else "missing",))
        return found

    async def tell(
        self, entry: Entry, service: Service, facts: frozenset[str], fresh: Callable[[], bool]
    ) -> Answer | Refusal:
        """Return the first message of a 200, or refuse a session of another tenant, and a caller who lacks a scope.

        What was asked without leave changes nothing. An answer without facts is kept with the entry, which every
        node drops before a change of the session, of its person's scopes or of a registration is acknowledged.
        """
        told = overlap(facts, service.discloses)
        place = _KEYED + service.name if service.requires_key else service.name
        kept = None if told or entry.headers is None else entry.headers.get(place)
        if kept is not None:
            return kept
        session = entry.session
        if session.tenant != self._scope.tenant:
            return _foreign(session)
        held, known = await self._known(session, service, told)
        if not (held and session.may_use(service.scopes)):
            return Refusal(Code.SCOPE_MISSING, service.scopes, subject=session.id)
        made = self._prepare(session, entry.hard, service, known)
        if not told and fresh() and (service.scopes or entry.headers is not None):
            entry.headers = (entry.headers or {}) | {place: made}
        return made

    async def _known(self, session: Living, service: Service, told: Sequence[str]) -> tuple[bool, dict[str, object]]:
        """Return whether the person holds every scope, and the facts; nothing is made or asked that is not wanted."""
        if not (told or service.scopes):
            return True, {}
        plain: dict[str, object] = {
            "person": person_reference(self._secret(session), service.scope_id, session.person),
            "factor": session.factor,
            "signed_in_at": session.created_at // SECOND,
        }
        held = True
        if service.scopes or _SEALED_FACTS.intersection(told):
            read = partial(_read, keyring=self._keyring, person=session.person, scopes=service.scopes)
            held, sealed = await self._vault.read(self._scope, read)
            plain |= sealed
        return held, {fact: plain[fact] for fact in told if plain[fact]}

    def plain(self, entry: Entry) -> Answer | Refusal:
        """Return what `tell` says of the default service, which needs no leave and is told nothing more."""
        kept = None if entry.headers is None else entry.headers.get(DEFAULT.name)
        if kept is not None:
            return kept
        session = entry.session
        if session.tenant != self._scope.tenant:
            return _foreign(session)
        made = self._prepare(session, entry.hard, DEFAULT, {})
        if entry.headers is not None:
            entry.headers[DEFAULT.name] = made
        return made

    def _prepare(self, session: Living, hard: int, service: Service, facts: dict[str, object]) -> Answer:
        key = self._secret(session)
        kind, epoch, scopes = _shared(session.kind, caller_epoch(key, service.scope_id), service.scopes)
        headers = [
            kind,
            (CALLER, caller_reference(key, service.scope_id, session.id).encode("ascii")),
            epoch,
            (EXPIRES, b"%d" % (hard // SECOND) if hard else b"-"),
            scopes,
            (DISCLOSED, b64url(msgspec.json.encode(facts)).encode("ascii")) if facts else _NOTHING,
            _EMPTY,
        ]
        return {"type": "http.response.start", "status": 200, "headers": headers}

    def _secret(self, session: Living) -> bytes:
        return self._keyring.active(session.tenant, Purpose.CALLER).secret


def _foreign(session: Living) -> Refusal:
    """Refuse a session that another tenant opened: none of a fixture's is ever let in by a live gate."""
    return Refusal(Code.SESSION_INVALID, ("session_of_another_tenant",), subject=session.id)


def wanted(scope: Request, service: str) -> Wanted | Refusal:
    """Read off a request what it says of a service. What a key sent twice means nobody can tell: it opens nothing."""
    key = b",".join(value for name, value in scope["headers"] if name == SERVICE_KEY)
    facts = asked_for(b",".join(value for name, value in scope["headers"] if name == DISCLOSE))
    return Refusal(Code.DISCLOSURE_UNKNOWN) if facts is None else Wanted(service, key, facts)


def _read(tx: Tx, keyring: Keyring, person: str, scopes: Sequence[str]) -> tuple[bool, dict[str, object]]:
    found = identities.find_person(tx, keyring, person)
    sealed: dict[str, object] = {"name": found.name if found else "", "email": found.email if found else ""}
    return set(scopes).issubset(access.scopes(tx, person)), sealed


@lru_cache(maxsize=256)
def _shared(kind: str, epoch: int, scopes: tuple[str, ...]) -> tuple[_Header, _Header, _Header]:
    """Return the headers that many sessions share, once for all of them: what is not touched need not be fetched."""
    words = " ".join(scopes) or "-"
    return (KIND, kind.encode("ascii")), (EPOCH, str(epoch).encode("ascii")), (SCOPES, words.encode("ascii"))
