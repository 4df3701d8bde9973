"""The contract's internal operations on device sessions: read, list, revoke, revoke all, block. NOTE: wire format.

They stand on the internal listener only. Whoever reaches it is trusted; the actor in a body is what they claim, and
is kept as that beside the peer (ruling 14).
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.gateway.guarded import given, guarded
from ostiary.identities import service as identities
from ostiary.identities.directory import Directory
from ostiary.identities.model import normalise_email
from ostiary.kernel.clock import instant
from ostiary.kernel.legible import visible
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Scope
from ostiary.keys.keyring import Keyring
from ostiary.sessions import blocking
from ostiary.sessions.blocking import Subject, SubjectKind
from ostiary.sessions.device import service
from ostiary.sessions.device.model import Act, Actor, DeviceSession
from ostiary.sessions.device.service import Acknowledgement
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault
from ostiary.web.decode import clean, malformed
from ostiary.web.device import device_problem

__all__ = ["DeviceSessionDesk"]

_BASE = "/api/v1/internal"
_PEER = Caller(actor="internal")

_Word = Annotated[str, msgspec.Meta(max_length=128)]
_Address = Annotated[str, msgspec.Meta(max_length=1024)]


class ActorGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who acts, as the caller claims it: a kind such as `system`, `admin` or `service`, and an id where it has one."""

    type: _Word
    id: _Word | None = None


class RevokeWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why, and on whose word."""

    reason_code: _Word
    actor: ActorGiven


class BlockWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to block: a user or an address, exactly one of them; why, and on whose word."""

    reason_code: _Word
    actor: ActorGiven
    user_id: _Word | None = None
    email: _Address | None = None


class SessionShown(msgspec.Struct, frozen=True, omit_defaults=True):
    """A session as services read it. Instants are RFC 3339 in UTC; the last four are there once it was revoked."""

    device_session_id: str
    user_id: str
    client_public_key: str
    status: str
    created_at: str
    expires_at: str = ""
    revoked_at: str = ""
    revoke_reason_code: str = ""
    revoke_actor_type: str = ""
    revoke_actor_id: str = ""


class OneSession(msgspec.Struct, frozen=True):
    """One session."""

    session: SessionShown


class ManySessions(msgspec.Struct, frozen=True):
    """A user's sessions, active and revoked, newest first."""

    sessions: list[SessionShown]


class RevokedOne(msgspec.Struct, frozen=True):
    """How revoking one session ended."""

    outcome: str
    device_session_id: str
    affected_session_count: int


class RevokedAll(msgspec.Struct, frozen=True):
    """How revoking all sessions of a user ended."""

    outcome: str
    user_id: str
    affected_session_count: int
    affected_device_session_ids: list[str]


class Blocked(msgspec.Struct, frozen=True):
    """How blocking ended; the ids are there, as a list, when there are none."""

    outcome: str
    subject_kind: str
    subject_value: str
    affected_session_count: int
    affected_device_session_ids: list[str]


Answered = msgspec.Struct | Refusal


class DeviceSessionDesk(msgspec.Struct, frozen=True):
    """Answers services. `publish` tells gateways of sessions; `directory` is None for our own."""

    vault: Vault
    scope: Scope
    keyring: Keyring
    publish: Callable[[Sequence[str]], Awaitable[object]]
    directory: Directory | None = None

    def routes(self) -> list[Route]:
        """Return the routes of the internal listener."""
        return [
            _route("/sessions/{session}", self._read, "GET"),
            _route("/users/{user}/sessions", self._list, "GET"),
            _route("/sessions/{session}/revoke", self._revoke, "POST"),
            _route("/users/{user}/sessions/revoke-all", self._revoke_all, "POST"),
            _route("/user-blocks", self._block, "POST"),
        ]

    async def _read(self, request: Request) -> Answered:
        session = request.path_params["session"]
        found = await self.vault.read(self.scope, lambda tx: service.find(tx, session))
        return Refusal(Code.SESSION_NOT_FOUND) if found is None else OneSession(_shown(found))

    async def _list(self, request: Request) -> Answered:
        user = request.path_params["user"]
        if not clean(user):
            return ManySessions([])
        found = await self.vault.read(self.scope, lambda tx: service.list_of(tx, user))
        return ManySessions([_shown(one) for one in found])

    async def _revoke(self, request: Request) -> Answered:
        act = _act(await given(request, RevokeWanted))
        if isinstance(act, Refusal):
            return act
        session = request.path_params["session"]
        done = await self._done(lambda tx: service.revoke(tx, act, session))
        return done if isinstance(done, Refusal) else RevokedOne(done.outcome, session, len(done.sessions))

    async def _revoke_all(self, request: Request) -> Answered:
        act = _act(await given(request, RevokeWanted))
        user = request.path_params["user"]
        if isinstance(act, Refusal):
            return act
        if not await self._knows(user):
            return Refusal(Code.SUBJECT_NOT_FOUND)
        done = await self._done(lambda tx: service.revoke_all(tx, act, user))
        return RevokedAll(done.outcome, user, len(done.sessions), list(done.sessions))

    async def _block(self, request: Request) -> Answered:
        wanted = await given(request, BlockWanted)
        act = _act(wanted)
        if isinstance(wanted, Refusal) or isinstance(act, Refusal):
            return wanted if isinstance(wanted, Refusal) else act
        if (wanted.user_id is None) is (wanted.email is None):
            return malformed("one_subject")
        if wanted.user_id is not None:
            return await self._block_subject(Subject(SubjectKind.USER_ID, wanted.user_id.strip()), act)
        address = (wanted.email or "").strip()
        if normalise_email(address) is None:
            return malformed("bad_address")
        return await self._block_subject(Subject(SubjectKind.EMAIL, address), act)

    async def _block_subject(self, subject: Subject, act: Act) -> Answered:
        named = await blocking.tell(self.directory, self.scope, act, subject)
        if isinstance(named, Refusal):
            return named
        done = await self._done(lambda tx: blocking.block(tx, self.keyring, act, subject, named))
        return done if isinstance(done, Refusal) else _blocked(done, subject.kind.value, subject.value)

    async def _knows(self, user: str) -> bool:
        if not clean(user):
            return False
        known = await self.vault.read(self.scope, lambda tx: identities.is_known(tx, user))
        return known or (self.directory is not None and await self.directory.exists(self.scope, user))

    async def _done(self, use_case: Callable[[Tx], Any]) -> Any:  # noqa: ANN401 - an acknowledgement, or a refusal
        done = await self.vault.transact(self.scope, use_case)
        if isinstance(done, Acknowledgement) and done.sessions:
            await self.publish(done.sessions)
        return done


def _route(path: str, answer: Callable[[Request], Awaitable[Answered]], method: str) -> Route:
    async def told(request: Request) -> Response:
        answered = await answer(request)
        if isinstance(answered, Refusal):
            return device_problem(answered)
        headers = {"cache-control": "no-store"}
        return Response(msgspec.json.encode(answered), headers=headers, media_type="application/json")

    return guarded(f"{_BASE}{path}", told, (method,))


def _act(wanted: RevokeWanted | BlockWanted | Refusal) -> Act | Refusal:
    """Return the act that a body asks for; a reason, a kind of actor or an id is a word that operators can read."""
    if isinstance(wanted, Refusal):
        return wanted
    reason, kind, id_ = wanted.reason_code.strip(), wanted.actor.type.strip(), (wanted.actor.id or "").strip()
    given = {"reason_code": reason, "actor.type": kind} | ({} if wanted.actor.id is None else {"actor.id": id_})
    unfit = next((name for name, word in given.items() if not visible(word)), "")
    if unfit:
        return malformed("bad_fields", unfit)
    return Act(_PEER, Actor(kind, id_), reason)


def _blocked(done: Acknowledgement, kind: str, value: str) -> Blocked:
    return Blocked(done.outcome, kind, value, len(done.sessions), list(done.sessions))


def _shown(found: DeviceSession) -> SessionShown:
    return SessionShown(
        device_session_id=found.id,
        user_id=found.person,
        client_public_key=found.client_public_key,
        status=found.status.value,
        created_at=instant(found.created_at),
        expires_at=instant(found.expires_at) if found.expires_at else "",
        revoked_at=instant(found.revoked_at) if found.revoked_at else "",
        revoke_reason_code=found.reason,
        revoke_actor_type=found.actor.type,
        revoke_actor_id=found.actor.id,
    )
