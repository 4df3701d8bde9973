"""Questions and answers: assertion options, the bare challenge, and the proof of presence that an answer yields."""

from collections.abc import Iterable

from ostiary.identities import refs
from ostiary.kernel.clock import instant
from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.ids import b64url, timed_id, unb64url
from ostiary.kernel.refs import named, ref
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import EventName, Factor, Outcome, Proof
from ostiary.limits import service as limits
from ostiary.limits.model import DEFAULT, Knock
from ostiary.membrane import store
from ostiary.membrane.bodies import (
    Asked,
    AssertionOptions,
    Durable,
    PasskeyShown,
    RequestOptions,
    Verified,
)
from ostiary.membrane.crossing import Crossing
from ostiary.membrane.model import Asked as Kind
from ostiary.membrane.model import Kind as Caller
from ostiary.membrane.model import Progress, Question
from ostiary.membrane.requests import AssertionOptionsWanted, ChallengeWanted, VerificationWanted
from ostiary.passkeys import bindings
from ostiary.passkeys.ceremony import AssertionParts, Fault, RelyingParty
from ostiary.passkeys.model import Hold, Passkey
from ostiary.passkeys.webauthn import TIMEOUT_MS
from ostiary.presence import service as presence
from ostiary.presence.model import CHALLENGE_LIFE
from ostiary.web.envelope import Envelope

__all__ = [
    "GUESSES",
    "ask",
    "asked",
    "assertion_options",
    "challenge",
    "durable",
    "fault_of",
    "found_open",
    "named_passkey",
    "passkey_shown",
    "request_options",
    "verify_passkey",
]

GUESSES = 5
"""Wrong answers that spend a question."""

_NONCE = 32
_HELD = {Hold.REPLACEMENT: "auth.recovery.execute", Hold.QUARANTINED: "auth.recovery.contest"}
"""The one act that a held passkey may prove presence for, and no other beside it."""
_ALGORITHMS = {-7: "ES256", -8: "Ed25519", -257: "RS256"}
"""COSE numbers (RFC 9053, RFC 8812); the membrane itself registers the first only."""

_FAULTS = {
    Fault.CLIENT_DATA_MALFORMED: Code.HUMAN_AUTH_WEBAUTHN_CLIENT_DATA_INVALID,
    Fault.TYPE_MISMATCH: Code.HUMAN_AUTH_WEBAUTHN_CLIENT_DATA_INVALID,
    Fault.CREDENTIAL_MALFORMED: Code.HUMAN_AUTH_WEBAUTHN_CLIENT_DATA_INVALID,
    Fault.CHALLENGE_MISMATCH: Code.HUMAN_AUTH_WEBAUTHN_CHALLENGE_MISMATCH,
    Fault.ORIGIN_MISMATCH: Code.HUMAN_AUTH_WRONG_ORIGIN,
    Fault.CROSS_ORIGIN_REFUSED: Code.HUMAN_AUTH_WRONG_ORIGIN,
    Fault.TOP_ORIGIN_REFUSED: Code.HUMAN_AUTH_WRONG_ORIGIN,
    Fault.RP_ID_MISMATCH: Code.HUMAN_AUTH_WRONG_RP_ID,
    Fault.USER_VERIFICATION_MISSING: Code.HUMAN_AUTH_USER_VERIFICATION_MISSING,
    Fault.USER_PRESENCE_MISSING: Code.HUMAN_AUTH_USER_VERIFICATION_MISSING,
}


def assertion_options(c: Crossing) -> Envelope[AssertionOptions] | Refusal:
    """Ask for an assertion whose proof of presence serves the acts that `scopes` name."""
    body: AssertionOptionsWanted = c.body
    party = c.relying_party(body.relying_party_id, body.origin)
    if isinstance(party, Refusal):
        return party
    subject = c.person(body.subject)
    codes = (Code.HUMAN_AUTH_PASSKEY_BINDING_UNKNOWN, Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH)
    passkey = named_passkey(c, body.passkey_binding, subject, codes)
    if isinstance(passkey, Refusal):
        return passkey
    crowded = _crowded(c)
    if crowded is not None:
        return crowded
    question = _question(c, Kind.ASSERTION, subject, party, body.origin, body.scopes)
    return _asked(c, ask(c, question, passkey, body.device_binding), passkey)


def challenge(c: Crossing) -> Envelope[AssertionOptions] | Refusal:
    """Ask the same with nothing said: the tenant's own relying party and first origin."""
    body: ChallengeWanted = c.body
    policy = c.origin_policy
    origin = policy.origins[0]
    party = c.relying_party(body.relying_party_id or policy.relying_party_id, origin)
    if isinstance(party, Refusal):
        return party
    crowded = _crowded(c)
    if crowded is not None:
        return crowded
    question = _question(c, Kind.ASSERTION, c.person(body.subject), party, origin, body.scopes)
    return _asked(c, ask(c, question, None, body.device_binding), None)


def _crowded(c: Crossing) -> Refusal | None:
    """Bound what one address can put on record without a key: by the wide numbers only, for many may share one."""
    if c.who.kind is not Caller.BROWSER:
        return None
    asking = Knock(DEFAULT.name, _anybody(c), "/v1/human-auth/challenge", "challenge", c.caller.address)
    return limits.count(c.tx, asking).refusal


def _anybody(c: Crossing) -> str:
    """Return a subject of its own for each question, so that the address alone is counted."""
    return b64url(c.tx.secrets(12))


def verify_passkey(c: Crossing) -> Envelope[Verified] | Refusal:
    """Verify the answer to a question; the proof of presence that it yields is good once, for five minutes."""
    body: VerificationWanted = c.body
    question = found_open(c, body.challenge)
    if isinstance(question, Refusal):
        return question
    if question.asked is Kind.REGISTRATION or (body.relying_party_id and body.relying_party_id != question.rp_id):
        registering = question.asked is Kind.REGISTRATION
        return Refusal(Code.HUMAN_AUTH_CHALLENGE_UNKNOWN if registering else Code.HUMAN_AUTH_WRONG_RP_ID)
    parts = _parts(c, body)
    if isinstance(parts, Refusal):
        return parts
    passkey = _answering(c, question, body)
    if not isinstance(passkey, Refusal):
        refused = _proved(c, question, passkey, parts)
        if refused is None:
            return _vouched(c, question, passkey)
        passkey = refused
    store.fail(c.tx, question, GUESSES)
    return c.refuse(EventName.PRESENCE_PROVE, question.id, passkey)


def _vouched(c: Crossing, question: Question, passkey: Passkey) -> Envelope[Verified]:
    proof = Proof(passkey.person, Factor.PASSKEY, c.tx.now, question.id, passkey.id, user_verified=True)
    made = presence.vouch(c.tx, proof, question.scopes, question.id)
    if not store.answer(c.tx, question.id, made.id, passkey.id):
        raise ContractBroken("a question that was held was answered by another")
    scopes = question.scopes.split()
    told = (f"challenge:{question.id}", f"passkey:{passkey.id}")
    receipt = c.tell(EventName.PRESENCE_PROVE, made.id, *told, outcome=Outcome.VERIFIED)
    return c.done(
        Outcome.VERIFIED,
        receipt,
        Verified,
        human_presence_receipt=ref("human_presence_receipt", made.id),
        challenge=ref("human_auth_challenge", question.id),
        passkey_binding=refs.ref_of(c.tx, "passkey_binding", passkey.id),
        subject=refs.ref_of(c.tx, "human_person", passkey.person),
        scopes=scopes,
        user_verified=True,
        expires_at=instant(made.expires_at),
    )


def found_open(c: Crossing, text: str) -> Question | Refusal:
    """Return the caller's own question of that ref, held, if it still waits for an answer."""
    question = store.hold(c.tx, named("human_auth_challenge", text) or "")
    if question is None or question.holder != c.who.id:
        return Refusal(Code.HUMAN_AUTH_CHALLENGE_UNKNOWN)
    if question.state is not Progress.OPEN:
        return Refusal(Code.HUMAN_AUTH_CHALLENGE_REPLAYED)
    return question if c.tx.now < question.expires_at else Refusal(Code.HUMAN_AUTH_CHALLENGE_EXPIRED)


def named_passkey(c: Crossing, text: str, subject: str, codes: tuple[Code, Code]) -> Passkey | Refusal | None:
    """Return the passkey that a request names, None for none; `codes` are for unknown and for somebody else's."""
    if not text:
        return None
    found = bindings.find(c.tx, c.passkey(text))
    if found is None:
        return Refusal(codes[0])
    return found if found.person == subject else Refusal(codes[1])


def ask(c: Crossing, question: Question, passkey: Passkey | None, device: str) -> Question:
    """Put a question on record, about one passkey where it is named, for one device where that is said."""
    made = Question(
        question.id or timed_id("la", c.tx.secrets, c.tx.now),
        question.asked,
        question.subject,
        passkey.id if passkey else "",
        question.rp_id,
        question.origin,
        question.scopes,
        c.tx.secrets(_NONCE),
        c.who.id,
        device,
        question.evaluation,
        c.tx.now + CHALLENGE_LIFE,
    )
    store.add_question(c.tx, made)
    return made


def asked(c: Crossing, question: Question) -> Asked:
    """Show a question."""
    return Asked(
        ref("human_auth_challenge", question.id),
        refs.ref_of(c.tx, "human_person", question.subject) if question.subject else "",
        question.rp_id,
        question.origin,
        question.scopes.split(),
        instant(question.expires_at),
    )


def durable(kind: str, question: Question) -> Durable:
    """Show that a question is on record."""
    return Durable(ref(kind, question.id), question.state.value, instant(question.expires_at))


def request_options(c: Crossing, question: Question, passkey: Passkey | None) -> RequestOptions:
    """Show what the authenticator is asked; credential ids are known by their hashes only (ruling 29)."""
    known = [bindings.credential_hash(c.tx, passkey.id)] if passkey else []
    return c.witness.body(
        RequestOptions,
        challenge=b64url(question.nonce),
        rp_id=question.rp_id,
        user_verification="required",
        timeout_ms=TIMEOUT_MS,
        allow_credentials="omitted_discoverable_credentials_only",
        allow_credential_id_hashes=known,
    )


def passkey_shown(c: Crossing, passkey: Passkey) -> PasskeyShown:
    """Show a passkey as the membrane does; one that the pages made is bound to the server's own origin."""
    facts, policy = bindings.facts(c.tx, passkey.id), c.origin_policy
    return PasskeyShown(
        id=refs.ref_of(c.tx, "passkey_binding", passkey.id),
        subject=refs.ref_of(c.tx, "human_person", passkey.person),
        relying_party_id=facts.rp_id if facts else policy.relying_party_id,
        origin=facts.origin if facts else policy.origins[0],
        credential_id_hash=bindings.credential_hash(c.tx, passkey.id),
        public_key_algorithm=_ALGORITHMS[passkey.algorithm],
        public_key_hash=bindings.key_hash(passkey.public_key),
        authenticator_attachment=facts.attachment if facts else "platform",
        synced_passkey_allowed=bool(facts.synced_allowed) if facts else True,
        sign_count=passkey.sign_count,
        biometric_data_seen_by_gestalt=c.witness.raw.biometric,
        commitment=facts.commitment if facts else "",
    )


def _question(
    c: Crossing, kind: Kind, subject: str, party: RelyingParty, origin: str, scopes: Iterable[str]
) -> Question:
    words = " ".join(dict.fromkeys(word for scope in scopes for word in scope.split()))
    return Question("", kind, subject, "", party.id, origin, words, b"", "", "", "", 0)


def _asked(c: Crossing, question: Question, passkey: Passkey | None) -> Envelope[AssertionOptions]:
    receipt = c.tell(EventName.CHALLENGE_ISSUE, question.id, question.asked.value, outcome=Outcome.VERIFIED)
    return c.done(
        Outcome.VERIFIED,
        receipt,
        AssertionOptions,
        challenge=asked(c, question),
        public_key_credential_request_options=request_options(c, question, passkey),
        passkey_binding=passkey_shown(c, passkey) if passkey else None,
        durable_record=durable("human_auth_challenge", question),
        privacy_boundary=c.privacy(),
        webauthn_origin_policy=c.origin_policy,
        authority_boundaries=c.boundaries(),
    )


def _parts(c: Crossing, body: VerificationWanted) -> AssertionParts | Refusal:
    """Return the raw parts of an assertion, noted so that the answer can say that none was kept."""
    given = (body.client_data_json_b64url, body.authenticator_data_b64url, body.signature_b64url)
    if not all(given):
        return Refusal(Code.HUMAN_AUTH_WEBAUTHN_ASSERTION_MISSING)
    try:
        client_data, data, signature = map(unb64url, given)
    except ValueError:
        return Refusal(Code.HUMAN_AUTH_WEBAUTHN_CLIENT_DATA_INVALID)
    c.witness.saw("client_data", client_data)
    c.witness.saw("assertion", data, signature)
    return AssertionParts(*given, body.user_handle_b64url or None)


def _answering(c: Crossing, question: Question, body: VerificationWanted) -> Passkey | Refusal:
    """Return the passkey that answers: known by its hash, the one that is named, and of whom the question is about."""
    found = bindings.by_hash(c.tx, bytes.fromhex(body.credential_id_hash.removeprefix("sha256:")))
    wanted = c.passkey(body.passkey_binding) if body.passkey_binding else question.passkey
    if wanted and bindings.find(c.tx, wanted) is None:
        return Refusal(Code.HUMAN_AUTH_PASSKEY_BINDING_UNKNOWN)
    if found is None:
        return Refusal(
            Code.HUMAN_AUTH_PASSKEY_CREDENTIAL_MISMATCH if wanted else Code.HUMAN_AUTH_PASSKEY_BINDING_UNKNOWN
        )
    if found.id != (wanted or found.id) or found.id != (question.passkey or found.id):
        return Refusal(Code.HUMAN_AUTH_PASSKEY_CREDENTIAL_MISMATCH)
    if question.subject and found.person != question.subject:
        return Refusal(Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH)
    return _bound_here(c, question, found)


def _bound_here(c: Crossing, question: Question, found: Passkey) -> Passkey | Refusal:
    facts = bindings.facts(c.tx, found.id)
    if facts is not None and facts.rp_id != question.rp_id:
        return Refusal(Code.HUMAN_AUTH_WRONG_RP_ID)
    return found


def _proved(c: Crossing, question: Question, passkey: Passkey, parts: AssertionParts) -> Refusal | None:
    """Verify the assertion against exactly this question."""
    if not c.body.user_verified:
        return Refusal(Code.HUMAN_AUTH_USER_VERIFICATION_MISSING)
    facts = bindings.facts(c.tx, passkey.id)
    own = facts is None or not facts.imported
    if parts.user_handle and own and parts.user_handle != b64url(passkey.person.encode()):
        return Refusal(Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH, ("user_handle_mismatch",))
    party = RelyingParty(question.rp_id, "Ostiary", frozenset({question.origin}))
    asserted = bindings.verified(c.tx, party, passkey, question.nonce, parts)
    if isinstance(asserted, Refusal):
        return fault_of(asserted)
    if passkey.hold and question.scopes != _HELD.get(Hold(passkey.hold)):
        return Refusal(Code.PASSKEY_QUARANTINED, (passkey.hold,))  # told to its holder only
    refused = bindings.used(c.tx, passkey, asserted)
    return None if refused is None else fault_of(refused)


def fault_of(refused: Refusal) -> Refusal:
    """Say in the membrane's words why a ceremony does not hold."""
    word = refused.reasons[0] if refused.reasons else ""
    code = _FAULTS.get(Fault(word)) if word in set(Fault) else None
    return Refusal(code or Code.HUMAN_AUTH_WEBAUTHN_ASSERTION_INVALID, refused.reasons)
