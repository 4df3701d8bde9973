"""A stand-in for the server behind the pages: the console's JSON contract, kept in memory, passkeys really verified."""

import json
import threading
from contextlib import contextmanager

import uvicorn
import webauthn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from webauthn.helpers import structs

from ostiary.console.model import PasskeyRow, SessionRow
from ostiary.console.pages import Pages

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
WHEN = "2026-11-21T{}:05:00Z"
CSRF = "csrf-of-the-stub"
REFUSALS = [
    {
        "code": "login_refused",
        "status": 401,
        "meaning": "The proof was not accepted.",
        "action": "Try again, or use another passkey.",
    },
    {
        "code": "passkey_last_way_in",
        "status": 409,
        "meaning": "Without this passkey the person could not sign in any more.",
        "action": "Add another passkey first.",
    },
    {
        "code": "store_unavailable",
        "status": 503,
        "meaning": "The server cannot read its own records at the moment.",
        "action": "Try again in a moment.",
    },
]
OPERATIONS = [
    {
        "id": "login-passkey-finish",
        "method": "POST",
        "path": "/login/passkey/finish",
        "summary": "Prove who you are with a passkey and open a session.",
        "audience": "everyone",
        "request": [
            {"name": "attempt", "type": "string", "required": True, "text": "As given by the beginning."},
            {"name": "credential", "type": "object", "required": True, "text": "What the browser made."},
        ],
        "response": [
            {"name": "session", "type": "object", "required": True, "text": ""},
            {"name": "next", "type": "string", "required": False, "text": "Where to go now."},
        ],
        "refusals": ["login_refused", "store_unavailable"],
    },
    {
        "id": "sessions-end-others",
        "method": "DELETE",
        "path": "/api/v1/auth/sessions",
        "summary": "End all sessions but the one that asks.",
        "audience": "people who are signed in",
        "request": [],
        "response": [{"name": "revoked_count", "type": "integer", "required": True, "text": ""}],
        "refusals": [],
    },
]


def session(number, *, current=False, label="Firefox on Linux"):
    return SessionRow(
        id=f"ses-{number}",
        label=label,
        current=current,
        factor_text="Passkey, unlocked on the device",
        created_at=WHEN.format("08"),
        last_seen_at=WHEN.format("09"),
        expires_at=WHEN.format("16"),
    )


def refused(status, code, message):
    body = {"error": "refused", "message": message, "code": code, "request_id": "req-7f3a91c2"}
    return JSONResponse(body, status)


class Stub:
    """The state that tests look at and turn; `refuse` maps a path to the next answer it gives instead of working."""

    def __init__(self):
        self.pages = Pages("Example House")
        self.sessions = [
            session(1, current=True),
            session(2, label="Safari on iPhone"),
            session(3, label="Edge on Windows"),
        ]
        self.passkeys = {}
        self.keys = {}
        self.asked = {}
        self.presences = {}
        self.calls = []
        self.refuse = {}
        self.expires_in = 300
        self.origin = ""

    def rows(self):
        return [
            PasskeyRow(id=id_, label=label, created_at=WHEN.format("07"), last_used_at=None, synced=id_ != "pk-2")
            for id_, label in self.passkeys.items()
        ]

    # What a person sees

    def page(self, name, /, **context):
        return Response(self.pages.render(name, **context), media_type="text/html")

    async def sign_in(self, request):
        query = request.query_params
        return self.page("sign_in", next=query.get("return_to"), reason=query.get("reason"))

    async def enrol(self, request):
        return self.page("enrol")

    async def account(self, request):
        if request.query_params.get("ended") or not self.sessions:
            return RedirectResponse("/sign-in?reason=ended_elsewhere", 303)
        answer = self.page("account", name="Ann Example", sessions=self.sessions, passkeys=self.rows())
        answer.set_cookie("__Host-ostiary_csrf", CSRF, secure=True, samesite="lax")
        return answer

    async def other(self, request):
        contexts = {
            "signed-out": ("signed_out", {}),
            "error": (
                "error",
                {
                    "status": 503,
                    "title": "Back in a moment",
                    "message": "The server cannot read its own records right now, so nobody can be let in.",
                    "code": "store_unavailable",
                    "request_id": "req-7f3a91c2",
                    "action": "Wait a little, then load this page again.",
                },
            ),
            "refusals": ("refusals", {"refusals": REFUSALS}),
            "api": ("operations", {"operations": OPERATIONS, "openapi_url": "/openapi.json"}),
        }
        name, context = contexts[request.url.path.rpartition("/")[2]]
        return self.page(name, **context)

    async def static(self, request):
        asset = self.pages.assets[request.path_params["name"]]
        return Response(asset.body, media_type=asset.content_type, headers={"ETag": asset.etag})

    # What the pages ask

    async def answer(self, request):
        """One door for all JSON: log, planted refusal, CSRF, then the operation."""
        path, body = request.url.path, await request.body()
        self.calls.append(f"{request.method} {path}")
        if path in self.refuse:
            return refused(*self.refuse.pop(path))
        if path.startswith("/api/") and request.method != "GET" and request.headers.get("x-csrf-token") != CSRF:
            return refused(403, "csrf_refused", "The form is stale.")
        return self.operate(request, path, json.loads(body) if body else {})

    def operate(self, request, path, body):
        if path.endswith("/begin"):
            return self.begin(path, body)
        if path.endswith("/finish"):
            return self.finish(path, body)
        if path.startswith("/api/v1/auth/passkeys/"):
            return self.change_passkey(request, path.rpartition("/")[2], body)
        if path == "/auth/logout":
            return Response(status_code=204)
        if request.query_params.get("except") == "current":
            gone = [one for one in self.sessions if not one.current]
            self.sessions = [one for one in self.sessions if one.current]
            return JSONResponse({"revoked_count": len(gone)})
        if request.method == "DELETE":
            self.sessions = [one for one in self.sessions if one.id != path.rpartition("/")[2]]
            return Response(status_code=204)
        return JSONResponse({})

    def begin(self, path, body):
        if path.startswith("/enrolment") and body["token"] != "inv-good":
            return refused(403, "invitation_refused", "This invitation was used or is too old.")
        make = path.startswith(("/enrolment", "/api/v1/auth/passkeys"))
        options = creation() if make else request_options()
        attempt = f"att-{len(self.asked)}"
        self.asked[attempt] = (options.challenge, body)
        encoded = json.loads(webauthn.options_to_json(options))
        return JSONResponse({"attempt": attempt, "options": encoded, "expires_in": self.expires_in})

    def finish(self, path, body):
        challenge, asked = self.asked.pop(body["attempt"])
        expected = {
            "expected_challenge": challenge,
            "expected_origin": self.origin,
            "expected_rp_id": "localhost",
        }
        credential = body["credential"]
        if "attestationObject" in credential["response"]:
            if path.startswith("/api/") and self.presences.pop(body["presence"], None) != (
                "passkey.add",
                None,
            ):
                return refused(403, "presence_refused", "Show again that it is you.")
            made = webauthn.verify_registration_response(
                credential=credential, **expected, require_user_verification=True
            )
            id_ = f"pk-{len(self.passkeys) + 1}"
            self.keys[credential["id"]] = made.credential_public_key
            self.passkeys[id_] = body["label"]
            return JSONResponse({"id": id_, "next": "/account"}, 201 if path.startswith("/api/") else 200)
        if credential["id"] not in self.keys:
            return refused(401, "passkey_removed", "This passkey was removed.")
        webauthn.verify_authentication_response(
            credential=credential,
            **expected,
            credential_public_key=self.keys[credential["id"]],
            credential_current_sign_count=0,
            require_user_verification=True,
        )
        if "presence" in path:
            name = f"hp-{len(self.asked)}-{len(self.presences)}"
            self.presences[name] = (asked["purpose"], asked.get("subject"))
            return JSONResponse({"presence": name, "expires_at": "2999-01-01T00:00:00Z"})
        return JSONResponse({"session": {}, "next": "/account"})

    def change_passkey(self, request, id_, body):
        if request.method == "PATCH":
            self.passkeys[id_] = body["label"]
            return JSONResponse({"id": id_})
        if self.presences.pop(request.headers.get("ostiary-presence"), None) != ("passkey.remove", id_):
            return refused(403, "presence_refused", "Show again that it is you.")
        if len(self.passkeys) == 1:
            return refused(409, "passkey_last_way_in", "This is your last way in.")
        del self.passkeys[id_]
        return Response(status_code=204)

    def app(self):
        pages = {"/sign-in": self.sign_in, "/enrol": self.enrol, "/account": self.account}
        others = ["/signed-out", "/error", "/docs/refusals", "/docs/api"]
        routes = [Route(path, page) for path, page in pages.items()] + [Route(path, self.other) for path in others]
        routes += [
            Route("/static/{name}", self.static),
            Route("/{path:path}", self.answer, methods=["GET", "POST", "PATCH", "DELETE"]),
        ]
        return guarded(Starlette(routes=routes))


def creation():
    return webauthn.generate_registration_options(
        rp_id="localhost",
        rp_name="Example House",
        user_name="ann",
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
    )


def request_options():
    return webauthn.generate_authentication_options(
        rp_id="localhost", user_verification=structs.UserVerificationRequirement.REQUIRED
    )


def guarded(app):
    async def with_policy(scope, receive, send):
        async def send_with_policy(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", POLICY.encode())]
            await send(message)

        await app(scope, receive, send_with_policy)

    return with_policy


@contextmanager
def served(stub):
    """The stub on a free port of loopback, under the name that passkeys accept there."""
    server = uvicorn.Server(uvicorn.Config(stub.app(), host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    stub.origin = f"http://localhost:{port}"
    try:
        yield stub.origin
    finally:
        server.should_exit = True
        thread.join()
