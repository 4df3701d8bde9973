"""A stage for the membrane: tenants with people, passkeys and keys, and a caller that speaks the contract."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ostiary.access import clients, standings
from ostiary.access import service as access
from ostiary.cli import seeding
from ostiary.enrolment import service as enrolment
from ostiary.identities import devices
from ostiary.identities import service as identities
from ostiary.identities.model import Tenant
from ostiary.kernel.ids import unb64url
from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import EventName, Mode, Scope
from ostiary.keys import service as keys
from ostiary.keys.model import Purpose
from ostiary.membrane.table import ROWS
from ostiary.passkeys import bindings
from ostiary.passkeys.ceremony import Registered, RelyingParty
from ostiary.passkeys.service import Rules
from ostiary.sessions import service as sessions
from ostiary.web.catalogue import codes_of
from ostiary_client.authenticator import SoftPasskey
from tests.login.gatehouse import OPERATOR, call

SCOPES = ("invoice.issue", "invoice.read", "auth.session.inspect", "auth.session.refresh")
HASH = "sha256:" + "ab" * 32
DEVICE = "device_binding:test_browser"
RP, ORIGIN = "id.example.test", "https://id.example.test"

COUNTERS = {
    "receipts",
    "tree_leaves",
    "tree_pending",
    "outbox",
    "limit_counters",
    "heartbeats",
    "session_seen",
    "sqlite_sequence",
}
"""What a refusal may move: its receipt, the tree over it, and counters."""
NUMBERS = {
    "policy_ref": "auth_rate_limit_policy:login_fixture",
    "window_seconds": 300,
    "attempt_count": 1,
    "soft_limit": 5,
    "lockout_threshold": 10,
    "lockout_seconds": 900,
}
FLAGGED = frozenset(
    {
        "auth.loginStart",
        "auth.loginFinish",
        "auth.sessionIssue",
        "auth.sessionRefresh",
        "auth.rateLimitEvaluate",
        "humanAuth.passkeyImport",
        "auth.recoveryPolicy",
        "auth.recoveryExecute",
    }
)
"""Whose requests say `fixture`."""


class Heard(NamedTuple):
    """One answer, and the bytes that asked for it."""

    status: int
    json: dict
    headers: object
    raw: bytes


class Asking(NamedTuple):
    """One request before it is sent: `key` is what Authorization bears, `raw` stands for the fields where given."""

    operation: str
    key: str | None
    fields: Mapping[str, object]
    headers: Mapping[str, str] = MappingProxyType({})
    raw: bytes | None = None

    def but(self, key="", headers=None, **fields):
        """The same with other fields; None leaves one out."""
        return self._replace(
            key=self.key if key == "" else key,
            fields={**self.fields, **fields},
            headers={**self.headers, **(headers or {})},
        )


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

    def __init__(self, tenant):
        tenant.people.append(self)
        self.tenant, self.email = tenant, f"{secrets.token_hex(6)}@example.test"
        ring = tenant.home.house.keyring
        self.id = tenant.act(lambda tx: identities.add_person(tx, ring, OPERATOR, email=self.email)).id
        self.ref = f"human_person:{self.id}"
        self.standing = f"standing:s_{secrets.token_hex(4)}"
        self.vessel = f"vessel:v_{secrets.token_hex(4)}"
        for scope in SCOPES:
            tenant.act(lambda tx, scope=scope: access.grant_scope(tx, OPERATOR, self.id, scope))
        tenant.act(lambda tx: standings.add(tx, OPERATOR, self.id, self.standing.partition(":")[2]))
        tenant.act(lambda tx: devices.add(tx, OPERATOR, self.id, self.vessel.partition(":")[2]))
        self.passkeys = []
        self.passkey, self.binding = self.new_passkey()

    def new_passkey(self):
        """Another passkey of this person; return (the authenticator, the ref of its binding)."""
        passkey = soft(self.tenant.origin)
        self.passkeys.append(passkey)
        passkey.rp_id, passkey.user_handle = self.tenant.rp, self.id.encode()
        party = RelyingParty(self.tenant.rp, "Ostiary", frozenset({self.tenant.origin}))
        made = Registered(hashlib.sha256(passkey.id).digest(), -7, passkey.cose_key(), 0, True, True, "", ())
        wanted = bindings.Wanted(self.id, party, self.tenant.origin, "platform", True)
        bound = self.tenant.act(
            lambda tx: bindings.put(tx, self.tenant.rules, OPERATOR, wanted, made, EventName.PASSKEY_ADD)
        )
        return passkey, f"passkey_binding:{bound.passkey}"


class Stage:
    """One tenant on a home, with a client key, an operator key and a person; `other` may be another one's stage."""

    own, party_id, second_origin = ORIGIN, RP, "https://id.example.test:8443"

    def __init__(self, home, name="default", mode=Mode.LIVE, *, seeded=False):
        self.home, self.name, self.mode, self.seeded = home, name, mode, seeded
        self.address, self.life, self.heard, self.other = "198.18.0.1", 3600, [], None
        self.links, self.people, self.addresses, self.always = [], [], {self.address}, {}
        self.scope = Scope(name, mode)
        self.ref = f"tenant_node:{name}"
        if name == "default":
            self.origin = home.house.settings.origin
            self.rp = home.house.settings.host
        else:
            self.origin, self.rp = self.own, self.party_id
            self.act(lambda tx: keys.ensure(tx, home.house.sealer, home.house.keyring))
            made = Tenant(name, mode, self.rp, (self.origin, self.second_origin), seeded)
            assert self.act(lambda tx: identities.add_tenant(tx, OPERATOR, made)) is None
        self.client = self.key("client", SCOPES)
        self.act(lambda tx: clients.add(tx, OPERATOR, "client", clients.BROWSER, SCOPES))
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

    # Sending

    def said(self, asking):
        """What goes over the wire for an asking: (path, bytes, headers); None leaves a field out."""
        sent = {"content-type": "application/json", "host": "localhost:8080", "x-forwarded-for": self.address}
        sent |= self.always
        if asking.key:
            sent["authorization"] = f"Bearer {asking.key}"
        fields = {name: value for name, value in asking.fields.items() if value is not None}
        raw = asking.raw if asking.raw is not None else json.dumps(fields).encode()
        return PATHS[asking.operation], raw, sent | asking.headers

    async def sending(self, asking, node=None):
        """Send an asking, to another node's application where one is given, and return what was heard."""
        path, raw, sent = self.said(asking)
        answer = await call((node or self.home.application).public, "POST", path, raw, sent)
        heard = Heard(answer.status, answer.json, answer, raw)
        self.heard.append(heard)
        return declared(asking.operation, heard)

    def send(self, asking):
        """Do the same and wait."""
        return self.home.run(self.sending(asking))

    def together(self, *askings):
        """Send all at once; return what was heard of each."""
        return self.home.together(*map(self.sending, askings))

    def ask(self, operation, key=None, /, *, headers=None, **fields):
        """Send one operation and return what was heard."""
        return self.send(Asking(operation, key, fields, headers or {}))

    # The contract's requests, whole and right; a field given replaces one, None leaves it out

    def owned(self):
        """What a fixture tenant must name and the server owns in a live one."""
        if not self.fixture:
            return {}
        return {
            "fixture": True,
            "session": f"auth_session:fixture_{secrets.token_hex(6)}",
            "holder_key": f"key_registry:{self.signing_key.id}",
        }

    @property
    def signing_key(self):
        """The key that signs the tenant's sessions."""
        return self.home.house.keyring.active(self.name, Purpose.SESSION)

    def party(self):
        """Relying party and origin of the tenant."""
        return {"relying_party_id": self.rp, "origin": self.origin}

    def starting(self, **fields):
        """An asking for auth.loginStart."""
        wanted = {
            "tenant": self.ref,
            "subject": self.person.ref,
            **self.party(),
            "scopes": ["auth.login.finish"],
            "source_ip_hash": HASH,
            "device_binding": DEVICE,
            "production_login": False,
            "contains_customer_data": False,
            "contains_biometric_material": False,
        }
        return self.asking("auth.loginStart", self.client, wanted | (NUMBERS if self.fixture else {}), fields)

    def asking(self, operation, key, wanted, fields):
        """An asking of these fields, in the words of the tenant's mode."""
        flags = {"fixture": True} if self.fixture and operation in FLAGGED else {}
        key, headers = fields.pop("key", key), fields.pop("headers", {})
        return Asking(operation, key, wanted | flags | fields, headers)

    def start(self, **fields):
        """auth.loginStart."""
        return self.send(self.starting(**fields))

    def verifying(self, asked, passkey=None, **fields):
        """An asking for humanAuth.verifyPasskey of a challenge that was asked; `passkey` signs."""
        passkey = passkey or self.person.passkey
        options = asked.json["body"]["public_key_credential_request_options"]
        signed = passkey.get({"challenge": options["challenge"], "rpId": options["rp_id"]})
        return self.answering(asked.json["body"]["challenge"]["id"], signed, **fields)

    def answering(self, challenge, signed, **fields):
        """The same with a credential that a browser gave."""
        raw, parts = unb64url(signed["rawId"]), signed["response"]
        wanted = {
            "tenant": self.ref,
            "challenge": challenge,
            "credential_id_hash": sha256(raw),
            "client_data_json_b64url": parts["clientDataJSON"],
            "authenticator_data_b64url": parts["authenticatorData"],
            "signature_b64url": parts["signature"],
            "user_handle_b64url": parts["userHandle"] or None,
            "user_verified": True,
        }
        return self.asking("humanAuth.verifyPasskey", self.client, wanted, fields)

    def verify(self, asked, passkey=None, **fields):
        """humanAuth.verifyPasskey."""
        return self.send(self.verifying(asked, passkey, **fields))

    def finishing(self, start, presence, **fields):
        """An asking for auth.loginFinish."""
        body = start.json["body"]
        wanted = {
            "tenant": self.ref,
            "actor": self.person.ref,
            "vessel": self.person.vessel,
            "standing": self.person.standing,
            "scopes": list(SCOPES),
            "human_presence_receipt": presence,
            "login_challenge": body["challenge"]["id"],
            "auth_rate_limit_evaluation": body["auth_rate_limit_evaluation"],
            "device_binding": DEVICE,
            "expires_in_seconds": self.life,
            "production_login": False,
            "production_session": False,
        } | self.owned()
        return self.asking("auth.loginFinish", self.client, wanted, fields)

    def finish(self, start, presence, **fields):
        """auth.loginFinish."""
        return self.send(self.finishing(start, presence, **fields))

    def options(self, *scopes, **fields):
        """An asking for humanAuth.passkeyAssertionOptions."""
        wanted = {
            "tenant": self.ref,
            "subject": self.person.ref,
            **self.party(),
            "scopes": list(scopes),
            "contains_biometric_material": False,
            "contains_customer_data": False,
        }
        return self.asking("humanAuth.passkeyAssertionOptions", self.client, wanted, fields)

    def presence(self, *scopes, passkey=None, **fields):
        """A fresh proof of presence for these acts; return its ref."""
        asked = good(self.send(self.options(*scopes, **fields)))
        return good(self.verify(asked, passkey)).json["body"]["human_presence_receipt"]

    def proved(self, start):
        """The proof of presence that the answer to a started login yields; return its ref."""
        return good(self.verify(start)).json["body"]["human_presence_receipt"]

    def ready(self, **fields):
        """An asking for auth.loginFinish at the end of a whole login."""
        start = good(self.start())
        return self.finishing(start, self.proved(start), **fields)

    def login(self, **fields):
        """A whole login; return the body of its finish."""
        return good(self.send(self.ready(**fields))).json["body"]

    def issuing(self, token, presence, **fields):
        """An asking for auth.sessionIssue."""
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
        return self.asking("auth.sessionIssue", token, wanted | self.owned(), fields)

    def issue(self, token, presence, **fields):
        """auth.sessionIssue."""
        return self.send(self.issuing(token, presence, **fields))

    def refreshing(self, token, presence, **fields):
        """An asking for auth.sessionRefresh."""
        wanted = {
            "tenant": self.ref,
            "scopes": [],
            "human_presence_receipt": presence,
            "device_binding": DEVICE,
            "expires_in_seconds": 1800,
        }
        return self.asking("auth.sessionRefresh", token, wanted | self.owned(), fields)

    def refresh(self, token, presence, **fields):
        """auth.sessionRefresh."""
        return self.send(self.refreshing(token, presence, **fields))

    def inspecting(self, token, **fields):
        """An asking for auth.sessionInspect."""
        return Asking("auth.sessionInspect", token, fields)

    def inspect(self, token, **fields):
        """auth.sessionInspect."""
        return self.send(self.inspecting(token, **fields))

    def revoking(self, token, session, **fields):
        """An asking for authority.sessionRevoke."""
        wanted = {"tenant": self.ref, "session": session, "enforce_runtime_overlay": True}
        return self.asking("authority.sessionRevoke", token, wanted, fields)

    def revoke(self, token, session, **fields):
        """authority.sessionRevoke."""
        return self.send(self.revoking(token, session, **fields))

    def evaluating(self, **fields):
        """An asking for auth.rateLimitEvaluate."""
        wanted = {
            "tenant": self.ref,
            "subject": self.person.ref,
            "route": "/v1/auth/login/start",
            "action": "login_start",
            "source_ip_hash": HASH,
            "device_binding": DEVICE,
            "production_login": False,
            "contains_customer_data": False,
        }
        return self.asking("auth.rateLimitEvaluate", self.operator, wanted | (NUMBERS if self.fixture else {}), fields)

    def challenging(self, *scopes, **fields):
        """An asking for humanAuth.challenge."""
        wanted = {"tenant": self.ref, "subject": self.person.ref, "scopes": list(scopes)}
        return self.asking("humanAuth.challenge", self.client, wanted, fields)

    def offering(self, token, **fields):
        """An asking for humanAuth.passkeyRegistrationOptions; without a token the caller is the client."""
        wanted = {
            "tenant": self.ref,
            "subject": self.person.ref,
            **self.party(),
            "user_handle_hash": HASH,
            "user_name_hash": HASH,
            "user_display_name_hash": HASH,
            "contains_biometric_material": False,
            "contains_customer_data": False,
        }
        return self.asking("humanAuth.passkeyRegistrationOptions", token or self.client, wanted, fields)

    def registering(self, token, offered, passkey=None, **fields):
        """An asking for humanAuth.registerPasskey with what a fresh `passkey` answers to the options offered."""
        passkey = passkey or soft(self.origin)
        self.person.passkeys.append(passkey)
        options = offered.json["body"]["public_key_credential_creation_options"]
        offers = {
            "challenge": options["challenge"],
            "rp": options["rp"],
            "user": {"id": options["user"]["id_b64url"]},
            "pubKeyCredParams": [{"alg": passkey.algorithm}],
        }
        parts = passkey.create(offers)["response"]
        wanted = {
            "tenant": self.ref,
            "subject": self.person.ref,
            "challenge": offered.json["body"]["challenge"]["id"],
            **self.party(),
            "credential_id_hash": sha256(passkey.id),
            "public_key_uncompressed_hex": uncompressed(passkey),
            "client_data_json_b64url": parts["clientDataJSON"],
            "attestation_object_b64url": parts["attestationObject"],
            "sign_count": passkey.count,
            "contains_biometric_material": False,
            "contains_customer_data": False,
            "raw_credential_id_supplied": False,
            "private_key_material_supplied": False,
        }
        return self.asking("humanAuth.registerPasskey", token or self.client, wanted, fields)

    def importing(self, passkey=None, **fields):
        """An asking for humanAuth.passkeyImport."""
        passkey = passkey or soft(self.origin)
        wanted = {
            "tenant": self.ref,
            "subject": self.person.ref,
            **self.party(),
            "credential_id_hash": sha256(passkey.id),
            "public_key_uncompressed_hex": uncompressed(passkey),
            "contains_biometric_material": False,
            "contains_customer_data": False,
        }
        return self.asking("humanAuth.passkeyImport", self.operator, wanted, fields)

    def invited(self):
        """The token of a one-time link of the stage's person."""
        self.links.append(self.act(lambda tx: enrolment.invite(tx, OPERATOR, self.person.id)))
        return self.links[-1]

    def sow(self):
        """Make what a seeded tenant holds and is not there."""
        rules = sessions.Rules(self.home.house.keyring, self.home.settings.sessions)
        self.act(lambda tx: seeding.sow(tx, rules, OPERATOR))

    def anew(self):
        """Another person at another address: nothing that happened before counts."""
        self.person, self.life = Person(self), 3600
        self.address = f"198.18.{secrets.randbelow(256)}.{secrets.randbelow(256)}"
        self.addresses.add(self.address)
        return self

    def whole(self, operation):
        """An asking that would be admitted: all that it needs has happened."""
        return WHOLE[operation](self)


def _beside(stage):
    token = stage.login()["bearer_token"]
    return stage.issuing(token, stage.presence("auth.session.issue"))


def _refreshing(stage):
    token = stage.login()["bearer_token"]
    return stage.refreshing(token, stage.presence("auth.session.refresh"))


def _revoking(stage):
    token, other = stage.login()["bearer_token"], stage.login()
    return stage.revoking(token, other["session"])


def _registering(stage):
    token = stage.login()["bearer_token"]
    offered = good(stage.send(stage.offering(token)))
    return stage.registering(token, offered, human_presence_receipt=stage.presence("passkey.add"))


def _exchanging(stage):
    stage.sow()
    return Asking("auth.session.exchange", "fixture-session-token", {}, {})


WHOLE = {
    "auth.loginStart": Stage.starting,
    "auth.loginFinish": Stage.ready,
    "auth.session.exchange": _exchanging,
    "auth.sessionIssue": _beside,
    "auth.sessionInspect": lambda stage: stage.inspecting(stage.login()["bearer_token"]),
    "auth.sessionRefresh": _refreshing,
    "authority.sessionRevoke": _revoking,
    "auth.rateLimitEvaluate": Stage.evaluating,
    "humanAuth.challenge": Stage.challenging,
    "humanAuth.passkeyAssertionOptions": Stage.options,
    "humanAuth.verifyPasskey": lambda stage: stage.verifying(good(stage.send(stage.options("auth.session.issue")))),
    "humanAuth.passkeyRegistrationOptions": lambda stage: stage.offering(stage.login()["bearer_token"]),
    "humanAuth.registerPasskey": _registering,
    "humanAuth.passkeyImport": Stage.importing,
}
"""How each operation is asked so that it is admitted, by name; an operation without a row fails the laws here."""

FIXTURE_ONLY = frozenset({"auth.session.exchange", "humanAuth.passkeyImport"})
"""What a live tenant never admits."""


def kept(home):
    """Everything that is stored, but counters and receipts: equal, nothing changed."""
    names, columns = home.answers(
        "SELECT name FROM sqlite_master WHERE type = 'table'", "PRAGMA table_info(human_challenges)"
    )
    looked_at = {name: "*" for (name,) in names if name not in COUNTERS}
    looked_at["human_challenges"] = ", ".join(column[1] for column in columns if column[1] != "failures")
    found = home.answers(*(f"SELECT {what} FROM {name}" for name, what in looked_at.items()))
    return dict(zip(looked_at, found, strict=True))


def soft(origin):
    """An authenticator whose credential id is like nothing else."""
    made = SoftPasskey(origin)
    made.id = secrets.token_bytes(32)
    return made


def good(heard):
    """What was heard, where it was no refusal."""
    assert heard.status == 200, heard.json
    return heard


def declared(operation, heard):
    """What was heard, where its code is none or one that the operation declares."""
    known = {row.operation.name: codes_of(row.operation) for row in ROWS}[operation]
    assert heard.status == 200 or code(heard) in known, (operation, heard.json)
    return heard


def sha256(data):
    """A hash as the contract writes it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def uncompressed(passkey):
    """The public key as a point in hex, "" where it is on no curve."""
    public = passkey.key.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        return ""
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint).hex()


def code(heard):
    """The stable code of a refusal, None of what is none."""
    return heard.json["body"].get("stable_code") if "body" in heard.json else heard.json.get("code")
