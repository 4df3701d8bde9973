"""A stage for the membrane: tenants with people, passkeys and keys, and a caller that speaks the contract."""

import hashlib
import json
import secrets
from typing import Any, NamedTuple

from ostiary.access import clients, standings
from ostiary.access import service as access
from ostiary.identities import devices
from ostiary.identities import service as identities
from ostiary.identities.model import Tenant
from ostiary.kernel.ids import unb64url
from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import EventName, Mode, Scope
from ostiary.keys import service as keys
from ostiary.keys.model import Purpose
from ostiary.passkeys import bindings
from ostiary.passkeys.ceremony import Registered, RelyingParty
from ostiary.passkeys.service import Rules
from ostiary_client.authenticator import SoftPasskey
from tests.login.gatehouse import OPERATOR, call

SCOPES = ("invoice.issue", "invoice.read", "auth.session.inspect", "auth.session.refresh")
HASH = "sha256:" + "ab" * 32
DEVICE = "device_binding:test_browser"
RP, ORIGIN = "id.example.test", "https://id.example.test"


class Heard(NamedTuple):
    """One answer; `headers` has them all, `raw` is what was sent."""

    status: int
    json: Any
    headers: Any
    raw: bytes


PATHS = {
    "auth.loginStart": "/v1/auth/login/start",
    "auth.loginFinish": "/v1/auth/login/finish",
    "auth.session.exchange": "/v1/auth/session/exchange",
    "auth.sessionIssue": "/v1/auth/sessions/issue",
    "auth.sessionInspect": "/v1/auth/sessions/inspect",
    "auth.sessionRefresh": "/v1/auth/sessions/refresh",
    "authority.sessionRevoke": "/v1/authority/sessions/revoke",
    "auth.rateLimitEvaluate": "/v1/auth/rate-limit/evaluate",
    "humanAuth.challenge": "/v1/human-auth/challenge",
    "humanAuth.passkeyAssertionOptions": "/v1/human-auth/passkey/assertion/options",
    "humanAuth.verifyPasskey": "/v1/human-auth/passkey/verify",
    "humanAuth.passkeyRegistrationOptions": "/v1/human-auth/passkey/registration/options",
    "humanAuth.registerPasskey": "/v1/human-auth/passkey/register",
    "humanAuth.passkeyImport": "/v1/human-auth/passkey/import",
}


class Person:
    """Somebody of a tenant, with a passkey on an authenticator in software."""

    def __init__(self, tenant, name=""):
        self.tenant = tenant
        self.id = tenant.act(
            lambda tx: identities.add_person(
                tx, tenant.home.house.keyring, OPERATOR, email=f"{secrets.token_hex(6)}@example.test"
            )
        ).id
        self.ref = f"human_person:{self.id}"
        self.standing = f"standing:s_{secrets.token_hex(4)}"
        self.vessel = f"vessel:v_{secrets.token_hex(4)}"
        for scope in SCOPES:
            tenant.act(lambda tx, scope=scope: access.grant_scope(tx, OPERATOR, self.id, scope))
        tenant.act(lambda tx: standings.add(tx, OPERATOR, self.id, self.standing.partition(":")[2]))
        tenant.act(lambda tx: devices.add(tx, OPERATOR, self.id, self.vessel.partition(":")[2]))
        self.passkey, self.binding = self.new_passkey()

    def new_passkey(self):
        """Another passkey of this person; return (the authenticator, the ref of its binding)."""
        passkey = SoftPasskey(self.tenant.origin)
        passkey.rp_id, passkey.user_handle = self.tenant.rp, self.id.encode()
        party = RelyingParty(self.tenant.rp, "Ostiary", frozenset({self.tenant.origin}))
        made = Registered(hashlib.sha256(passkey.id).digest(), -7, passkey.cose_key(), 0, True, True, "", ())
        wanted = bindings.Wanted(self.id, party, self.tenant.origin, "platform", True)
        bound = self.tenant.act(
            lambda tx: bindings.put(tx, self.tenant.rules, OPERATOR, wanted, made, EventName.PASSKEY_ADD)
        )
        return passkey, f"passkey_binding:{bound.passkey}"


class Stage:
    """One tenant on a home, with a client key, an operator key and a person."""

    def __init__(self, home, name="default", mode=Mode.LIVE, *, seeded=False):
        self.home, self.name, self.mode = home, name, mode
        self.scope = Scope(name, mode)
        self.ref = f"tenant_node:{name}"
        if name == "default":
            self.origin = home.house.settings.origin
            self.rp = home.house.settings.host
        else:
            self.origin, self.rp = ORIGIN, RP
            self.act(lambda tx: keys.ensure(tx, home.house.sealer, home.house.keyring))
            made = Tenant(name, mode, RP, (ORIGIN,), seeded)
            assert self.act(lambda tx: identities.add_tenant(tx, OPERATOR, made)) is None
        self.client = self.key("client", SCOPES)
        self.operator = self.key("operator")
        self.person = Person(self)

    @property
    def rules(self):
        """What passkeys stand on."""
        return Rules(self.home.house.keyring, RelyingParty(self.rp, "Ostiary", frozenset({self.origin})))

    @property
    def fixture(self):
        """Whether this is a fixture tenant."""
        return self.mode is Mode.FIXTURE

    def act(self, use_case):
        """Run a use case in this tenant."""
        return self.home.house.vault.transact_now(self.scope, use_case)

    def key(self, kind, scopes=()):
        """A fresh client or operator key."""
        made = self.act(lambda tx: clients.add(tx, OPERATOR, kind, f"{kind}_{secrets.token_hex(4)}", scopes))
        assert not isinstance(made, Refusal), made
        return made

    def said(self, operation, key=None, /, *, headers=None, address="192.0.2.1", **fields):
        """What is sent for an operation: (path, bytes, headers)."""
        sent = {"content-type": "application/json", "host": "localhost:8080", "x-test-address": address}
        if key:
            sent["authorization"] = f"Bearer {key}"
        body = {name: value for name, value in fields.items() if value is not None}
        return PATHS[operation], json.dumps(body).encode(), sent | (headers or {})

    async def asked(self, operation, key=None, /, **fields):
        """Send one operation and return what was heard."""
        path, raw, sent = self.said(operation, key, **fields)
        answer = await call(self.home.application.public, "POST", path, raw, sent)
        return Heard(answer.status, answer.json, answer, raw)

    def ask(self, operation, key=None, /, **fields):
        """Do the same and wait."""
        return self.home.run(self.asked(operation, key, **fields))

    # The contract's requests, whole and right; a field given replaces one, None leaves it out

    def flags(self):
        """What a request of this tenant's mode says of it."""
        return {"fixture": True} if self.fixture else {}

    def start(self, **fields):
        """auth.loginStart."""
        numbers = {
            "policy_ref": "auth_rate_limit_policy:login_fixture",
            "window_seconds": 300,
            "attempt_count": 1,
            "soft_limit": 5,
            "lockout_threshold": 10,
            "lockout_seconds": 900,
        }
        wanted = {
            "tenant": self.ref,
            "subject": self.person.ref,
            "relying_party_id": self.rp,
            "origin": self.origin,
            "scopes": ["auth.login.finish"],
            "source_ip_hash": HASH,
            "device_binding": DEVICE,
            "production_login": False,
            "contains_customer_data": False,
            "contains_biometric_material": False,
        }
        wanted |= self.flags() | (numbers if self.fixture else {}) | fields
        return self.ask("auth.loginStart", wanted.pop("key", self.client), **wanted)

    def verify(self, asked, passkey=None, **fields):
        """humanAuth.verifyPasskey of a challenge that was asked; `passkey` signs."""
        passkey = passkey or self.person.passkey
        options = asked.json["body"]["public_key_credential_request_options"]
        signed = passkey.get({"challenge": options["challenge"], "rpId": options["rp_id"]})
        return self.verified(asked.json["body"]["challenge"]["id"], signed, **fields)

    def verified(self, challenge, signed, **fields):
        """The same with a credential that a browser gave."""
        raw, parts = unb64url(signed["rawId"]), signed["response"]
        wanted = {
            "tenant": self.ref,
            "challenge": challenge,
            "credential_id_hash": "sha256:" + hashlib.sha256(raw).hexdigest(),
            "client_data_json_b64url": parts["clientDataJSON"],
            "authenticator_data_b64url": parts["authenticatorData"],
            "signature_b64url": parts["signature"],
            "user_handle_b64url": parts["userHandle"] or None,
            "user_verified": True,
        } | fields
        return self.ask("humanAuth.verifyPasskey", wanted.pop("key", self.client), **wanted)

    def finished(self, start, presence, **fields):
        """The fields of auth.loginFinish."""
        body = start.json["body"]
        wanted = {
            "tenant": self.ref,
            "actor": self.person.ref,
            "vessel": self.person.vessel,
            "standing": self.person.standing,
            "scopes": ["invoice.issue", "auth.session.inspect"],
            "human_presence_receipt": presence,
            "login_challenge": body["challenge"]["id"],
            "auth_rate_limit_evaluation": body["auth_rate_limit_evaluation"],
            "device_binding": DEVICE,
            "expires_in_seconds": 3600,
            "production_login": False,
            "production_session": False,
        } | self.owned()
        return wanted | fields

    def owned(self):
        """What a fixture tenant must name and the server owns in a live one."""
        if not self.fixture:
            return {}
        active = self.home.house.keyring.active(self.name, Purpose.SESSION).id
        return {
            "fixture": True,
            "session": f"auth_session:fixture_{secrets.token_hex(6)}",
            "holder_key": f"key_registry:{active}",
        }

    def finish(self, start, presence, **fields):
        """auth.loginFinish."""
        wanted = self.finished(start, presence, **fields)
        return self.ask("auth.loginFinish", wanted.pop("key", self.client), **wanted)

    def presence(self, *scopes, passkey=None, **fields):
        """A fresh proof of presence for these acts; return its ref."""
        wanted = {
            "tenant": self.ref,
            "subject": self.person.ref,
            "relying_party_id": self.rp,
            "origin": self.origin,
            "scopes": list(scopes),
        } | fields
        asked = self.ask("humanAuth.passkeyAssertionOptions", self.client, **wanted)
        assert asked.status == 200, asked.json
        made = self.verify(asked, passkey)
        assert made.status == 200, made.json
        return made.json["body"]["human_presence_receipt"]

    def login(self, **fields):
        """A whole login; return the body of its finish."""
        start = self.start()
        assert start.status == 200, start.json
        proof = self.verify(start)
        assert proof.status == 200, proof.json
        done = self.finish(start, proof.json["body"]["human_presence_receipt"], **fields)
        assert done.status == 200, done.json
        return done.json["body"]

    def issue(self, token, presence, **fields):
        """auth.sessionIssue."""
        wanted = {
            "tenant": self.ref,
            "actor": self.person.ref,
            "vessel": self.person.vessel,
            "standing": self.person.standing,
            "scopes": ["invoice.read"],
            "human_presence_receipt": presence,
            "device_binding": DEVICE,
            "expires_in_seconds": 1800,
        }
        return self.ask("auth.sessionIssue", token, **(wanted | self.owned() | fields))

    def refresh(self, token, presence, **fields):
        """auth.sessionRefresh."""
        wanted = {
            "tenant": self.ref,
            "scopes": [],
            "human_presence_receipt": presence,
            "device_binding": DEVICE,
            "expires_in_seconds": 1800,
        }
        return self.ask("auth.sessionRefresh", token, **(wanted | self.owned() | fields))

    def inspect(self, token, **fields):
        """auth.sessionInspect."""
        return self.ask("auth.sessionInspect", token, **fields)

    def revoke(self, token, session, **fields):
        """authority.sessionRevoke."""
        wanted = {"tenant": self.ref, "session": session, "enforce_runtime_overlay": True} | fields
        return self.ask("authority.sessionRevoke", token, **wanted)


def code(heard):
    """The stable code of a refusal."""
    return heard.json["body"].get("stable_code")
