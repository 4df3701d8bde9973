"""The whole walk of a login through the membrane: start, sign, verify, finish, inspect, issue, refresh, revoke, limits.

    python examples/membrane_walk.py --url http://localhost:8080 --origin https://id.acme.test \
        --tenant tenant_node:acme --subject human_person:user-… --scope reports.read \
        --client-key ock-… --operator-key ook-… --enrolment-token=…

`--fixture` walks a seeded fixture tenant instead, `--sync` with the other client; docs/sdk.md says how each is made.

A key on a command line can be read by others on the machine; `@FILE` takes arguments from a file, one on each line.

`walk` is written once for both clients. Read `yield` as `await`; with the client that waits, read nothing there.
"""

import argparse
import asyncio
import hashlib
import hmac
import secrets
import shlex
import subprocess
import sys
from argparse import Namespace
from collections.abc import Generator
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ostiary_client.authenticator import SoftPasskey
from ostiary_client.membrane import AsyncMembrane, Membrane, MembraneRefusal, Unauthenticated
from ostiary_client.membrane.answers import Answer
from ostiary_client.membrane.ceremonies import assertion, creation_options, registration, request_options

Client: TypeAlias = Membrane | AsyncMembrane
Steps: TypeAlias = Generator[Any, Any, Any]

FIXTURE = {
    "fixture": True,
    "production_login": False,
    "production_session": False,
    "vessel": "vessel:anna_browser_fixture",
    "standing": "standing:anna_geschaeftsfuehrer_fixture",
    "holder_key": "key_registry:fixture_session_signing",
    "policy_ref": "auth_rate_limit_policy:login_fixture",
    "window_seconds": 300,
    "attempt_count": 1,
    "soft_limit": 5,
    "lockout_threshold": 10,
    "lockout_seconds": 900,
}
NUMBERS = ("policy_ref", "window_seconds", "attempt_count", "soft_limit", "lockout_threshold", "lockout_seconds")
SESSION = ("vessel", "standing", "holder_key", "fixture", "production_session")


def walk(given: Namespace, membrane: Client) -> Steps:
    """Take every step once; each `yield` is one crossing."""
    client = membrane.bearing(given.client_key)
    passkey = SoftPasskey(given.origin)
    yield from make_known(given, membrane, passkey)

    say(1, "Start. The server counts this attempt, and asks the person's passkey to sign a challenge.")
    started = yield client.auth_login_start(
        subject=given.subject,
        relying_party_id=given.rp_id,
        origin=given.origin,
        source_ip_hash=hashed_address(),
        device_binding=given.device,
        **fixture(given, *NUMBERS, "fixture", "production_login"),
    )
    tell(started, f"limiter: {started.body.rate_limit_decision}, challenge {started.body.challenge.id}")
    tell(None, "the address of the person was sent as a keyed hash only")

    say(2, "Sign, on the person's own device, and have the signature verified.")
    presence = yield from sign(given, client, passkey, started.body)

    say(3, "Finish: presence, challenge and the limiter's leave are spent, all three, for one session.")
    finished = yield client.auth_login_finish(
        actor=given.subject,
        scopes=given.scope,
        human_presence_receipt=presence,
        login_challenge=started.body.challenge.id,
        auth_rate_limit_evaluation=started.body.auth_rate_limit_evaluation,
        device_binding=given.device,
        **fixture(given, *SESSION, "production_login", session="login"),
    )
    made = finished.body
    tell(finished, f"session {made.session}; its token was told once, the server keeps {made.token_commitment[:17]}…")
    if (made.identity_binding_created, made.standing_created, made.company_authority_created) != (False, False, False):
        raise SystemExit("the server did not say that the login created nothing")
    tell(None, "signing in did not change the person's role: no binding, no standing, no authority was created")
    session = membrane.bearing(finished.body.bearer_token)

    say(4, "Inspect: a session may look at itself, and needs no presence for that.")
    inspected = yield session.auth_session_inspect()
    tell(inspected, f"{inspected.body.actor} until {inspected.body.expires_at}, scopes {list(inspected.body.scopes)}")

    say(5, "Issue one more session. The first one's token is not enough: the passkey signs again.")
    presence = yield from prove(given, client, passkey, "auth.session.issue")
    issued = yield session.auth_session_issue(
        actor=given.subject,
        scopes=given.scope,
        human_presence_receipt=presence,
        device_binding=given.device,
        expires_in_seconds=1800,
        **fixture(given, *SESSION, session="issued"),
    )
    tell(issued, f"session {issued.body.session}")

    say(6, "Refresh it, with presence once more: a stolen token cannot refresh itself.")
    presence = yield from prove(given, client, passkey, "auth.session.refresh")
    refreshed = yield membrane.bearing(issued.body.bearer_token).auth_session_refresh(
        human_presence_receipt=presence,
        device_binding=given.device,
        expires_in_seconds=1800,
        **fixture(given, "holder_key", "fixture", "production_session", session="refreshed"),
    )
    tell(refreshed, f"{refreshed.body.session} took the place of {refreshed.body.previous_session}, which has ended")

    kept = yield from leave_a_policy(given, session, client, passkey)

    say(8, "Revoke, twice: the second time changes nothing and says so.")
    revoked = yield session.m13_session_revoke(session=refreshed.body.session)
    tell(revoked, f"{revoked.body.session} has ended")
    again = yield session.m13_session_revoke(session=refreshed.body.session)
    tell(again, f"{again.body.stable_code}")
    try:
        yield membrane.bearing(refreshed.body.bearer_token).auth_session_inspect()
    except Unauthenticated as refused:
        tell(None, f"its token opens nothing any more ({refused.status} {refused.code})")
    else:
        raise SystemExit("a revoked token was let in")
    own = yield session.m13_session_revoke(session=finished.body.session)
    tell(own, "and the first session has ended itself")

    yield from ask_the_limiter(given, membrane)
    yield from recover(given, client, kept)


def leave_a_policy(given: Namespace, session: Client, client: Client, passkey: SoftPasskey) -> Steps:
    """Say how the person recovers who loses every passkey; return the policy. The server keeps a keyed hash."""
    say(7, "Leave a recovery policy behind, with presence: an address, of which only the hash goes over the wire.")
    presence = yield from prove(given, client, passkey, "auth.recovery.policy")
    kept = yield session.auth_recovery_policy(
        actor=given.subject,
        human_presence_receipt=presence,
        recovery_policy_hash=sha256("mail, then a day of waiting"),
        recovery_contact_hashes=[sha256(given.contact)],
        recovery_methods=["email_link"],
        **fixture(given, "vessel", "standing", "fixture", "production_login"),
    )
    tell(kept, f"{kept.body.auth_recovery_policy}")
    return kept.body.auth_recovery_policy


def recover(given: Namespace, client: Client, policy: str) -> Steps:
    """Recover by the code that goes out by mail: where somebody reads it, and there is nothing to wait for."""
    say(10, "Lose every passkey, and recover: a code goes to the address, and comes back.")
    if not given.code_command:
        tell(None, "left out: that takes whoever reads the mail (--code-command)")
        return
    sent = yield client.auth_recovery_contact_send(contact_address=given.contact)
    tell(sent, "the answer would be the same for an address that nobody has")
    command = shlex.split(given.code_command)
    code = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - the walker's own command
    begun = yield client.auth_recovery_contact_confirm(recovery_contact=sent.body.recovery_contact, code=code)
    tell(begun, f"it waits until {begun.body.waits_until}, and whoever reads the notice can cancel it")
    if begun.body.waiting_seconds:
        return
    run = {
        "recovery_execution_ref": begun.body.auth_recovery_execution,
        "recovery_token": begun.body.recovery_token,
    }
    replacement = SoftPasskey(given.origin)
    bound = yield from register(given, client, replacement, run)
    presence = yield from prove(given, client, replacement, "auth.recovery.execute")
    done = yield client.auth_recovery_execute(
        actor=given.subject,
        recovery_policy=policy,
        replacement_passkey_binding=bound,
        human_presence_receipt=presence,
        recovery_contact_hash=sha256(given.contact),
        device_binding=given.device,
        **run,
        **fixture(given, "vessel", "standing", "fixture", "production_login"),
    )
    tell(done, f"{done.body.sessions_ended} sessions ended, {done.body.passkeys_set_aside} passkeys set aside")
    tell(None, "nothing about the person's role changed; an old passkey can contest it for 14 days")


def register(given: Namespace, client: Client, passkey: SoftPasskey, entitled: dict[str, Any]) -> Steps:
    """Register a passkey, with what entitles to it; return its ref."""
    common = {"subject": given.subject, "relying_party_id": given.rp_id, "origin": given.origin}
    asked = yield client.human_auth_passkey_registration_options(**common, **entitled)
    options = creation_options(asked.body.public_key_credential_creation_options, name=given.subject)
    challenge = asked.body.challenge.id
    made = registration(passkey.create(options))
    kept = yield client.human_auth_register_passkey(challenge=challenge, **common, **entitled, **made)
    tell(kept, f"passkey {kept.body.passkey_binding.id}; of its credential id the server keeps a hash")
    return kept.body.passkey_binding.id


def make_known(given: Namespace, membrane: Client, passkey: SoftPasskey) -> Steps:
    """Let the server know the passkey: by a person's enrolment link, or as an operator who takes it over."""
    common = {"subject": given.subject, "relying_party_id": given.rp_id, "origin": given.origin}
    if given.enrolment_token:
        say(0, "Register a new passkey, by an enrolment link.")
        client = membrane.bearing(given.client_key)  # who asks for a challenge is who may answer it
        yield from register(given, client, passkey, {"enrolment_token": given.enrolment_token})
    else:
        say(0, "Import the public half of a new passkey, as an operator.")
        point = passkey.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        kept = yield membrane.bearing(given.operator_key).human_auth_passkey_import(
            credential_id_hash="sha256:" + hashlib.sha256(passkey.id).hexdigest(),
            public_key_uncompressed_hex=point.hex(),
            **common,
            **fixture(given, "fixture"),
        )
        tell(kept, f"passkey {kept.body.passkey_binding.id}; of its credential id the server keeps a hash")


def sign(given: Namespace, client: Client, passkey: SoftPasskey, asked: Any) -> Steps:  # noqa: ANN401 - a start or options
    """Let the passkey sign what was asked; return the presence receipt."""
    signed = passkey.get(request_options(asked.public_key_credential_request_options))
    tell(None, "the private key and the fingerprint or face that unlocked it never left the device")
    proved = yield client.human_auth_verify_passkey(
        challenge=asked.challenge.id, relying_party_id=given.rp_id, **assertion(signed)
    )
    tell(proved, f"presence {proved.body.human_presence_receipt}: for one act, within five minutes")
    return proved.body.human_presence_receipt


def prove(given: Namespace, client: Client, passkey: SoftPasskey, purpose: str) -> Steps:
    """Ask for fresh presence for one purpose; return its receipt."""
    asked = yield client.human_auth_passkey_assertion_options(
        subject=given.subject,
        relying_party_id=given.rp_id,
        origin=given.origin,
        scopes=[purpose],
        device_binding=given.device,
    )
    return (yield from sign(given, client, passkey, asked.body))


def ask_the_limiter(given: Namespace, membrane: Client) -> Steps:
    """Evaluate a limit, where there is an operator's key."""
    say(9, "Ask the limiter about an act of one's own.")
    if not given.operator_key:
        tell(None, "left out: that takes an operator key (--operator-key)")
        return
    asked = yield membrane.bearing(given.operator_key).auth_rate_limit_evaluate(
        subject=given.subject,
        route="/v1/auth/sessions/issue",
        action="auth.session.issue",
        source_ip_hash=hashed_address(),
        device_binding=given.device,
        **fixture(given, *NUMBERS, "fixture", "production_login"),
    )
    tell(asked, f"decision: {asked.body.decision}")


def fixture(given: Namespace, *names: str, session: str = "") -> dict[str, Any]:
    """Return the fields that a fixture tenant wants and a live one owns itself."""
    if not given.fixture:
        return {}
    named = {"session": f"auth_session:fixture_walk_{session}_{given.run}"} if session else {}
    return {name: FIXTURE[name] for name in names} | named


def sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def hashed_address() -> str:
    """Return a hash of the person's address that nobody can undo by trying all addresses: with a key of our own."""
    return "sha256:" + hmac.digest(secrets.token_bytes(32), b"192.0.2.7", "sha256").hex()


def say(number: int, text: str) -> None:
    print(f"\n{number}. {text}")


def tell(answer: Answer[Any] | None, text: str) -> None:
    where = f"{answer.operation} {answer.outcome} [{answer.receipt.ref}]: " if answer else ""
    print(f"   {where}{text}")


def run(given: Namespace) -> None:
    """Drive the walk with the client that waits."""
    with Membrane(given.url, tenant=given.tenant) as membrane:
        steps, answer = walk(given, membrane), None
        while True:
            try:
                answer = steps.send(answer)
            except StopIteration:
                return


async def run_async(given: Namespace) -> None:
    """Drive the walk with the client that is awaited."""
    async with AsyncMembrane(given.url, tenant=given.tenant) as membrane:
        steps = walk(given, membrane)
        crossing = next(steps)
        while True:
            try:
                answer = await crossing
            except MembraneRefusal as refused:
                crossing = steps.throw(refused)
                continue
            try:
                crossing = steps.send(answer)
            except StopIteration:
                return


def arguments(words: list[str] | None = None) -> Namespace:
    parser = argparse.ArgumentParser(
        description="A login through the membrane, step by step.", fromfile_prefix_chars="@"
    )
    parser.add_argument("--url", default="http://localhost:8080", help="where Ostiary's public listener is")
    parser.add_argument("--tenant", default="tenant_node:default")
    parser.add_argument("--client-key", required=True, help="the tenant's client key")
    parser.add_argument("--operator-key", default="", help="the tenant's operator key")
    parser.add_argument("--enrolment-token", default="", help="of a link for this person; else the passkey is imported")
    parser.add_argument("--subject", default="human_person:anna", help="the person who signs in")
    parser.add_argument("--contact", default="", help="an address for recovery; a made-up one if none is given")
    parser.add_argument("--code-command", default="", help="a command that prints the code which went to --contact")
    parser.add_argument("--device", default="device_binding:membrane_walk", help="what the client calls its device")
    parser.add_argument("--scope", action="append", default=[], help="a scope to ask for; may be repeated")
    parser.add_argument("--origin", help="of the page that signs; the URL's where it is not given")
    parser.add_argument("--rp-id", help="the relying party; the origin's host where it is not given")
    parser.add_argument("--fixture", action="store_true", help="the tenant is a fixture tenant")
    parser.add_argument("--sync", action="store_true", help="with the client that waits")
    given = parser.parse_args(words)
    given.origin = given.origin or given.url
    given.rp_id = given.rp_id or urlsplit(given.origin).hostname
    given.run = secrets.token_hex(4)
    given.contact = given.contact or f"walker-{given.run}@example.test"
    if not (given.operator_key or given.enrolment_token):
        parser.error("the passkey must be made known: give --operator-key or --enrolment-token")
    return given


def main(words: list[str] | None = None) -> int:
    given = arguments(words)
    try:
        run(given) if given.sync else asyncio.run(run_async(given))
    except MembraneRefusal as refused:
        print(f"\nThe membrane said no. {refused}", file=sys.stderr)
        return 1
    print("\nDone.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
