"""The directory elsewhere: a user service over HTTP (device-sessions contract, section 8)."""

from http import HTTPStatus
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

import msgspec
import structlog

from ostiary.identities.blocks.model import is_reason
from ostiary.identities.directory import Context, Kind, Resolved
from ostiary.identities.model import is_user_id
from ostiary.identities.settings import DirectorySettings
from ostiary.kernel.clock import Ticks
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.values import Scope
from ostiary.remote.breaker import Breaker
from ostiary.remote.lately import Lately
from ostiary.remote.model import Answer, Fault, Place, Question
from ostiary.remote.peer import Peer
from ostiary.remote.secret import read_token
from ostiary.web.decode import decode_body, parse_json

__all__ = ["RestDirectory"]

_INTERNAL = "/api/v1/internal"
_RESOLVE, _ENSURE = f"{_INTERNAL}/user-resolutions/by-email", f"{_INTERNAL}/users/ensure-by-email"
_BLOCK_ADDRESS = f"{_INTERNAL}/user-blocks/by-email"
_NOBODY = "user-nobody"
_BLOCKED = {"blocked", "already_blocked"}
_LOG = structlog.get_logger("ostiary.identities")

T = TypeVar("T")


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the service says holds nothing that we do not know."""


class _Resolution(_Strict, frozen=True):
    kind: str
    user_id: str = ""
    block_reason_code: str = ""


class _Ensured(_Strict, frozen=True):
    outcome: str
    user_id: str = ""
    block_reason_code: str = ""


class _Presence(_Strict, frozen=True):
    exists: bool


class _Block(_Strict, frozen=True):
    outcome: str
    user_id: str = ""


class _Told(msgspec.Struct, frozen=True):
    code: str


class _Error(msgspec.Struct, frozen=True):
    error: _Told


class RestDirectory:
    """Asks the user service. Reads the bearer token at once: raises BootRefused where it cannot.

    A user id is what `is_user_id` takes. The scope's tenant is not told: the contract knows one world.
    """

    def __init__(self, settings: DirectorySettings, ticks: Ticks) -> None:
        place = Place(settings.base_url, settings.timeout, read_token(settings.token_file))
        self._peer, self._lately = Peer(place, Breaker(ticks)), Lately(ticks)

    async def resolve(self, scope: Scope, address: str) -> Resolved:
        began = self._lately.ticks()
        try:
            said = await self._said("resolve", _post(_RESOLVE, email=address), _Resolution)
            found = _resolved("resolve", said.kind, said, {Kind.EXISTING, Kind.CREATABLE, Kind.BLOCKED})
        except StoreUnavailable:
            self._lately.note(began, "resolve_failed")
            raise
        self._lately.note(began, "")
        return found

    async def ensure(self, scope: Scope, address: str, context: Context) -> Resolved:
        given = {"preferred_language": context.preferred_language}
        given |= {"time_zone": context.time_zone} if context.time_zone else {}
        said = await self._said("ensure", _post(_ENSURE, email=address, registration_context=given), _Ensured)
        return _resolved("ensure", said.outcome, said, {Kind.EXISTING, Kind.CREATED, Kind.BLOCKED})

    async def exists(self, scope: Scope, person: str) -> bool:
        if not _is_id(person):
            return False
        answer = await self._answer("exists", _exists(person))
        return not _is_nobody(answer) and _read("exists", answer, _Presence).exists

    async def block_person(self, scope: Scope, person: str, reason: str) -> bool:
        if not _is_id(person):
            return False
        path = f"{_INTERNAL}/users/{quote(person, safe='')}/block"
        answer = await self._answer("block", _post(path, reason_code=reason))
        if _is_nobody(answer):
            return False
        said = _read("block", answer, _Block)
        if said.outcome not in _BLOCKED or said.user_id not in {"", person}:
            _broken("block", "answer_malformed")
        return True

    async def block_address(self, scope: Scope, address: str, reason: str) -> str:
        said = await self._said("block", _post(_BLOCK_ADDRESS, email=address, reason_code=reason), _Block)
        if said.outcome not in _BLOCKED or not (said.user_id == "" or _is_id(said.user_id)):
            _broken("block", "answer_malformed")
        return said.user_id

    async def reachable(self) -> bool:
        why = await self.probe()
        if why:
            _LOG.warning("directory_failed", operation="probe", why=why)
        return not why

    async def probe(self) -> str:
        """Ask for somebody who is not there; return the machine word of what stands in the way of an answer, or "".

        Where the last address could not be looked up, nobody is asked for a while: the same will stand in the way. It
        takes as long as looking that one up.
        """
        return await self._lately.instead(self._glance)

    async def close(self) -> None:
        """Let go of the lines."""
        await self._peer.close()

    async def _glance(self) -> str:
        said = await self._peer.ask(_exists(_NOBODY, glance=True))
        read = said.why if isinstance(said, Fault) else _understood(said, _Presence)
        return read if isinstance(read, str) else ""

    async def _said(self, operation: str, question: Question, wanted: type[T]) -> T:
        return _read(operation, await self._answer(operation, question), wanted)

    async def _answer(self, operation: str, question: Question) -> Answer:
        said = await self._peer.ask(question)
        if isinstance(said, Fault):
            _broken(operation, said.why)
        return said


def _post(path: str, **body: Any) -> Question:  # noqa: ANN401 - what JSON holds
    return Question("POST", path, msgspec.json.encode(body))


def _exists(person: str, *, glance: bool = False) -> Question:
    return Question("GET", f"{_INTERNAL}/users/{quote(person, safe='')}/exists", glance=glance)


def _read(operation: str, answer: Answer, wanted: type[T]) -> T:
    said = _understood(answer, wanted)
    if isinstance(said, str):
        _broken(operation, said)
    return said


def _understood(answer: Answer, wanted: type[T]) -> T | str:
    """Return what was said, or why it cannot be taken, as a machine word."""
    if answer.status != HTTPStatus.OK:
        return f"http_{answer.status}"
    said = decode_body(parse_json(answer.body, "application/json"), wanted)
    return said if isinstance(said, wanted) else "answer_malformed"


def _resolved(operation: str, kind: str, said: _Resolution | _Ensured, known: set[Kind]) -> Resolved:
    """Return what was said, where it fits together: an id for whom there is one, a reason for a block."""
    if kind not in known:
        _broken(operation, "answer_malformed")
    names, blocks = kind in {Kind.EXISTING, Kind.CREATED}, kind == Kind.BLOCKED
    fits = [_is_id(said.user_id) if names else not said.user_id]
    fits += [is_reason(said.block_reason_code) if blocks else not said.block_reason_code]
    if not all(fits):
        _broken(operation, "answer_malformed")
    return Resolved(Kind(kind), said.user_id, said.block_reason_code)


def _is_id(text: str) -> bool:
    """Tell whether a text can be a user's id; a path takes the dots alone for something else."""
    return is_user_id(text) and text not in {".", ".."}


def _is_nobody(answer: Answer) -> bool:
    """Tell whether the service knows no such user; another 404 is a wrong address of the service."""
    if answer.status != HTTPStatus.NOT_FOUND:
        return False
    said = decode_body(parse_json(answer.body, "application/json"), _Error)
    return isinstance(said, _Error) and said.error.code == "subject_not_found"


def _broken(operation: str, why: str) -> NoReturn:
    """Raise that the service does not answer; what it said stays out: it may name somebody."""
    _LOG.warning("directory_failed", operation=operation, why=why)
    raise StoreUnavailable(f"the user service does not answer: {why}", service="directory")
