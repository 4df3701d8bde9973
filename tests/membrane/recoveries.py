"""The refusals of recovery, in the same table: importing this completes `CASES`."""

from ostiary.kernel.clock import SECOND
from ostiary.kernel.refusals import Code
from tests.membrane.refusals import (
    CASES,
    FIXTURE,
    HOUR,
    LIVE,
    LOGIN_FINISH,
    NOBODY,
    OFFER,
    REGISTER,
    UNKNOWN,
    VERIFY,
    but,
    case,
    strangers,
    tried,
)
from tests.membrane.stage import Asking, Person, good
from tests.recovery.story import Story, cancelling, contesting, executable, proving
from tests.sessions.blocked import barred

__all__ = ["CASES"]

POLICY, SEND, CONFIRM = "auth.recoveryPolicy", "auth.recoveryContactSend", "auth.recoveryContactConfirm"
EXECUTE, CANCEL, CONTEST = "auth.recoveryExecute", "auth.recoveryCancel", "auth.recoveryContest"
DAY = 24 * HOUR

for _name in (POLICY, SEND, CONFIRM, EXECUTE, CANCEL, CONTEST):
    but(_name, Code.AUTH_RECOVERY_POLICY_RAW_MATERIAL_REFUSED, raw_recovery_secret="")
for _name in (POLICY, EXECUTE):
    but(_name, Code.AUTH_RECOVERY_POLICY_FIXTURE_ONLY, (FIXTURE,), fixture=False)
    but(_name, Code.TENANT_MODE_MISMATCH, (LIVE,), fixture=True)
    but(_name, Code.HUMAN_AUTH_BIOMETRIC_MATERIAL_REFUSED, contains_biometric_material=True)
    but(_name, Code.CUSTOMER_DATA_REFUSED, contains_customer_data=True)
    but(_name, Code.M13_WRONG_ACTOR, actor=NOBODY)
    but(_name, Code.M13_WRONG_VESSEL, vessel="vessel:nobodys")
    but(_name, Code.AUTH_RECOVERY_POLICY_STANDING_MISMATCH, standing="standing:nobodys")
    but(_name, Code.M13_HUMAN_PRESENCE_MISSING, human_presence_receipt=UNKNOWN)
but(CONTEST, Code.M13_HUMAN_PRESENCE_MISSING, human_presence_receipt=UNKNOWN)
but(POLICY, Code.AUTH_RECOVERY_POLICY_CANNOT_CREATE_STANDING, create_standing_from_recovery=True)
but(EXECUTE, Code.AUTH_RECOVERY_CANNOT_CREATE_AUTHORITY, create_company_authority_from_recovery=True)
but(POLICY, Code.AUTH_RECOVERY_POLICY_HASH_REQUIRED, recovery_contact_hashes=[])
but(EXECUTE, Code.AUTH_RECOVERY_POLICY_HASH_REQUIRED, recovery_contact_hash="words")
but(POLICY, Code.AUTH_RECOVERY_METHOD_UNSUPPORTED, recovery_methods=["sms_otp"])
but(SEND, Code.AUTH_RECOVERY_METHOD_UNSUPPORTED, recovery_method="sms_otp")
but(SEND, Code.EMAIL_INVALID, contact_address="nobody")
but(POLICY, Code.AUTH_RECOVERY_POLICY_PASSKEY_UNKNOWN, passkey_binding="passkey_binding:nobodys")
but(POLICY, Code.REF_TAKEN, recovery_policy_ref="passkey_binding:odd")
but(CONFIRM, Code.REF_TAKEN, recovery_execution_ref="passkey_binding:odd")
but(CONFIRM, Code.AUTH_RECOVERY_CODE_REFUSED, recovery_contact="auth_recovery_contact:rc-nobodys")
but(CANCEL, Code.AUTH_RECOVERY_CODE_REFUSED, cancel_token="nobodys")
but(EXECUTE, Code.AUTH_RECOVERY_POLICY_UNKNOWN, recovery_policy="auth_recovery_policy:nobodys")
but(EXECUTE, Code.AUTH_RECOVERY_CONTACT_MISMATCH, recovery_contact_hash="sha256:" + "00" * 32)
but(EXECUTE, Code.AUTH_RECOVERY_REPLACEMENT_UNKNOWN, replacement_passkey_binding="passkey_binding:nobodys")
but(EXECUTE, Code.AUTH_SESSION_DEVICE_MISMATCH, device_binding="device_binding:another")


@case(POLICY, Code.AUTH_RECOVERY_POLICY_PASSKEY_SUBJECT_MISMATCH)
def _anothers_passkey(s):
    return s.whole(POLICY).but(passkey_binding=Person(s).binding)


@case(POLICY, Code.AUTH_RECOVERY_POLICY_PRESENCE_INVALID)
def _for_something_else(s):
    return s.whole(POLICY).but(human_presence_receipt=s.presence("passkey.add"))


@case(POLICY, Code.M13_HUMAN_PRESENCE_SUBJECT_MISMATCH)
def _policy_by_another(s):
    return s.whole(POLICY).but(human_presence_receipt=strangers(s, "auth.recovery.policy"))


def done(s):
    """Somebody who has recovered, and their session by the new passkey: (story, token)."""
    story, asking = executable(s)
    good(s.send(asking))
    start = good(s.start())
    proof = good(s.verify(start, story.passkey)).json["body"]["human_presence_receipt"]
    return story, good(s.finish(start, proof)).json["body"]["bearer_token"]


@case(POLICY, Code.AUTH_RECOVERY_CONTESTABLE)
def _policy_too_early(s):
    story, token = done(s)
    proof = s.presence("auth.recovery.policy", passkey=story.passkey)
    return Asking(POLICY, token, story.setting(proof, passkey_binding=story.binding))


@case(SEND, Code.AUTH_RATE_LIMIT_THROTTLED)
def _throttled(s):
    return tried(s, s.whole(SEND)._replace(key=None), 5)


@case(SEND, Code.AUTH_RATE_LIMIT_LOCKED)
def _locked(s):
    return tried(s, s.whole(SEND)._replace(key=None), 10)


def guess(s):
    """A printed code that nobody has."""
    return Asking(CONFIRM, s.client, {"tenant": s.ref, "recovery_code": "0000-0000-0000-0000"})


@case(CONFIRM, Code.AUTH_RATE_LIMIT_THROTTLED)
def _guesses(s):
    return tried(s, guess(s), 5)


@case(CONFIRM, Code.AUTH_RATE_LIMIT_LOCKED)
def _many_guesses(s):
    return tried(s, guess(s), 10)


@case(CONFIRM, Code.AUTH_RECOVERY_POLICY_UNKNOWN)
def _replaced(s):
    story, asking = proving(s)
    story.insured()
    return asking


@case(CONFIRM, Code.AUTH_RECOVERY_POLICY_CONSUMED)
def _consumed_meanwhile(s):
    story, first = executable(s)
    contact = story.send().json["body"]["recovery_contact"]
    right = story.code()
    good(s.send(first))
    return Asking(CONFIRM, s.client, {"tenant": s.ref, "recovery_contact": contact, "code": right})


@case(EXECUTE, Code.AUTH_RECOVERY_POLICY_CONSUMED)
def _again(s):
    _, asking = executable(s)
    good(s.send(asking))
    return asking


@case(EXECUTE, Code.AUTH_RECOVERY_CANCELLED)
def _begun_anew(s):
    story, asking = executable(s)
    kept = story.begun
    story.begin()
    story.begun = kept
    return asking


@case(EXECUTE, Code.AUTH_RECOVERY_WAITING, (LIVE,))
def _too_early(s):
    story = Story(s)
    story.insured()
    story.begin()
    story.binding = "passkey_binding:none"
    return Asking(EXECUTE, s.client, story.executing(UNKNOWN))


@case(EXECUTE, Code.M13_HUMAN_PRESENCE_SUBJECT_MISMATCH)
def _by_the_old_one(s):
    story, asking = executable(s)
    return asking.but(human_presence_receipt=story.presence(story.person.passkey))


@case(EXECUTE, Code.M13_HUMAN_PRESENCE_PURPOSE_MISMATCH)
def _executed_for_something_else(s):
    _, asking = executable(s)
    return asking.but(human_presence_receipt=s.presence("passkey.add"))


@case(EXECUTE, Code.M13_HUMAN_PRESENCE_STALE)
def _late(s):
    _, asking = executable(s)
    s.home.clock.turn(301 * SECOND)
    return asking


def used(s, story, act, passkey):
    """A proof of presence for this act that has served another one."""
    start = good(s.start())
    token = good(s.finish(start, good(s.verify(start, passkey)).json["body"]["human_presence_receipt"]))
    proof = s.presence(act, "auth.session.issue", passkey=passkey, subject=story.person.ref)
    good(s.issue(token.json["body"]["bearer_token"], proof))
    return proof


@case(EXECUTE, Code.M13_HUMAN_PRESENCE_CONSUMED)
def _used_before(s):
    story, asking = executable(s)
    return asking.but(human_presence_receipt=used(s, story, "auth.recovery.execute", story.person.passkey))


@case(CONTEST, Code.M13_HUMAN_PRESENCE_CONSUMED)
def _contest_used_before(s):
    story, asking = contesting(s)
    return asking.but(human_presence_receipt=used(s, story, "auth.recovery.contest", story.passkey))


@case(CONTEST, Code.M13_HUMAN_PRESENCE_STALE)
def _contest_late(s):
    _, asking = contesting(s)
    s.home.clock.turn(301 * SECOND)
    return asking


@case(CONTEST, Code.M13_HUMAN_PRESENCE_PURPOSE_MISMATCH)
def _contest_by_another_proof(s):
    story, asking = contesting(s)
    return asking.but(human_presence_receipt=story.presence(story.passkey, "passkey.add"))


@case(CANCEL, Code.AUTH_RECOVERY_CANCELLED)
def _twice(s):
    _, asking = cancelling(s)
    good(s.send(asking))
    return asking


@case(CANCEL, Code.AUTH_RECOVERY_POLICY_CONSUMED)
def _too_late(s):
    story, asking = cancelling(s)
    story.wait()
    good(story.register())
    good(story.execute())
    return asking


@case(CONTEST, Code.AUTH_RECOVERY_CONTEST_REFUSED)
def _by_the_new_one(s):
    story, asking = contesting(s)
    return asking.but(human_presence_receipt=story.presence(story.passkey, "auth.recovery.contest"))


@case(VERIFY, Code.PASSKEY_QUARANTINED)
def _set_aside(s):
    story, asking = executable(s)
    good(s.send(asking))
    return s.verifying(good(s.send(s.options("auth.session.issue"))), story.person.passkey)


def asked_by(s, name, story):
    """What asks for the replacement of this recovery: the options, or the finish of a link's registration."""
    begun = story.begun
    said = {"recovery_execution_ref": begun["auth_recovery_execution"], "recovery_token": begun["recovery_token"]}
    if name == OFFER:
        return s.offering(s.client, **said)
    offered = good(s.send(s.offering(s.client, enrolment_token=s.invited())))
    return s.registering(s.client, offered, **said)


def begun(s):
    """A recovery that waits."""
    story = Story(s)
    story.insured()
    story.begin()
    return story


def over(s):
    """One that a newer one has replaced."""
    story = begun(s)
    kept = story.begun
    story.begin()
    story.begun = kept
    return story


def executed(s):
    """One that is done."""
    story, asking = executable(s)
    good(s.send(asking))
    return story


def unknown(s):
    """One whose secret is not known."""
    story = begun(s)
    story.begun = story.begun | {"recovery_token": "nobodys"}
    return story


def entitled(name):
    """The cases of an operation to which a running recovery entitles."""
    case(name, Code.AUTH_RECOVERY_WAITING, (LIVE,))(lambda s: asked_by(s, name, begun(s)))
    case(name, Code.AUTH_RECOVERY_CANCELLED)(lambda s: asked_by(s, name, over(s)))
    case(name, Code.AUTH_RECOVERY_POLICY_CONSUMED)(lambda s: asked_by(s, name, executed(s)))
    case(name, Code.AUTH_RECOVERY_POLICY_UNKNOWN)(lambda s: asked_by(s, name, unknown(s)))


entitled(OFFER)
entitled(REGISTER)


# Somebody who is blocked, once all that they had to prove is proved


def blocked(s, asking):
    """The same asking, after the stage's person was blocked."""
    s.act(barred(s.person.id))
    return asking


def with_a_link(s, name):
    """What asks for a passkey by a one-time link: the options, or the registration."""
    if name == OFFER:
        return s.offering(s.client, enrolment_token=s.invited())
    link = s.invited()
    return s.registering(s.client, good(s.send(s.offering(s.client, enrolment_token=link))), enrolment_token=link)


case(LOGIN_FINISH, Code.BLOCKED_BY_POLICY)(lambda s: blocked(s, s.whole(LOGIN_FINISH)))
case(OFFER, Code.BLOCKED_BY_POLICY)(lambda s: blocked(s, with_a_link(s, OFFER)))
case(REGISTER, Code.BLOCKED_BY_POLICY)(lambda s: blocked(s, with_a_link(s, REGISTER)))
case(CONFIRM, Code.BLOCKED_BY_POLICY)(lambda s: blocked(s, proving(s)[1]))
case(EXECUTE, Code.BLOCKED_BY_POLICY)(lambda s: blocked(s, executable(s)[1]))


@case(OFFER, Code.AUTH_RECOVERY_CONTESTABLE)
def _adding_too_early(s):
    return s.offering(done(s)[1])
