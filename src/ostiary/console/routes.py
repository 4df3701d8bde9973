"""The routes of the pages. A page changes nothing; what its script sends goes through the operations."""

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ostiary.access import service as access
from ostiary.console.model import PasskeyRow, PresenceAsked, SessionRow, Ways
from ostiary.console.pages import Pages
from ostiary.console.remedies import REMEDIES, lacking
from ostiary.console.returns import Returns
from ostiary.identities import service as identities
from ostiary.identities.model import METHODS
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Mode, Scope
from ostiary.login.account import passkey_views
from ostiary.passkeys import service as passkeys
from ostiary.presence import purposes
from ostiary.presence.model import Approval, Minimum
from ostiary.recovery import model as recovery
from ostiary.recovery.routes import view as recovery_view
from ostiary.sessions import own, service
from ostiary.sessions.guard import SessionGuard
from ostiary.sessions.liveness import Entry
from ostiary.sessions.model import Living
from ostiary.sessions.routes import SessionView, csrf_cookie, view
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault
from ostiary.web.catalogue import CATALOGUE, FAULT, cause, entry_of
from ostiary.web.decode import decode_query
from ostiary.web.description import Description
from ostiary.web.device import device_misrouted, speaks_device
from ostiary.web.front import REQUEST_ID
from ostiary.web.problems import INTERNAL_ERROR, internal_fault, problem, unable

__all__ = ["Console"]

_DEVICE = "device"
_FACTORS = {
    "passkey": "A passkey, unlocked on the device",
    "email_code": "A code from a letter to your address",
    "invitation": "A one-time link and a new passkey",
    "administrator": "A token that an administrator issued",
    "operator": "A token that an operator issued",
}
_FOREVER = {"cache-control": "public, max-age=31536000, immutable"}
_FRESH = {"cache-control": "no-store"}
_HANDHELD = (" on Android", " on iPhone", " on iPad")
_PASSKEY, _MAILED = METHODS
_PRESENCE = "/presence?"
_STATUS_CODES = {404: Code.ROUTE_UNKNOWN, 405: Code.METHOD_NOT_ALLOWED, 503: Code.STORE_UNAVAILABLE}


class Console(msgspec.Struct, frozen=True):
    """Renders the pages.

    `administered` is set once somebody was seen to administer: the door asks the store no more.
    """

    pages: Pages
    scope: Scope
    vault: Vault
    guard: SessionGuard
    sessions: service.Rules
    passkeys: passkeys.Rules
    ways: Ways
    description: Description
    returns: Returns
    recovery: recovery.Rules
    administered: asyncio.Event = msgspec.field(default_factory=asyncio.Event)

    def routes(self) -> list[Route]:
        """Return every page's route."""
        return [
            Route("/", self.start),
            Route("/sign-in", self.sign_in),
            Route("/enrol", self.enrol),
            Route("/account", self.account),
            Route("/presence", self.presence),
            Route("/signed-out", self.signed_out),
            Route("/recovery", self.recover),
            Route("/recovery/code", self.recover),
            Route("/recovery/cancel", self.recovery_undo),
            Route("/recovery/contest", self.recovery_undo),
            Route("/docs", self.docs),
            Route("/docs/refusals", self.refusals),
            Route("/docs/api", self.api),
            Route("/openapi.json", self.document),
            Route("/static/{name}", self.asset),
        ]

    async def start(self, request: Request) -> Response:
        """Send a person to where they belong."""
        return RedirectResponse("/account", 303)

    async def sign_in(self, request: Request) -> Response:
        """Show the door, or lead on; a reason is shown only in words that the template knows.

        Whoever came to the page of presence goes on there; a service's own page must be at a registered host.
        """
        asked = request.query_params
        wish, browser, following = asked.get("return_to", ""), asked.get("browser", ""), asked.get("next", "")
        following = following if following.startswith(_PRESENCE) and await self.returns.place(following) else "/account"
        known = bool(wish) and await self.ways.known(wish)
        entry = await self._look(request)
        if isinstance(entry, Entry):
            onward = await self.ways.onward(wish, browser, entry.session) if known else following
            return RedirectResponse(onward, 303, _FRESH)
        again = f"/sign-in?{urlencode({'return_to': wish, 'browser': browser})}"
        reason = "unknown_return" if wish and not known else asked.get("reason")
        unset = await self._without_administrator()
        methods = await self._methods()
        return self._page("sign_in", next=again if known else following, reason=reason, unset=unset, methods=methods)

    async def enrol(self, request: Request) -> Response:
        """Show the page of a one-time link; the token is in the fragment, which the server never sees."""
        return self._page("enrol")

    async def account(self, request: Request) -> Response:
        """Show sessions and passkeys of the person who is signed in."""
        entry = await self._look(request)
        if isinstance(entry, Refusal):
            return _to_the_door(entry)
        shown, now = await self.vault.read(self.scope, lambda tx: (self._account(tx, entry.session), tx.now))
        return self._own(entry, now, "account", shown)

    async def presence(self, request: Request) -> Response:
        """Ask for presence on behalf of a service: a declared purpose in its own words, and one way back."""
        asked = decode_query(request.scope["query_string"], PresenceAsked)
        if isinstance(asked, Refusal):
            return self.failure(request, asked, lacking(request.query_params, "purpose", "return_to"))
        place = await self.returns.place(asked.return_to)
        if place is None:
            return self.failure(request, Refusal(Code.RETURN_REFUSED))
        entry = await self._look(request)
        if isinstance(entry, Refusal):
            return _to_the_door(entry, next=f"{_PRESENCE}{request.url.query}")
        shown, now = await self.vault.read(
            self.scope, lambda tx: (self._presence(tx, entry.session, asked, place), tx.now)
        )
        if isinstance(shown, Refusal):
            return self.failure(request, shown)
        return self._own(entry, now, "presence", shown)

    async def signed_out(self, request: Request) -> Response:
        """Say that the session has ended, to those for whom it has."""
        if isinstance(await self._look(request), Entry):
            return RedirectResponse("/account", 303, _FRESH)
        return self._page("signed_out")

    async def recover(self, request: Request) -> Response:
        """Show the way back for somebody who lost every passkey; a code is in the fragment, which no server sees."""
        fixture = self.scope.mode is Mode.FIXTURE
        return self._page("recovery", tenant=f"tenant_node:{self.scope.tenant}", fixture=fixture)

    async def recovery_undo(self, request: Request) -> Response:
        """Show what the link of a notice does; only the button does it."""
        act = "contest" if request.url.path.endswith("/contest") else "cancel"
        return self._page("recovery_undo", act=act, tenant=f"tenant_node:{self.scope.tenant}")

    async def docs(self, request: Request) -> Response:
        """Lead on to the first page of the documentation."""
        return RedirectResponse("/docs/api", 303)

    async def refusals(self, request: Request) -> Response:
        """Show the catalogue of refusals."""
        rows = [
            {"code": code.value, "status": entry.status, "meaning": entry.message, "action": entry.remedy}
            for code, entry in sorted(CATALOGUE.items())
        ]
        return self._page("refusals", refusals=rows)

    async def api(self, request: Request) -> Response:
        """Show the operations in readable form."""
        return self._page("operations", operations=await self.description.rows(), openapi_url="/openapi.json")

    async def document(self, request: Request) -> Response:
        """Serve the OpenAPI document."""
        return Response(await self.description.document(), media_type="application/json")

    async def asset(self, request: Request) -> Response:
        """Serve a static file, for ever where its version is named."""
        asset = self.pages.assets.get(request.path_params["name"])
        if asset is None:
            return self.failure(request, Refusal(Code.ROUTE_UNKNOWN))
        headers = (_FOREVER if request.query_params.get("v") == asset.version else {}) | {"etag": asset.etag}
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        return Response(asset.body, headers=headers, media_type=asset.content_type)

    async def on_http_exception(self, request: Request, fault: Exception) -> Response:
        """Answer for what the router refuses: an unknown address, a wrong method."""
        status = fault.status_code if isinstance(fault, HTTPException) else 404
        if speaks_device(request.url.path):
            return device_misrouted(status, {})
        made = self.failure(request, Refusal(_STATUS_CODES.get(status, Code.REQUEST_MALFORMED)))
        if isinstance(fault, HTTPException) and fault.headers:
            made.headers.update(fault.headers)
        return made

    async def on_store_unavailable(self, request: Request, fault: Exception) -> Response:
        """Answer for a store that cannot, on a page."""
        told = fault if isinstance(fault, StoreUnavailable) else StoreUnavailable("")
        return self.failure(request, unable(told, path=request.url.path, request_id=_id(request)))

    async def on_fault(self, request: Request, fault: Exception) -> Response:
        """Answer for a broken contract of ours; what broke is logged in front, and told to nobody."""
        return self._shown(request, internal_fault(_id(request)), None)

    def failure(self, request: Request, refusal: Refusal, detail: str = "") -> Response:
        """Show a refusal as a page to those who read pages, with what more is known of it, else as a problem."""
        return self._shown(request, problem(refusal, _id(request)), refusal, detail)

    def _shown(self, request: Request, made: Response, refusal: Refusal | None, detail: str = "") -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return made
        entry = entry_of(refusal) if refusal else FAULT
        remedy = REMEDIES.get(refusal.code, entry.remedy) if refusal else entry.remedy
        shown = {"title": entry.message.rstrip("."), "message": detail or entry.message, "action": remedy}
        shown |= {"code": refusal.code if refusal else INTERNAL_ERROR, "request_id": _id(request)}
        html = self.pages.render("error", status=entry.status, **shown)
        kept = {name: value for name, value in made.headers.items() if name in {"retry-after", "cache-control"}}
        return Response(html, entry.status, kept, media_type="text/html")

    async def _without_administrator(self) -> bool:
        """Tell whether nobody administers this yet; a store that cannot answer keeps nobody from the door."""
        if self.administered.is_set():
            return False
        with suppress(StoreUnavailable):
            if not await self.vault.read(self.scope, access.has_administrator):
                return True
            self.administered.set()
        return False

    async def _methods(self) -> tuple[str, ...]:
        """Return what the tenant offers now; where the store cannot answer, all that there is: who begins is told."""
        with suppress(StoreUnavailable):
            return await self.vault.read(self.scope, identities.offered)
        return METHODS

    async def _look(self, request: Request) -> Entry | Refusal:
        peer = request.client.host if request.client else ""
        return await self.guard.look(self.scope, peer, request.headers)

    def _account(self, tx: Tx, session: Living) -> dict[str, Any]:
        person = identities.find_person(tx, self.sessions.keyring, session.person)
        living = [view(self.sessions, s, session.id) for s in own.living(tx, self.sessions, session.person)]
        kept = [PasskeyRow(**msgspec.structs.asdict(row)) for row in passkey_views(tx, self.passkeys, session.person)]
        title = person.title if person else ""
        shown = recovery_view(tx, self.recovery, session.person)
        mailed = bool(person and person.email) and identities.offers(tx, _MAILED)
        rows = [_session_row(row) for row in living]
        return {"name": title, "sessions": rows, "passkeys": kept, "recovery": shown, "mailed": mailed}

    def _presence(self, tx: Tx, session: Living, asked: PresenceAsked, place: str) -> dict[str, Any] | Refusal:
        rule = purposes.found_for_service(tx, asked.purpose)
        if isinstance(rule, Refusal):
            return rule
        unfit = Approval(asked.purpose, operation=asked.operation, says=asked.says).unfit(rule)
        if unfit is not None:
            return unfit
        person = identities.find_person(tx, self.sessions.keyring, session.person)
        holds, offered = bool(passkeys.list_of(tx, session.person)), identities.offered(tx)
        suffices = rule.minimum is Minimum.ANY or not holds
        return {
            "title": rule.title,
            "name": person.title if person else "",
            "able": holds and _PASSKEY in offered,
            "mailed": suffices and _MAILED in offered and bool(person and person.email),
            "place": place,
            "back": place.removeprefix(self.returns.origin).partition("?")[0],
            "purpose": rule.name,
            "operation": asked.operation,
            "says": asked.says,
        }

    def _own(self, entry: Entry, now: int, template: str, shown: dict[str, Any]) -> Response:
        """Show a page of the person who is signed in, which may act in their name."""
        made = self._page(template, **shown)
        made.headers.append("set-cookie", csrf_cookie(self.sessions, entry.session, now)[1])
        self.guard.liveness.slide(entry)
        return made

    def _page(self, template: str, **context: object) -> Response:
        html = self.pages.render(template, origin=self.returns.origin, **context)
        return Response(html, headers=_FRESH, media_type="text/html")


def _id(request: Request) -> str:
    return str(request.scope.get(REQUEST_ID, "-"))


def _to_the_door(refusal: Refusal, **query: str) -> Response:
    told = query if refusal.code is Code.SESSION_MISSING else {"reason": cause(refusal), **query}
    return RedirectResponse(f"/sign-in?{urlencode(told)}".removesuffix("?"), 303)


def _session_row(shown: SessionView) -> SessionRow:
    return SessionRow(
        id=shown.id,
        label=shown.label,
        handheld=shown.kind == _DEVICE or shown.label.endswith(_HANDHELD),
        current=shown.current,
        factor_text=_FACTORS.get(shown.alive_because, shown.alive_because),
        created_at=shown.created_at,
        last_seen_at=shown.last_seen_at,
        expires_at=shown.absolute_expires_at,
    )
