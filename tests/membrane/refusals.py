"""Every refusal that the membrane can answer, and how it is provoked over HTTP: `CASES` of operation and code.

A case prepares whatever it takes on a stage and returns the one request that must be refused.
"""

from collections.abc import Callable
from typing import NamedTuple

from ostiary.access import clients
from ostiary.identities import devices
from ostiary.kernel.clock import SECOND
from ostiary.kernel.refusals import Code
from ostiary.keys import service as keys
from ostiary.keys.model import Purpose
from ostiary.membrane.table import ROWS
from ostiary.sessions import service as sessions
from ostiary.web.operation import Audience
from ostiary_client.authenticator import Behaviour, SoftPasskey
from tests.login.gatehouse import OPERATOR
from tests.membrane.stage import FIXTURE_ONLY, HASH, NUMBERS, SCOPES, Asking, Person, Stage, good, sha256

HOUR = 3600 * SECOND
LIVE, FIXTURE, SEEDED = "live", "fixture", "seeded"
BOTH = (LIVE, FIXTURE)


class Case(NamedTuple):
    """One refusal: on which stages it is provoked, and how."""

    operation: str
    code: Code
    stages: tuple[str, ...]
    prepare: Callable[[Stage], Asking]


CASES: dict[tuple[str, Code], Case] = {}


def stages_of(operation):
    """Where an operation is admitted."""
    if operation == "auth.session.exchange":
        return (SEEDED,)
    return (FIXTURE,) if operation in FIXTURE_ONLY else BOTH


def case(operation, code, stages=None):
    """Put a function into the table."""

    def put(prepare):
        assert (operation, code) not in CASES, (operation, code)
        CASES[operation, code] = Case(operation, code, stages or stages_of(operation), prepare)
        return prepare

    return put


def but(operation, code, stages=None, **fields):
    """Put a case whose request differs from an admitted one in these fields only."""
    case(operation, code, stages)(lambda stage: stage.whole(operation).but(**fields))


LOGIN_START, LOGIN_FINISH, EXCHANGE = "auth.loginStart", "auth.loginFinish", "auth.session.exchange"
ISSUE, INSPECT, REFRESH = "auth.sessionIssue", "auth.sessionInspect", "auth.sessionRefresh"
REVOKE, EVALUATE = "authority.sessionRevoke", "auth.rateLimitEvaluate"
CHALLENGE, OPTIONS, VERIFY = "humanAuth.challenge", "humanAuth.passkeyAssertionOptions", "humanAuth.verifyPasskey"
OFFER, REGISTER, IMPORT = (
    "humanAuth.passkeyRegistrationOptions",
    "humanAuth.registerPasskey",
    "humanAuth.passkeyImport",
)
NOBODY = "human_person:user-" + "A" * 22
UNKNOWN = "human_presence_receipt:hp-" + "A" * 22


# At the door of every operation


def at_the_door(row):
    """The cases that every operation of an audience has."""
    name, audience = row.operation.name, row.operation.audience
    here = stages_of(name)[:1]  # nobody has looked at the tenant yet
    but(name, Code.REQUEST_MALFORMED, no_such_field=1)
    case(name, Code.REQUEST_TOO_LARGE, here)(lambda s: s.whole(name).but(headers={"content-length": "70000"}))
    but(name, Code.REQUEST_TOO_SLOW, here)  # the test sends no body
    but(name, Code.STORE_UNAVAILABLE, here)  # the test takes the store away
    case(name, Code.ORIGIN_REFUSED, here)(lambda s: s.whole(name).but(headers={"origin": "https://evil.example"}))
    but(name, Code.TOKEN_TAMPERED, here, key="v1.tok-forged")
    if audience is Audience.FIXTURE:
        case(name, Code.CROSS_TENANT_ACCESS)(lambda s: s.whole(name).but(key=None, tenant="tenant_node:nowhere"))
    else:
        case(name, Code.CROSS_TENANT_ACCESS)(lambda s: s.whole(name).but(tenant=s.other.ref))
    if audience is Audience.CLIENT:
        case(name, Code.CALLER_REFUSED)(lambda s: s.whole(name).but(key=s.operator))
    elif audience is not Audience.FIXTURE:
        key = "client" if audience in {Audience.OPERATOR, Audience.TOKEN} else "operator"
        case(name, Code.CALLER_REFUSED)(lambda s: s.whole(name).but(key=getattr(s, key)))
    if audience in {Audience.OPERATOR, Audience.TOKEN}:
        but(name, Code.SESSION_MISSING, key=None)


def with_a_dead_session(name):
    """The cases of an operation whose caller is a session."""

    @case(name, Code.SESSION_REVOKED)
    def _revoked(s):
        asking = s.whole(name)
        good(s.revoke(asking.key, good(s.inspect(asking.key)).json["body"]["session"]))
        return asking

    @case(name, Code.SESSION_EXPIRED)
    def _expired(s):
        s.life = 60
        asking = s.whole(name)
        s.home.clock.turn(61 * SECOND)
        return asking

    @case(name, Code.TOKEN_REUSED)
    def _reused(s):
        asking = s.whole(name)
        good(s.refresh(asking.key, s.presence("auth.session.refresh")))
        s.home.clock.turn(60 * SECOND)
        return asking


for _row in ROWS:
    at_the_door(_row)
    if _row.operation.audience in {Audience.TOKEN, Audience.REGISTRANT}:
        with_a_dead_session(_row.operation.name)


@case(EXCHANGE, Code.SESSION_REVOKED)
def _exchange_revoked(s):
    asking = s.whole(EXCHANGE)
    good(s.revoke(asking.key, "auth_session:fixture_valid"))
    return asking


@case(EXCHANGE, Code.SESSION_EXPIRED)
def _exchange_expired(s):
    asking = s.whole(EXCHANGE)
    s.home.clock.turn(25 * HOUR)
    return asking


case(EXCHANGE, Code.ROUTE_UNKNOWN, (LIVE,))(lambda s: Asking(EXCHANGE, s.client, {}))


# What a request must and must not say

for _name, _code in (
    (LOGIN_START, Code.AUTH_LOGIN_RAW_IDENTIFIER_REFUSED),
    (LOGIN_FINISH, Code.AUTH_LOGIN_RAW_IDENTIFIER_REFUSED),
    (ISSUE, Code.AUTH_LOGIN_RAW_IDENTIFIER_REFUSED),
    (INSPECT, Code.AUTH_LOGIN_RAW_IDENTIFIER_REFUSED),
    (REFRESH, Code.AUTH_LOGIN_RAW_IDENTIFIER_REFUSED),
    (REVOKE, Code.AUTH_LOGIN_RAW_IDENTIFIER_REFUSED),
    (EVALUATE, Code.AUTH_RATE_LIMIT_RAW_IDENTIFIER_REFUSED),
    (CHALLENGE, Code.HUMAN_AUTH_RAW_CREDENTIAL_MATERIAL_REFUSED),
    (OPTIONS, Code.HUMAN_AUTH_RAW_CREDENTIAL_MATERIAL_REFUSED),
    (VERIFY, Code.HUMAN_AUTH_RAW_CREDENTIAL_MATERIAL_REFUSED),
    (OFFER, Code.HUMAN_AUTH_RAW_CREDENTIAL_MATERIAL_REFUSED),
    (IMPORT, Code.HUMAN_AUTH_RAW_CREDENTIAL_MATERIAL_REFUSED),
):
    but(_name, _code, raw_ip_address="")
but(REGISTER, Code.HUMAN_AUTH_RAW_CREDENTIAL_MATERIAL_REFUSED, private_key_material_supplied=True)
for _name, _code in (
    (LOGIN_START, Code.AUTH_LOGIN_FIXTURE_ONLY),
    (LOGIN_FINISH, Code.AUTH_LOGIN_FIXTURE_ONLY),
    (ISSUE, Code.AUTH_SESSION_ISSUE_FIXTURE_ONLY),
    (REFRESH, Code.AUTH_SESSION_REFRESH_FIXTURE_ONLY),
    (EVALUATE, Code.AUTH_RATE_LIMIT_FIXTURE_ONLY),
):
    but(_name, _code, (FIXTURE,), fixture=False)
    but(_name, Code.TENANT_MODE_MISMATCH, (LIVE,), fixture=True)
case(IMPORT, Code.HUMAN_AUTH_PASSKEY_IMPORT_FIXTURE_ONLY, (LIVE,))(Stage.importing)
for _name in (LOGIN_START, OPTIONS, VERIFY, OFFER, REGISTER, IMPORT):
    but(_name, Code.HUMAN_AUTH_BIOMETRIC_MATERIAL_REFUSED, contains_biometric_material=True)
for _name in (LOGIN_START, EVALUATE, OPTIONS, OFFER, REGISTER, IMPORT):
    but(_name, Code.CUSTOMER_DATA_REFUSED, contains_customer_data=True)
but(LOGIN_START, Code.AUTH_LOGIN_SOURCE_HASH_REQUIRED, source_ip_hash="ab" * 32)
but(EVALUATE, Code.AUTH_RATE_LIMIT_HASH_REQUIRED, source_ip_hash=None)
for _name in (VERIFY, REGISTER, IMPORT):
    but(_name, Code.HUMAN_AUTH_CREDENTIAL_HASH_REQUIRED, credential_id_hash="sha256:words")
for _name, _code in (
    (LOGIN_FINISH, Code.AUTH_LOGIN_EXPIRY_INVALID),
    (ISSUE, Code.AUTH_SESSION_ISSUE_EXPIRY_INVALID),
    (REFRESH, Code.AUTH_SESSION_REFRESH_EXPIRY_INVALID),
):
    but(_name, _code, expires_in_seconds=86_401)
for _name, _code in (
    (LOGIN_START, Code.AUTH_LOGIN_RATE_LIMIT_POLICY_INVALID),
    (EVALUATE, Code.AUTH_RATE_LIMIT_POLICY_INVALID),
):
    but(_name, _code, **NUMBERS | {"soft_limit": 11})
for _name in (LOGIN_START, OPTIONS, OFFER, REGISTER, IMPORT):
    but(_name, Code.HUMAN_AUTH_WRONG_RP_ID, relying_party_id="evil.example")
    but(_name, Code.HUMAN_AUTH_WRONG_ORIGIN, origin="https://evil.example")
but(CHALLENGE, Code.HUMAN_AUTH_WRONG_RP_ID, relying_party_id="evil.example")


# The limits


def tried(s, asking, times):
    """Ask so often; return the same asking."""
    for _ in range(times):
        s.send(asking)
    return asking


def limited(name):
    """Throttle and lockout: by the server's count in a live tenant, by the request's numbers in a fixture."""

    @case(name, Code.AUTH_RATE_LIMIT_THROTTLED)
    def _throttled(s):
        asking = s.whole(name)
        return asking.but(attempt_count=6) if s.fixture else tried(s, asking, 5)

    @case(name, Code.AUTH_RATE_LIMIT_LOCKED)
    def _locked(s):
        asking = s.whole(name)
        return asking.but(attempt_count=10) if s.fixture else tried(s, asking, 9)


limited(LOGIN_START)
limited(EVALUATE)


# Presence


def with_presence(name, act):
    """The cases of an operation that consumes presence for `act`."""
    but(name, Code.M13_HUMAN_PRESENCE_MISSING, human_presence_receipt=UNKNOWN)

    @case(name, Code.M13_HUMAN_PRESENCE_STALE)
    def _stale(s):
        receipt = s.presence(act)
        s.home.clock.turn(300 * SECOND)
        return s.whole(name).but(human_presence_receipt=receipt)

    @case(name, Code.M13_HUMAN_PRESENCE_CONSUMED)
    def _consumed(s):
        receipt = s.presence(act)
        asking = s.whole(name).but(human_presence_receipt=receipt)
        good(s.send(asking))
        return s.whole(name).but(human_presence_receipt=receipt)

    @case(name, Code.M13_HUMAN_PRESENCE_PURPOSE_MISMATCH)
    def _for_something_else(s):
        return s.whole(name).but(human_presence_receipt=s.presence("auth.recovery.policy"))

    @case(name, Code.M13_HUMAN_PRESENCE_SUBJECT_MISMATCH)
    def _of_another(s):
        return s.whole(name).but(human_presence_receipt=strangers(s, act))


def strangers(s, act):
    """A proof of presence of another person of the tenant."""
    me, s.person = s.person, Person(s)
    try:
        return s.presence(act)
    finally:
        s.person = me


with_presence(LOGIN_START, "auth.login.start")
with_presence(ISSUE, "auth.session.issue")
with_presence(REFRESH, "auth.session.refresh")
with_presence(REGISTER, "passkey.add")


# Login


but(LOGIN_START, Code.AUTH_LOGIN_PASSKEY_BINDING_UNKNOWN, passkey_binding="passkey_binding:nobodys")
case(LOGIN_START, Code.AUTH_LOGIN_PASSKEY_SUBJECT_MISMATCH)(lambda s: s.starting(passkey_binding=Person(s).binding))


@case(LOGIN_START, Code.AUTH_LOGIN_PASSKEY_ORIGIN_MISMATCH, (FIXTURE,))
def _elsewhere(s):
    return s.starting(passkey_binding=s.person.binding, origin=s.second_origin)


but(LOGIN_FINISH, Code.HUMAN_AUTH_CHALLENGE_UNKNOWN, login_challenge="human_auth_challenge:la-" + "A" * 22)


@case(LOGIN_FINISH, Code.AUTH_LOGIN_CHALLENGE_MISMATCH)
def _another_challenge(s):
    return s.ready().but(human_presence_receipt=s.presence("auth.login.finish"))


but(LOGIN_FINISH, Code.AUTH_LOGIN_HUMAN_PRESENCE_INVALID, human_presence_receipt=UNKNOWN)
case(LOGIN_FINISH, Code.M13_HUMAN_PRESENCE_SUBJECT_MISMATCH)(
    lambda s: s.ready().but(human_presence_receipt=strangers(s, "auth.login.finish"))
)
but(
    LOGIN_FINISH,
    Code.AUTH_LOGIN_RATE_LIMIT_MISSING,
    auth_rate_limit_evaluation="auth_rate_limit_evaluation:lev-" + "A" * 22,
)


@case(LOGIN_FINISH, Code.AUTH_LOGIN_RATE_LIMIT_NOT_ALLOWED)
def _of_another_attempt(s):
    made = good(s.start()).json["body"]["auth_rate_limit_evaluation"]
    return s.ready().but(auth_rate_limit_evaluation=made)


for _name, _code in (
    (LOGIN_FINISH, Code.AUTH_LOGIN_STANDING_MISMATCH),
    (ISSUE, Code.AUTH_SESSION_ISSUE_STANDING_MISMATCH),
):
    case(_name, _code)(lambda s, name=_name: s.whole(name).but(standing=Person(s).standing))
for _name, _code in (
    (LOGIN_FINISH, Code.AUTH_LOGIN_HOLDER_KEY_MISMATCH),
    (ISSUE, Code.AUTH_SESSION_ISSUE_HOLDER_KEY_MISMATCH),
    (REFRESH, Code.AUTH_SESSION_REFRESH_HOLDER_KEY_MISMATCH),
):
    but(_name, _code, holder_key="key_registry:sk-nobodys")


def with_an_old_key(name):
    """The case of a signing key that has been followed by another."""

    @case(name, Code.AUTH_SESSION_HOLDER_KEY_STALE)
    def _stale(s):
        old, house = s.signing_key.id, s.home.house
        s.act(lambda tx: keys.rotate(tx, house.sealer, house.keyring, OPERATOR, Purpose.SESSION))
        s.act(lambda tx: keys.load(tx, house.sealer, house.keyring))
        return s.whole(name).but(holder_key=f"key_registry:{old}")


for _name in (LOGIN_FINISH, ISSUE, REFRESH):
    with_an_old_key(_name)
    but(_name, Code.AUTH_SESSION_DEVICE_MISMATCH, device_binding="device_binding:another")
but(LOGIN_FINISH, Code.AUTH_LOGIN_PASSKEY_BINDING_UNKNOWN, passkey_binding="passkey_binding:nobodys")
case(LOGIN_FINISH, Code.AUTH_LOGIN_PASSKEY_SUBJECT_MISMATCH)(lambda s: s.ready(passkey_binding=Person(s).binding))


@case(LOGIN_FINISH, Code.AUTH_LOGIN_SESSION_ALREADY_ISSUED)
def _finished_twice(s):
    asking = s.ready()
    good(s.send(asking))
    return asking


@case(LOGIN_FINISH, Code.M13_WRONG_ACTOR)
def _another_actor(s):
    other = Person(s)
    return s.ready(actor=other.ref, standing=other.standing, vessel=other.vessel)


case(LOGIN_FINISH, Code.M13_WRONG_VESSEL)(lambda s: s.ready(vessel=Person(s).vessel))
for _name in (LOGIN_FINISH, ISSUE):
    but(_name, Code.AUTH_SESSION_SCOPES_REQUIRED, scopes=[])
    but(_name, Code.AUTH_SESSION_SCOPE_NOT_ALLOWED, scopes=["world.domination"])


# The life of a session


case(ISSUE, Code.M13_WRONG_ACTOR)(lambda s: s.whole(ISSUE).but(actor=Person(s).ref))


@case(ISSUE, Code.M13_WRONG_VESSEL)
def _another_vessel(s):
    asking = s.whole(ISSUE)
    name = "v_" + s.person.vessel[-4:] + "second"
    s.act(lambda tx: devices.add(tx, OPERATOR, s.person.id, name))
    return asking.but(vessel=f"vessel:{name}")


def taken(s, name):
    """An asking for a session whose ref is there already."""
    ref = f"auth_session:{'fixture_' * s.fixture}mine"
    s.send(s.ready(session=ref))
    return s.whole(name).but(session=ref)


case(ISSUE, Code.AUTH_SESSION_ISSUE_ALREADY_ISSUED)(lambda s: taken(s, ISSUE))
case(REFRESH, Code.AUTH_SESSION_ISSUE_ALREADY_ISSUED)(lambda s: taken(s, REFRESH))
but(REFRESH, Code.AUTH_SESSION_REFRESH_SCOPE_EXPANSION_REFUSED, scopes=["invoice.issue", "world.domination"])
case(INSPECT, Code.AUTH_SESSION_INSPECT_SESSION_MISMATCH)(
    lambda s: s.whole(INSPECT).but(session=s.login()["session"]),
)


@case(INSPECT, Code.AUTH_SESSION_UNKNOWN)
def _collected(s):
    asking = s.whole(INSPECT)
    s.home.clock.turn(30 * 3600 * SECOND)
    s.act(sessions.collect)
    return asking


but(REVOKE, Code.M13_SESSION_UNKNOWN, session="auth_session:fixture_nobodys")


@case(REVOKE, Code.M13_WRONG_ACTOR)
def _anothers_session(s):
    mine = s.whole(REVOKE)
    s.person = Person(s)
    return mine.but(session=s.login()["session"])


@case(REFRESH, Code.AUTH_SESSION_SCOPE_NOT_ALLOWED)
def _of_a_client_that_is_gone(s):
    s.client, before = s.key("client", SCOPES), s.client
    asking = s.whole(REFRESH)
    gone = s.act(lambda tx: clients.find(tx, s.client))
    s.act(lambda tx: clients.remove(tx, OPERATOR, gone.name))
    s.client = before
    return asking


@case(REGISTER, Code.AUTH_SESSION_DEVICE_MISMATCH)
def _proved_on_another_device(s):
    elsewhere = s.presence("passkey.add", device_binding="device_binding:another")
    return s.whole(REGISTER).but(human_presence_receipt=elsewhere)


@case(LOGIN_START, Code.AUTH_SESSION_DEVICE_MISMATCH)
def _lifted_from_another_device(s):
    elsewhere = s.presence("auth.login.start", device_binding="device_binding:another")
    return s.whole(LOGIN_START).but(human_presence_receipt=elsewhere)


def crowded(name, code, before):
    """The case of a browser without a key at an address from which too much was asked."""

    @case(name, code, (LIVE,))
    def _crowded(s):
        asking = s.whole(name).but(key=None)
        s.together(*[asking] * before)
        return asking


for _name in (CHALLENGE, OPTIONS):
    crowded(_name, Code.AUTH_RATE_LIMIT_THROTTLED, 100)
    crowded(_name, Code.AUTH_RATE_LIMIT_LOCKED, 200)


# Questions and answers


but(OPTIONS, Code.HUMAN_AUTH_PASSKEY_BINDING_UNKNOWN, passkey_binding="passkey_binding:nobodys")
case(OPTIONS, Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH)(lambda s: s.options(passkey_binding=Person(s).binding))


def questioned(s):
    """A question about the stage's person."""
    return good(s.send(s.options("auth.session.issue")))


def misbehaved(s, **behaviour):
    """The answer of an authenticator or browser that behaves so."""
    s.person.passkey.behaviour = Behaviour(**behaviour)
    return s.verifying(questioned(s))


but(VERIFY, Code.HUMAN_AUTH_CHALLENGE_UNKNOWN, challenge="human_auth_challenge:la-" + "A" * 22)


@case(VERIFY, Code.HUMAN_AUTH_CHALLENGE_EXPIRED)
def _late(s):
    asking = s.whole(VERIFY)
    s.home.clock.turn(300 * SECOND)
    return asking


@case(VERIFY, Code.HUMAN_AUTH_CHALLENGE_REPLAYED)
def _replayed(s):
    asking = s.whole(VERIFY)
    good(s.send(asking))
    return asking


but(VERIFY, Code.HUMAN_AUTH_WRONG_RP_ID, relying_party_id="evil.example")
case(VERIFY, Code.HUMAN_AUTH_WRONG_ORIGIN)(lambda s: misbehaved(s, origin="https://evil.example"))
case(VERIFY, Code.HUMAN_AUTH_PASSKEY_BINDING_UNKNOWN)(lambda s: s.verifying(questioned(s), stranger(s)))


def stranger(s):
    """An authenticator that nobody has registered."""
    passkey = SoftPasskey(s.origin)
    passkey.user_handle = s.person.id.encode()
    return passkey


@case(VERIFY, Code.HUMAN_AUTH_PASSKEY_CREDENTIAL_MISMATCH)
def _the_other_passkey(s):
    second, _ = s.person.new_passkey()
    return s.verifying(questioned(s), second, passkey_binding=s.person.binding)


case(VERIFY, Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH)(lambda s: s.verifying(questioned(s), Person(s).passkey))
case(VERIFY, Code.HUMAN_AUTH_USER_VERIFICATION_MISSING)(lambda s: misbehaved(s, user_verified=False))
but(VERIFY, Code.HUMAN_AUTH_WEBAUTHN_ASSERTION_MISSING, signature_b64url=None)
but(VERIFY, Code.HUMAN_AUTH_WEBAUTHN_ASSERTION_INVALID, signature_b64url="MEUCIQ")
case(VERIFY, Code.HUMAN_AUTH_WEBAUTHN_CHALLENGE_MISMATCH)(lambda s: misbehaved(s, challenge="AAAA"))
case(VERIFY, Code.HUMAN_AUTH_WEBAUTHN_CLIENT_DATA_INVALID)(lambda s: misbehaved(s, type="webauthn.create"))


# Registering


but(OFFER, Code.HUMAN_AUTH_ATTESTATION_POLICY_REFUSED, attestation="direct")
case(OFFER, Code.HUMAN_AUTH_REGISTRATION_NOT_ENTITLED)(lambda s: s.offering(None, enrolment_token="guessed"))
case(OFFER, Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH)(lambda s: s.whole(OFFER).but(subject=Person(s).ref))
but(REGISTER, Code.HUMAN_AUTH_CHALLENGE_UNKNOWN, challenge="human_auth_challenge:la-" + "A" * 22)


@case(REGISTER, Code.HUMAN_AUTH_CHALLENGE_EXPIRED)
def _registered_late(s):
    asking = s.whole(REGISTER)
    s.home.clock.turn(300 * SECOND)
    return asking


@case(REGISTER, Code.HUMAN_AUTH_CHALLENGE_REPLAYED)
def _registered_twice(s):
    asking = s.whole(REGISTER)
    good(s.send(asking))
    return asking.but(human_presence_receipt=s.presence("passkey.add"))


@case(REGISTER, Code.HUMAN_AUTH_REGISTRATION_CHALLENGE_REQUIRED)
def _with_a_login_challenge(s):
    return invited(s).but(challenge=good(s.start()).json["body"]["challenge"]["id"])


case(REGISTER, Code.HUMAN_AUTH_REGISTRATION_NOT_ENTITLED)(lambda s: invited(s).but(enrolment_token="guessed"))


def invited(s):
    """An asking of somebody who has a one-time link and no session."""
    token = s.invited()
    offered = good(s.send(s.offering(None, enrolment_token=token)))
    return s.registering(None, offered, enrolment_token=token)


but(REGISTER, Code.HUMAN_AUTH_ATTESTATION_POLICY_REFUSED, attestation_conveyance="enterprise")
case(REGISTER, Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH)(lambda s: s.whole(REGISTER).but(subject=Person(s).ref))
for _name in (REGISTER, IMPORT):
    but(_name, Code.HUMAN_AUTH_PASSKEY_PUBLIC_KEY_MISSING, public_key_uncompressed_hex="")
but(REGISTER, Code.HUMAN_AUTH_PASSKEY_CREDENTIAL_MISMATCH, credential_id_hash=HASH)


def already(s, name):
    """An asking for a passkey ref that stands for another passkey."""
    return s.whole(name).but(passkey_binding=s.person.binding)


case(REGISTER, Code.HUMAN_AUTH_PASSKEY_BINDING_TAKEN)(lambda s: already(s, REGISTER))
case(IMPORT, Code.HUMAN_AUTH_PASSKEY_BINDING_TAKEN)(lambda s: already(s, IMPORT))
but(IMPORT, Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH, subject=NOBODY)


def offered(s, **behaviour):
    """The answer to registration options of an authenticator or browser that behaves so."""
    token = s.login()["bearer_token"]
    options = good(s.send(s.offering(token)))
    passkey = SoftPasskey(s.origin, behaviour=Behaviour(**behaviour))
    return s.registering(token, options, passkey, human_presence_receipt=s.presence("passkey.add"))


case(REGISTER, Code.HUMAN_AUTH_USER_VERIFICATION_MISSING)(lambda s: offered(s, user_verified=False))
case(REGISTER, Code.HUMAN_AUTH_WEBAUTHN_ASSERTION_INVALID)(lambda s: offered(s, backup_eligible=False, backed_up=True))
case(REGISTER, Code.HUMAN_AUTH_WEBAUTHN_CHALLENGE_MISMATCH)(lambda s: offered(s, challenge="AAAA"))
but(REGISTER, Code.HUMAN_AUTH_WEBAUTHN_CLIENT_DATA_INVALID, client_data_json_hash=sha256(b"another"))
