"""The login ceremony: start asks the limits and puts a challenge, finish turns its proof of presence into a session."""

from ostiary.identities import service as identities
from ostiary.kernel.clock import SECOND, instant
from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.ids import timed_id
from ostiary.kernel.refs import named, ref
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import EventName, Outcome
from ostiary.limits import service as limits
from ostiary.limits.model import Decision, Evaluation
from ostiary.membrane import store
from ostiary.membrane.bodies import Durable, Finished, Started
from ostiary.membrane.ceremonies import ask, asked, durable, named_passkey, passkey_shown, request_options
from ostiary.membrane.crossing import Crossing
from ostiary.membrane.issuing import Issue, Made, issue, token_fields
from ostiary.membrane.limiting import knock
from ostiary.membrane.model import Asked, Kind, Progress, Question
from ostiary.membrane.requests import FinishWanted, StartWanted
from ostiary.passkeys import bindings
from ostiary.passkeys.model import Passkey
from ostiary.presence import service as presence
from ostiary.presence.model import Held
from ostiary.web.envelope import Envelope

__all__ = ["finish", "start"]

_FINISH, _START = "auth.login.finish", "auth.login.start"
_NAMED = (Code.AUTH_LOGIN_PASSKEY_BINDING_UNKNOWN, Code.AUTH_LOGIN_PASSKEY_SUBJECT_MISMATCH)
_PRESENCE_WORDS = frozenset(
    {
        Code.M13_HUMAN_PRESENCE_MISSING,
        Code.M13_HUMAN_PRESENCE_STALE,
        Code.M13_HUMAN_PRESENCE_CONSUMED,
        Code.M13_HUMAN_PRESENCE_PURPOSE_MISMATCH,
    }
)


def start(c: Crossing) -> Envelope[Started] | Refusal:
    """Begin a login: the limits decide, and where they allow it a challenge is put on record, with its evaluation.

    A throttle or a lockout makes no challenge. Fresh presence for `auth.login.start` lifts both (ruling 27).
    """
    body: StartWanted = c.body
    party = c.relying_party(body.relying_party_id, body.origin)
    if isinstance(party, Refusal):
        return party
    subject = c.person(body.subject)
    if not subject:
        return Refusal(Code.REQUEST_MALFORMED, ("subject",))
    passkey = _passkey(c, body, subject)
    if isinstance(passkey, Refusal):
        return passkey
    asking = knock(c, Code.AUTH_LOGIN_RATE_LIMIT_POLICY_INVALID, "/v1/auth/login/start", _START)
    if isinstance(asking, Refusal):
        return asking
    lifted = _lifted(c, body.human_presence_receipt, subject, body.device_binding)
    if isinstance(lifted, Refusal):
        return lifted
    attempt = timed_id("la", c.tx.secrets, c.tx.now)
    evaluation = limits.evaluate(c.tx, c.caller, asking, attempt, lifted=lifted)
    if evaluation.refusal is not None:
        return evaluation.refusal
    about = Question(attempt, Asked.LOGIN, subject, "", party.id, body.origin, _FINISH, b"", "", "", evaluation.id, 0)
    return _started(c, ask(c, about, passkey, body.device_binding), evaluation, passkey)


def _passkey(c: Crossing, body: StartWanted, subject: str) -> Passkey | Refusal | None:
    passkey = named_passkey(c, body.passkey_binding, subject, _NAMED)
    if isinstance(passkey, Passkey):
        facts = bindings.facts(c.tx, passkey.id)
        if facts is not None and (facts.rp_id, facts.origin) != (body.relying_party_id, body.origin):
            return Refusal(Code.AUTH_LOGIN_PASSKEY_ORIGIN_MISMATCH)
    return passkey


def _lifted(c: Crossing, receipt: str, subject: str, device: str) -> bool | Refusal:
    """Consume presence that lifts the limits, where it is shown."""
    if not receipt:
        return False
    held = c.proof(receipt, _START, subject, device)
    if isinstance(held, Refusal):
        return held
    return presence.use(c.tx, held)


def _started(c: Crossing, question: Question, evaluation: Evaluation, passkey: Passkey | None) -> Envelope[Started]:
    receipt = c.tell(EventName.LOGIN_START, question.id, f"evaluation:{evaluation.id}")
    shown = ref("auth_rate_limit_evaluation", evaluation.id)
    return c.done(
        Outcome.ADMITTED,
        receipt,
        Started,
        login_attempt=ref("auth_login_attempt", question.id),
        auth_rate_limit_evaluation=shown,
        rate_limit_decision=evaluation.decision.value,
        challenge=asked(c, question),
        public_key_credential_request_options=request_options(c, question, passkey),
        passkey_binding=passkey_shown(c, passkey) if passkey else None,
        durable_records={
            "rate_limit": Durable(shown, evaluation.decision.value, instant(evaluation.expires_at)),
            "challenge": durable("human_auth_challenge", question),
            "login_attempt": durable("auth_login_attempt", question),
        },
        privacy_boundary=c.privacy(),
        webauthn_origin_policy=c.origin_policy,
        authority_boundaries=c.boundaries(),
    )


def finish(c: Crossing) -> Envelope[Finished] | Refusal:
    """End a login: presence, challenge and evaluation are consumed together, and one session is issued.

    Nothing is consumed where anything is refused. The challenge's row is held, so that of two finishes one wins.
    """
    body: FinishWanted = c.body
    question = _question(c, body)
    if isinstance(question, Refusal):
        return question
    blocked = identities.hold(
        c.tx, question.subject
    )  # before the proof, which a recovery voids while it holds the person
    evaluation = _evaluation(c, body, question)
    if isinstance(evaluation, Refusal):
        return evaluation
    person = c.person(body.actor)
    wanted = _wanted(c, body, question, person)
    if isinstance(wanted, Refusal):
        return wanted
    held = _presence(c, body, question, person)
    if isinstance(held, Refusal):
        return held
    if blocked:
        return Refusal(Code.BLOCKED_BY_POLICY)
    made = issue(c, wanted, held, Code.AUTH_LOGIN_SESSION_ALREADY_ISSUED)
    if isinstance(made, Refusal):
        return made
    if not (limits.use(c.tx, evaluation.id, question.id) and store.spend(c.tx, question.id, Progress.ANSWERED)):
        raise ContractBroken("what was held for this login was consumed by another")
    limits.relieve(c.tx, evaluation)
    return _finished(c, body, question, made)


def _question(c: Crossing, body: FinishWanted) -> Question | Refusal:
    """Return the login that is finished, held, if the caller began it and nobody has finished it."""
    question = store.hold(c.tx, named("human_auth_challenge", body.login_challenge) or "")
    if question is None or question.holder != c.who.id:
        return Refusal(Code.HUMAN_AUTH_CHALLENGE_UNKNOWN)
    if question.asked is not Asked.LOGIN:
        return Refusal(Code.AUTH_LOGIN_CHALLENGE_MISMATCH)
    if question.state is not Progress.SPENT:
        return question
    guessed = not question.presence
    return Refusal(Code.AUTH_LOGIN_HUMAN_PRESENCE_INVALID if guessed else Code.AUTH_LOGIN_SESSION_ALREADY_ISSUED)


def _evaluation(c: Crossing, body: FinishWanted, question: Question) -> Evaluation | Refusal:
    """Return the evaluation of this very attempt, if it allows and is fresh."""
    found = limits.find(c.tx, named("auth_rate_limit_evaluation", body.auth_rate_limit_evaluation) or "")
    if found is None:
        return Refusal(Code.AUTH_LOGIN_RATE_LIMIT_MISSING)
    fresh = found.decision is Decision.ALLOW and not found.used_at and c.tx.now < found.expires_at
    mine = found.id == question.evaluation and found.attempt == question.id
    return found if fresh and mine else Refusal(Code.AUTH_LOGIN_RATE_LIMIT_NOT_ALLOWED)


def _wanted(c: Crossing, body: FinishWanted, question: Question, person: str) -> Issue | Refusal:
    """Return the session that is asked for, if the person and the client may have it."""
    standing = c.standing(body.standing, person, Code.AUTH_LOGIN_STANDING_MISMATCH)
    if isinstance(standing, Refusal):
        return standing
    key = c.signing_key(body.holder_key, Code.AUTH_LOGIN_HOLDER_KEY_MISMATCH)
    if isinstance(key, Refusal):
        return key
    passkey = named_passkey(c, body.passkey_binding, person, _NAMED)
    if isinstance(passkey, Refusal):
        return passkey
    if person != question.subject:
        return Refusal(Code.M13_WRONG_ACTOR)
    vessel = c.vessel(body.vessel, person, question.passkey)
    if isinstance(vessel, Refusal):
        return vessel
    if body.device_binding != question.device:
        return Refusal(Code.AUTH_SESSION_DEVICE_MISMATCH)
    client, scopes = _client(c)
    refused = c.allowed(body.scopes, person, scopes)
    if refused is not None:
        return refused
    life = body.expires_in_seconds * SECOND
    return Issue(person, body.session, tuple(body.scopes), life, vessel, standing, body.device_binding, client)


def _client(c: Crossing) -> tuple[str, tuple[str, ...] | None]:
    """Return for whom the session is issued and what that may ask for; None for no bound (the fixture's own word)."""
    if c.who.kind is Kind.BROWSER:
        return c.browser()
    return (c.who.id, c.who.scopes) if c.who.kind is Kind.CLIENT else ("", None)


def _presence(c: Crossing, body: FinishWanted, question: Question, person: str) -> Held | Refusal:
    """Return the proof that the answer to this challenge yielded."""
    held = c.proof(body.human_presence_receipt, _FINISH, person)
    if isinstance(held, Refusal):
        return Refusal(Code.AUTH_LOGIN_HUMAN_PRESENCE_INVALID) if held.code in _PRESENCE_WORDS else held
    return held if held.subject == question.id else Refusal(Code.AUTH_LOGIN_CHALLENGE_MISMATCH)


def _finished(c: Crossing, body: FinishWanted, question: Question, made: Made) -> Envelope[Finished]:
    receipt = c.tell(EventName.LOGIN_FINISH, made.session, f"attempt:{question.id}", f"presence:{made.presence}")
    return c.done(
        Outcome.ADMITTED,
        receipt,
        Finished,
        **token_fields(c, made, receipt),
        human_presence_receipt=body.human_presence_receipt,
        login_challenge=body.login_challenge,
        auth_rate_limit_evaluation=body.auth_rate_limit_evaluation,
        satisfies_sensitive_approval_requirement=False,  # no session approves a sensitive act (ruling 25)
    )
