"""A membrane that forgets everything: speaks the envelope of the contract, verifies signatures, and keeps no receipts.

For tests of the SDK alone. `seen` is what arrived; `next` are replies (or failures to raise) that come before its own.
"""

import hashlib
import json
from base64 import urlsafe_b64decode
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from tests.rigs.counterparts import free_port

CLIENT, OPERATOR, ENROLMENT = "ock-the-client-key", "ook-the-operator-key", "enr-the-enrolment-token"
STATUS = {"session_missing": 401, "m13_human_presence_missing": 403, "human_auth_challenge_unknown": 404}


class No(Exception):
    def __init__(self, code, **more):
        super().__init__(code)
        self.code, self.more = code, more


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def unb64(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def envelope(operation, body, outcome="admitted", reasons=()):
    receipt = {"ref": "receipt:rcp-1", "outcome": outcome, "reasons": list(reasons), "fixture": False}
    return {"operation": operation, "outcome": outcome, "body": body, "receipt": receipt}


def refused(code, operation="auth.loginStart", **more):
    body = {"failed_gate": code, "stable_code": code, "message": "No.", "remedy_hint": "Do it otherwise."}
    return envelope(operation, body | {"retry_after_seconds": 0, "request_id": "req-1"} | more, "refused", [code])


class FakeMembrane:
    def __init__(self):
        self.seen, self.next = [], []
        self.passkeys, self.challenges, self.presences, self.sessions = {}, {}, {}, {}
        self.count = 0

    def name(self, kind):
        self.count += 1
        return f"{kind}-{self.count}"

    # --- how it is reached

    def handle(self, request):
        """For httpx2.MockTransport, sync and async alike."""
        status, headers, raw = self.reply(request.url.path, dict(request.headers), request.content)
        return httpx2.Response(status, headers=headers, stream=httpx2.ByteStream(raw))

    def reply(self, path, headers, raw):
        self.seen.append((path, headers, raw))
        if self.next:
            made = self.next.pop(0)
            if isinstance(made, Exception):
                raise made
            status, headers, raw = made
            return status, headers, raw if isinstance(raw, bytes) else json.dumps(raw).encode()
        operation, act = ACTS.get(path, ("", None))
        if act is None:
            return 404, {}, b"{}"
        self.bearer = headers.get("authorization", "").removeprefix("Bearer ")
        try:
            body = act(self, json.loads(raw) if raw else {})
            told, status = envelope(operation, body, body.pop("outcome", "admitted")), 200
        except No as no:
            told, status = refused(no.code, operation, **no.more), STATUS.get(no.code, 403)
        return status, {"content-type": "application/json"}, json.dumps(told).encode()

    # --- what it does

    def as_client(self):
        if self.bearer != CLIENT:
            raise No("session_missing")

    def as_session(self):
        found = self.sessions.get(self.bearer)
        if found is None or found["revoked"]:
            raise No("session_missing")
        return found

    def challenge(self, scopes):
        ref = self.name("human_auth_challenge:la")
        self.challenges[ref] = {"asked": self.name("Y2hhbGxlbmdl").replace("-", ""), "scopes": scopes}
        return ref

    def options(self, sent, scopes):
        self.as_client()
        ref = self.challenge(scopes)
        options = {"challenge": self.challenges[ref]["asked"], "rp_id": sent["relying_party_id"]}
        options |= {"user_verification": "required", "timeout_ms": 300000, "allow_credential_id_hashes": []}
        options |= {"allow_credentials": "omitted_discoverable_credentials_only", "raw_credential_ids_exposed": False}
        return {"challenge": {"id": ref, "scopes": scopes}, "public_key_credential_request_options": options}

    def login_start(self, sent):
        told = self.options(sent, ["auth.login.finish"])
        more = {
            "login_attempt": "auth_login_attempt:la-1",
            "auth_rate_limit_evaluation": "auth_rate_limit_evaluation:lev-1",
        }
        return told | more | {"rate_limit_decision": "allow", "passkey_binding": None, "source_ip_raw_stored": False}

    def assertion_options(self, sent):
        return self.options(sent, sent["scopes"]) | {"outcome": "verified", "production_admission": False}

    def registration_options(self, sent):
        if sent.get("enrolment_token") != ENROLMENT:
            raise No("session_missing")
        ref = self.challenge(["passkey_registration"])
        options = {"challenge": self.challenges[ref]["asked"], "rp": {"id": sent["relying_party_id"], "name": "Fake"}}
        options |= {"user": {"id_b64url": "dXNlci0x"}, "pub_key_cred_params": [{"type": "public-key", "alg": -7}]}
        options |= {"authenticator_selection": {"resident_key": "required"}, "attestation": "none"}
        return {"outcome": "verified", "challenge": {"id": ref}, "public_key_credential_creation_options": options}

    def register(self, sent):
        if self.challenges.pop(sent["challenge"], None) is None:
            raise No("human_auth_challenge_unknown")
        assert sent["client_data_json_hash"] == sha(unb64(sent["client_data_json_b64url"]))
        assert sent["attestation_object_hash"] == sha(unb64(sent["attestation_object_b64url"]))
        return self.keep(sent)

    def take_over(self, sent):
        if self.bearer != OPERATOR:
            raise No("session_missing")
        return self.keep(sent)

    def keep(self, sent):
        point = bytes.fromhex(sent["public_key_uncompressed_hex"])
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        self.passkeys[sent["credential_id_hash"]] = key
        kept = {"id": "passkey_binding:pk-1", "subject": sent["subject"], "sign_count": sent["sign_count"]}
        return {"passkey_binding": kept | {"credential_id_hash": sent["credential_id_hash"]}}

    def verify(self, sent):
        self.as_client()
        found = self.challenges.pop(sent["challenge"], None)
        key = self.passkeys.get(sent["credential_id_hash"])
        if found is None or key is None:
            raise No("human_auth_challenge_unknown")
        client_data = unb64(sent["client_data_json_b64url"])
        signed = unb64(sent["authenticator_data_b64url"]) + hashlib.sha256(client_data).digest()
        try:
            key.verify(unb64(sent["signature_b64url"]), signed, ec.ECDSA(SHA256()))
        except InvalidSignature:
            raise No("human_auth_passkey_credential_mismatch") from None
        if json.loads(client_data)["challenge"] != found["asked"] or not sent["user_verified"]:
            raise No("human_auth_webauthn_challenge_mismatch")
        receipt = self.name("human_presence_receipt:hp")
        self.presences[receipt] = found["scopes"]
        return {"human_presence_receipt": receipt, "challenge": sent["challenge"], "standing_created": False}

    def present(self, sent, purpose):
        if purpose not in self.presences.pop(sent["human_presence_receipt"], []):
            raise No("m13_human_presence_missing")

    def session(self, sent, of=None):
        token = self.name("v1.tok") + ".signature"
        known = {
            "session": f"auth_session:{token.split('.')[1]}",
            "actor": sent.get("actor") or of["actor"],
            "revoked": False,
        }
        self.sessions[token] = known | {"scopes": sent["scopes"] or (of or {}).get("scopes", [])}
        told = {
            "session": known["session"],
            "bearer_token": token,
            "token_type": "Bearer",
            "token_commitment": sha(token.encode()),
        }
        return told | {"raw_session_token_stored": False, "fixture_session": False, "standing_created": False}

    def login_finish(self, sent):
        self.as_client()
        self.present(sent, "auth.login.finish")
        return self.session(sent) | {"identity_binding_created": False, "company_authority_created": False}

    def issue(self, sent):
        self.as_session()
        self.present(sent, "auth.session.issue")
        return self.session(sent)

    def refresh(self, sent):
        previous = self.as_session()
        self.present(sent, "auth.session.refresh")
        previous["revoked"] = True
        return self.session(sent, previous) | {
            "previous_session": previous["session"],
            "previous_session_remains_valid": False,
        }

    def inspect(self, sent):
        return dict(self.as_session()) | {"tenant": sent.get("tenant"), "stale_key": False}

    def revoke(self, sent):
        self.as_session()
        found = next(one for one in self.sessions.values() if one["session"] == sent["session"])
        told = {"session": found["session"], "revoked": True, "enforced_in_runtime_overlay": True}
        again = {"outcome": "verified", "stable_code": "auth_session_already_revoked"} if found["revoked"] else {}
        found["revoked"] = True
        return told | again

    def evaluate(self, sent):
        if self.bearer != OPERATOR:
            raise No("session_missing")
        told = {"auth_rate_limit_evaluation": "auth_rate_limit_evaluation:lev-2", "decision": "allow", "allowed": True}
        return told | {"failed_gate": None, "retry_after_seconds": 0, "subject": sent["subject"]}

    def policy(self, sent):
        self.as_session()
        self.present(sent, "auth.recovery.policy")
        if not all(one.startswith("sha256:") for one in sent["recovery_contact_hashes"]):
            raise No("request_malformed")
        return {"auth_recovery_policy": self.name("auth_recovery_policy:rp"), "recovery_policy_active": True}

    def exchange(self, sent):
        if self.bearer != "fixture-session-token":
            raise No("session_missing")
        return {"token": self.bearer, "token_type": "Bearer", "session": "auth_session:fixture_valid"}


ACTS = {
    "/v1/auth/login/start": ("auth.loginStart", FakeMembrane.login_start),
    "/v1/auth/login/finish": ("auth.loginFinish", FakeMembrane.login_finish),
    "/v1/auth/session/exchange": ("auth.session.exchange", FakeMembrane.exchange),
    "/v1/auth/sessions/issue": ("auth.sessionIssue", FakeMembrane.issue),
    "/v1/auth/sessions/inspect": ("auth.sessionInspect", FakeMembrane.inspect),
    "/v1/auth/sessions/refresh": ("auth.sessionRefresh", FakeMembrane.refresh),
    "/v1/authority/sessions/revoke": ("authority.sessionRevoke", FakeMembrane.revoke),
    "/v1/auth/recovery/policy": ("auth.recoveryPolicy", FakeMembrane.policy),
    "/v1/auth/rate-limit/evaluate": ("auth.rateLimitEvaluate", FakeMembrane.evaluate),
    "/v1/human-auth/passkey/registration/options": (
        "humanAuth.passkeyRegistrationOptions",
        FakeMembrane.registration_options,
    ),
    "/v1/human-auth/passkey/assertion/options": ("humanAuth.passkeyAssertionOptions", FakeMembrane.assertion_options),
    "/v1/human-auth/passkey/register": ("humanAuth.registerPasskey", FakeMembrane.register),
    "/v1/human-auth/passkey/import": ("humanAuth.passkeyImport", FakeMembrane.take_over),
    "/v1/human-auth/passkey/verify": ("humanAuth.verifyPasskey", FakeMembrane.verify),
}


@contextmanager
def served(fake):
    """The same over HTTP on loopback; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            raw = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, headers, told = fake.reply(self.path, {k.lower(): v for k, v in self.headers.items()}, raw)
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(told))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
