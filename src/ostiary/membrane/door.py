"""The membrane's door: who calls, in which tenant, through which gates; every crossing in one transaction."""

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.identities.model import Tenant
from ostiary.kernel.clock import Clock
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Scope
from ostiary.membrane.callers import Callers
from ostiary.membrane.crossing import Crossing, Desk
from ostiary.membrane.gates import passed, well_named
from ostiary.membrane.model import Kind, Who
from ostiary.membrane.table import Row
from ostiary.membrane.witness import Raw, Witness
from ostiary.sessions import service as sessions
from ostiary.sessions.model import Session
from ostiary.storage.tx import Tx
from ostiary.web.address import Network, client_address
from ostiary.web.decode import decode_body, malformed, parse_json
from ostiary.web.door import Guard, Knock, Recorder, knock_of, read_body, same_origin
from ostiary.web.envelope import Envelope, refused
from ostiary.web.front import REQUEST_ID
from ostiary.web.problems import internal_fault

__all__ = ["MembraneDoor"]

_LOG = structlog.get_logger("ostiary.membrane")


class MembraneDoor(msgspec.Struct, frozen=True):
    """Turns the membrane's operations into routes. `scope` is the server's own tenant, for what names no other."""

    origin: str
    scope: Scope
    desk: Desk
    callers: Callers
    guard: Guard
    recorder: Recorder
    clock: Clock
    trusted: tuple[Network, ...] = ()
    patience: float = 10.0

    def routes(self, rows: Iterable[Row]) -> list[Route]:
        """Return one route per operation."""
        return [Route(row.operation.path, self._endpoint(row), methods=[row.operation.method]) for row in rows]

    def _endpoint(self, row: Row) -> Any:  # noqa: ANN401 - Starlette's own type of an endpoint
        async def endpoint(request: Request) -> Response:
            request_id, ticks = str(request.scope.get(REQUEST_ID, "-")), asyncio.get_running_loop().time
            due = ticks() + row.pace
            try:
                answer = await self._pass(row, request, request_id)
                await asyncio.sleep(max(0.0, due - ticks()))
                return answer
            except StoreUnavailable as fault:
                _LOG.warning("store_unavailable", operation=row.operation.name, request_id=request_id)
                unable = Refusal(Code.STORE_UNAVAILABLE, retry_after=fault.retry_after)
                return refused(row.operation.name, unable, self.scope.mode, request_id)
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception:  # noqa: BLE001 - whatever broke, the caller learns nothing but a request id
                _LOG.exception("internal_fault", operation=row.operation.name, request_id=request_id)
                return internal_fault(request_id)

        return endpoint

    async def _pass(self, row: Row, request: Request, request_id: str) -> Response:
        value = await self._read(row, request)
        who = await self._who(request, value)
        tenant = await self.callers.tenant(who.tenant) if isinstance(who, Who) else None
        scope = Scope(tenant.id, tenant.mode) if tenant else self.scope
        knock = knock_of(row.operation, scope, request_id, request, value)
        caller = self.guard.identify(knock)
        if isinstance(who, Refusal) or tenant is None:
            outcome: Envelope[Any] | Refusal = who if isinstance(who, Refusal) else Refusal(Code.CROSS_TENANT_ACCESS)
        else:
            caller = _named(caller, who)
            outcome = await self._served(row, knock, tenant, who, caller, value)
        if isinstance(outcome, Refusal):
            event = row.operation.event
            told = outcome if outcome.receipt else await self.recorder.refused(scope, event, caller, outcome)
            return refused(row.operation.name, told, scope.mode, request_id)
        made = Response(msgspec.json.encode(outcome), 200, {"cache-control": "no-store"}, media_type="application/json")
        cookie = self.callers.cookie(who) if isinstance(who, Who) else ""
        if cookie:
            made.headers.append("set-cookie", cookie)
        return made

    async def _read(self, row: Row, request: Request) -> Any:  # noqa: ANN401 - JSON is any value
        """Read a body; one that is not there says nothing."""
        raw = await read_body(request, self.patience)
        if isinstance(raw, Refusal):
            return raw
        if not raw and row.empty:
            return {}
        value = parse_json(raw, request.headers.get("content-type", ""))
        return value if isinstance(value, dict | Refusal) else malformed("no_object")

    async def _who(self, request: Request, value: Any) -> Who | Refusal:  # noqa: ANN401 - JSON is any value
        if isinstance(value, Refusal):
            return value
        return await self.callers.who(request.headers, value)

    async def _served(
        self, row: Row, knock: Knock, tenant: Tenant, who: Who, caller: Caller, value: dict[str, Any]
    ) -> Envelope[Any] | Refusal:
        if not any(same_origin(knock.headers, one) for one in (self.origin, *tenant.origins)):
            return Refusal(Code.ORIGIN_REFUSED)
        entitled = self.callers.entitled(row.operation.audience, who, value)
        refusal = entitled or passed(row.gates, value, tenant.mode) or well_named(value)
        if refusal is not None:
            return refusal
        body = decode_body(value, row.operation.request)
        if isinstance(body, Refusal):
            return body
        raw = Raw(
            address=client_address(knock.peer, knock.headers.getlist("x-forwarded-for"), self.trusted),
            agent=knock.headers.get("user-agent", ""),
            biometric=value.get("contains_biometric_material", False) is not False,
            private_key=value.get("private_key_material_supplied", False) is not False,
        )

        def use_case(tx: Tx) -> Envelope[Any] | Refusal:
            witness = Witness(tx, raw, self.desk.locator)
            witness.saw("token", who.token.encode())
            acting = _acting(tx, who, caller)
            return row.use_case(Crossing(tx, self.desk, row.operation.name, tenant, who, acting, body, witness))

        outcome = await self.desk.vault.transact(knock.scope, use_case)
        if who.kind is Kind.SESSION and not isinstance(outcome, Refusal):
            self.desk.sessions.seen.note(who.id, self.clock())  # only what ended well slides the idle time (ruling 57)
        return outcome


def _named(caller: Caller, who: Who) -> Caller:
    """Say who the credential is, for receipts; a session's person is read inside its transaction."""
    if who.kind in {Kind.CLIENT, Kind.OPERATOR}:
        return msgspec.structs.replace(caller, actor=f"{who.kind.value}:{who.id}")
    return msgspec.structs.replace(caller, session=who.id) if who.kind is Kind.SESSION else caller


def _acting(tx: Tx, who: Who, caller: Caller) -> Caller:
    found = sessions.find(tx, who.id) if who.kind is Kind.SESSION else None
    return msgspec.structs.replace(caller, actor=found.person) if isinstance(found, Session) else caller
