"""The public listener on the hosts of services: it answers under `/.ostiary/` there, and nowhere else (ruling 15).

`sign-in` begins in this browser and leads to the sign-in page, `land` comes back from there with a one-time code and
sets the service's cookie, `sign-out` ends the session behind it.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import sha256
from html import escape
from urllib.parse import urlencode

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Asked

from ostiary.gateway import landing
from ostiary.gateway.onward import BEGIN, LAND, Onward
from ostiary.gateway.passes import Passes
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, EventName, Scope
from ostiary.login.browser import browser_cookie
from ostiary.services.destinations import Destination, is_path, scheme_of
from ostiary.services.model import Service
from ostiary.sessions import service as sessions
from ostiary.sessions.guard import browser_of, cookies_of, hashed
from ostiary.sessions.model import EndReason
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault
from ostiary.web.address import Network
from ostiary.web.catalogue import CATALOGUE
from ostiary.web.cookies import SERVICE, Twice, clear_cookie, find_cookie, set_cookie
from ostiary.web.door import Recorder, same_origin
from ostiary.web.problems import problem

__all__ = ["Entrance", "EntranceRules"]

_UNDER = "/.ostiary/"
_SERVICE = f"{SERVICE}=".encode()
_FRESH = {"cache-control": "no-store"}
_PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>{body}</html>'


class EntranceRules(msgspec.Struct, frozen=True):
    """What the entrance stands on."""

    onward: Onward
    scope: Scope
    sessions: sessions.Rules
    passes: Passes
    vault: Vault
    recorder: Recorder
    trusted: tuple[Network, ...]


class Entrance:
    """ASGI application around the public one."""

    def __init__(self, rules: EntranceRules, public: ASGIApp) -> None:
        self._rules, self._public = rules, public
        self._table: dict[str, dict[str, Callable[[Request, Service], Awaitable[Response | Refusal]]]] = {
            BEGIN: {"GET": self._begin},
            LAND: {"GET": self._land},
            "/.ostiary/sign-out": {"GET": self._ask_out, "POST": self._sign_out},
        }

    async def __call__(self, scope: Asked, receive: Receive, send: Send) -> None:
        """Answer on the hosts of services; hand everything on the origin's own host to the pages there."""
        answer: ASGIApp | Response = self._public
        if scope["type"] == "http":
            request = Request(scope, receive)
            try:
                answer = await self._answer(request) or self._public
            except StoreUnavailable as fault:
                answer = problem(Refusal(Code.STORE_UNAVAILABLE, retry_after=fault.retry_after), "-")
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response | None:
        """Return the answer of a service's host, None where the request is for the origin's own pages."""
        path, host = request.scope["path"], _host(request)
        if host == self._rules.onward.own:
            return self._home(request) if path == BEGIN else None
        service = await self._rules.onward.service(host)
        if service is None:
            return problem(Refusal(Code.HOST_REFUSED), "-") if path.startswith(_UNDER) else None
        methods = self._table.get(path)
        if methods is None:
            return problem(Refusal(Code.ROUTE_UNKNOWN), "-")
        handler = methods.get(request.method)
        if handler is None:
            made = problem(Refusal(Code.METHOD_NOT_ALLOWED), "-")
            made.headers["allow"] = ", ".join(methods)
            return made
        outcome = await handler(request, service)
        return _refusal_page(request, outcome) if isinstance(outcome, Refusal) else outcome

    def _home(self, request: Request) -> Response:
        """Begin on the origin's own host: its cookie is there already, so no code is needed."""
        to = f"{self._rules.onward.origin}{_wish(request)}"
        return RedirectResponse(f"/sign-in?{urlencode({'return_to': to})}", 303, _FRESH)

    async def _begin(self, request: Request, service: Service) -> Response:
        rules, host = self._rules, _host(request)
        held = browser_of(rules.sessions.keyring, rules.scope.tenant, cookies_of(request.headers))
        browser, cookie = browser_cookie(rules.sessions.keyring, rules.onward.secrets, rules.scope, held)
        to = Destination(scheme_of(host, rules.onward.origin), host, _wish(request))
        query = urlencode({"return_to": to.url, "browser": _digest(browser)})
        return RedirectResponse(f"{rules.onward.origin}/sign-in?{query}", 303, _FRESH | {"set-cookie": cookie})

    async def _land(self, request: Request, service: Service) -> Response | Refusal:
        rules, tenant = self._rules, self._rules.scope.tenant
        caller = self._caller(request)
        held = browser_of(rules.sessions.keyring, tenant, cookies_of(request.headers))
        code = landing.open_code(rules.sessions.keyring, tenant, request.query_params.get("code", ""))
        outcome: landing.Landed | Refusal
        if isinstance(code, Refusal):
            outcome = code
        else:
            act = partial(landing.land, rules=rules.sessions, caller=caller, code=code, host=_host(request))
            outcome = await rules.vault.transact(rules.scope, partial(act, browser=_digest(held)))
        if isinstance(outcome, Refusal):
            if not outcome.receipt:
                await rules.recorder.refused(rules.scope, EventName.SERVICE_ENTER, caller, outcome)
            return outcome
        made = RedirectResponse(outcome.path, 303, _FRESH)  # the pre-login cookie stays: another tab may be on its way
        made.headers.append("set-cookie", set_cookie(SERVICE, outcome.cookie, outcome.seconds))
        return made

    async def _ask_out(self, request: Request, service: Service) -> Response:
        button = '<form method="post"><button>Sign out everywhere</button></form>'
        return HTMLResponse(_PAGE.format(title="Sign out?", body=button), headers=_FRESH)

    async def _sign_out(self, request: Request, service: Service) -> Response | Refusal:
        """End the session behind the service's cookie: all that came from it ends with it."""
        rules, host = self._rules, _host(request)
        if not _from_here(request.headers, f"{scheme_of(host, rules.onward.origin)}://{host}"):
            return Refusal(Code.ORIGIN_REFUSED)
        try:
            value = find_cookie(cookies_of(request.headers), _SERVICE) or b""
        except Twice:
            value = b""
        found = await rules.passes.find(value, service, [host.encode("latin-1")])
        if not isinstance(found, Refusal):
            out = partial(_end, caller=self._caller(request), session=found.parent)
            await rules.vault.transact(rules.scope, out)
        body = '<p>The session has ended, here and everywhere.</p><p><a href="/">Back</a></p>'
        made = HTMLResponse(_PAGE.format(title="Signed out", body=body), headers=_FRESH)
        made.headers.append("set-cookie", clear_cookie(SERVICE))
        return made

    def _caller(self, request: Request) -> Caller:
        rules, peer = self._rules, request.client.host if request.client else ""
        return hashed(rules.sessions.keyring, rules.trusted, rules.scope.tenant, peer, request.headers)


def _end(tx: Tx, caller: Caller, session: str) -> None:
    found = sessions.find(tx, session)
    if not isinstance(found, Refusal):
        acting = msgspec.structs.replace(caller, actor=found.person, session=found.id)
        sessions.end(tx, acting, found.id, EndReason.SIGNED_OUT)


def _from_here(headers: Headers, origin: str) -> bool:
    """Tell whether a form of this very host was sent.

    NOTE: under `Referrer-Policy: no-referrer` a form's Origin is `null` (Fetch, section 3.2), so there Sec-Fetch-Site
    decides, which no page can forge; a sandboxed page elsewhere is `null` too, but `cross-site`.
    """
    if headers.getlist("origin") == ["null"]:
        return headers.getlist("sec-fetch-site") == ["same-origin"]
    return same_origin(headers, origin)


def _host(request: Request) -> str:
    return request.headers.get("host", "").lower()


def _wish(request: Request) -> str:
    """Return the page, of the host that was asked, to come back to; the start page where none is named."""
    to = request.query_params.get("to", "/")
    return to if is_path(to) else "/"


def _digest(browser: str) -> str:
    """Return what stands for a browser in addresses: SHA-256 in hex of its pre-login id, "" where there is none."""
    return sha256(browser.encode()).hexdigest() if browser else ""


def _refusal_page(request: Request, refusal: Refusal) -> Response:
    made = problem(refusal, "-")
    if "text/html" not in request.headers.get("accept", ""):
        return made
    entry = CATALOGUE[refusal.code]
    words = f"<p>{escape(entry.message)} {escape(entry.remedy)}</p>"
    body = f'{words}<p><a href="{BEGIN}">Sign in</a></p>'
    return HTMLResponse(_PAGE.format(title="That did not work", body=body), made.status_code, _FRESH)
