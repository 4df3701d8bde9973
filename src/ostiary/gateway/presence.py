"""`POST /presence/consume`: a service shows the receipt of presence that its caller handed it, once.

Whose receipt it is, is proved by the caller's session cookie, or by the caller reference that the check gave to
the same service. A raw session id proves nothing.
"""

import hmac
from functools import partial
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.gateway.check import Check
from ostiary.gateway.guarded import given, guarded
from ostiary.gateway.teller import Teller, wanted
from ostiary.invocation.references import caller_reference
from ostiary.kernel.clock import SECOND, instant
from ostiary.kernel.ids import is_id
from ostiary.kernel.mac import mac
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName, Scope
from ostiary.keys.model import Purpose
from ostiary.login.service import show_presence
from ostiary.presence import purposes
from ostiary.presence import service as presence
from ostiary.presence.model import Approval, Minimum, PurposeRule
from ostiary.services.model import DEFAULT, Service
from ostiary.sessions import service as sessions
from ostiary.sessions.model import judge
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault
from ostiary.web.problems import problem

__all__ = ["ConsumeDesk", "Consumed", "ReceiptShown"]

_PHISHING_RESISTANT = "phr"  # OpenID Connect Extended Authentication Profile ACR Values 1.0, section 2


class ReceiptShown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a service shows: the receipt, and what it is about to do on the strength of it.

    `caller` is the reference of the check (32 hex digits), for a service that does not see the cookie.
    """

    purpose: Annotated[str, msgspec.Meta(max_length=64)]
    receipt: Annotated[str, msgspec.Meta(max_length=64)] = ""
    operation: Annotated[str, msgspec.Meta(max_length=71)] = ""
    says: Annotated[str, msgspec.Meta(max_length=200)] = ""
    caller: Annotated[str, msgspec.Meta(max_length=32)] = ""


class Consumed(msgspec.Struct, frozen=True):
    """The person was here: by which factor, when (RFC 3339, UTC), and the id of the log's receipt that says so."""

    purpose: str
    factor: str
    user_verified: bool
    proved_at: str
    recorded: str


Told = tuple[Consumed | Refusal, PurposeRule | None]


class ConsumeDesk(msgspec.Struct, frozen=True):
    """Answers services. `check` judges sessions and hosts, as it does for every other question of theirs."""

    vault: Vault
    scope: Scope
    rules: sessions.Rules
    check: Check
    teller: Teller

    def routes(self) -> list[Route]:
        """Return the routes of the internal listener; without a name, the service is `default`."""
        paths = ("/presence/consume", "/presence/consume/{service}")
        return [guarded(path, self._answer, ("POST",)) for path in paths]

    async def _answer(self, request: Request) -> Response:
        shown = await given(request, ReceiptShown)
        if isinstance(shown, Refusal):
            return problem(shown, "-")
        service = await self._service(request)
        if isinstance(service, Refusal):
            return problem(service, "-")
        caller = await self._caller(request, service, shown)
        if isinstance(caller, Refusal):
            return problem(caller, "-")
        told, rule = await self.vault.transact(self.scope, lambda tx: self._consume(tx, service, caller, shown))
        if isinstance(told, Refusal):
            return _hinted(problem(told, "-"), told, rule)
        return Response(msgspec.json.encode(told), headers={"cache-control": "no-store"}, media_type="application/json")

    async def _service(self, request: Request) -> Service | Refusal:
        asked = wanted(request.scope, request.path_params.get("service", DEFAULT.name))
        return asked if isinstance(asked, Refusal) else await self.teller.admit(asked)

    async def _caller(self, request: Request, service: Service, shown: ReceiptShown) -> Caller | Refusal:
        """Name the caller by the session cookie; where there is only a reference, the receipt names the session."""
        kept = (service.name, shown.purpose, shown.operation, shown.says, shown.caller)
        digest = mac(
            self.rules.keyring.active(self.scope.tenant, Purpose.DIGEST).secret, msgspec.json.encode(kept)
        ).hex()
        cookie, _ = self.check.read(request.scope)
        entry = await self.check.look(request.scope, cookie, service)
        if isinstance(entry, Refusal):
            referenced = entry.code is Code.SESSION_MISSING and shown.caller
            return Caller(digest=digest) if referenced else entry
        if entry.session.tenant != self.scope.tenant:
            return Refusal(Code.SESSION_INVALID, ("session_of_another_tenant",))
        return Caller(actor=entry.session.person, session=entry.session.id, digest=digest)

    def _consume(self, tx: Tx, service: Service, caller: Caller, shown: ReceiptShown) -> Told:
        approval = Approval(shown.purpose, operation=shown.operation, says=shown.says)
        rule = purposes.found_for_service(tx, shown.purpose)
        unfit = rule if isinstance(rule, Refusal) else approval.unfit(rule)
        subject = shown.receipt if is_id("hp", shown.receipt) else "-"
        refuse = partial(tx.refuse, EventName.PRESENCE_CONSUME)
        if unfit is not None:
            return refuse(caller, subject, unfit), None
        known = self._referenced(tx, service, caller, shown) if shown.caller and shown.receipt else caller
        if isinstance(known, Refusal):
            return refuse(caller, subject, known), None
        if not shown.receipt:
            return refuse(caller, subject, Code.PRESENCE_REQUIRED), rule if isinstance(rule, PurposeRule) else None
        used = show_presence(tx, known, shown.receipt, shown.purpose, commitment=approval.commitment)
        if isinstance(used, Refusal):
            return refuse(known, subject, used), None
        recorded = tx.emit(Event(EventName.PRESENCE_CONSUME, known, used.id, reasons=(shown.purpose, service.name)))
        return Consumed(shown.purpose, used.factor, used.user_verified, instant(used.proved_at), recorded), None

    def _referenced(self, tx: Tx, service: Service, caller: Caller, shown: ReceiptShown) -> Caller | Refusal:
        """Compare the service's reference with the cookie's session, or else with the receipt's own.

        Where both are there they agree: a reference and a receipt of a thief's own do nothing for a stolen cookie.
        """
        found = (caller.actor, caller.session) if caller.session else presence.holder(tx, shown.receipt)
        key = self.rules.keyring.active(self.scope.tenant, Purpose.CALLER).secret
        reference = caller_reference(key, service.scope_id, found[1]) if found else ""
        if found is None or not hmac.compare_digest(reference.encode(), shown.caller.encode()):
            return Refusal(Code.PRESENCE_REFUSED, ("presence_of_another_caller",))
        session = sessions.find(tx, found[1])
        if isinstance(session, Refusal):
            return session
        dead = judge(self.rules.seen.refreshed(session), tx.now, self.rules.settings)
        if dead is not None:
            return Refusal(dead, subject=session.id)
        return msgspec.structs.replace(caller, actor=found[0], session=found[1])


def _hinted(made: Response, refusal: Refusal, rule: PurposeRule | None) -> Response:
    """Say how old and how strong the proof must be (RFC 9470 section 3)."""
    if refusal.code is Code.PRESENCE_REQUIRED and rule is not None:
        hints = f', max_age="{rule.life // SECOND}"'
        strong = f', acr_values="{_PHISHING_RESISTANT}"' if rule.minimum is Minimum.PASSKEY else ""
        made.headers["www-authenticate"] += hints + strong
    return made
