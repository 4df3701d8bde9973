"""The membrane's operations as data: path, who may call, what is asked, gates, refusals; and the use case of each."""

from ostiary.kernel.refusals import Code
from ostiary.kernel.values import EventName
from ostiary.membrane import bodies, ceremonies, lifecycle, limiting, login, recovery_table, registration, requests
from ostiary.membrane.gates import claimed, expires, fixture_said, hashed, hashed_all, no_raw, numbers, said_false
from ostiary.membrane.rows import Row
from ostiary.membrane.rows import row as _row
from ostiary.web.envelope import FixtureEnvelope
from ostiary.web.operation import Audience

__all__ = ["ROWS", "Row"]

_BIOMETRIC = said_false(Code.HUMAN_AUTH_BIOMETRIC_MATERIAL_REFUSED, "contains_biometric_material")
_CUSTOMER = said_false(Code.CUSTOMER_DATA_REFUSED, "contains_customer_data")
_ANY_RAW = no_raw(Code.HUMAN_AUTH_RAW_CREDENTIAL_MATERIAL_REFUSED)
_CREDENTIAL = hashed(Code.HUMAN_AUTH_CREDENTIAL_HASH_REQUIRED, "credential_id_hash", real=True)
_NAMES = tuple(
    hashed(Code.REQUEST_MALFORMED, name, optional=True)
    for name in ("user_handle_hash", "user_name_hash", "user_display_name_hash")
)
_EXCLUDED = hashed_all(Code.REQUEST_MALFORMED, "exclude_credential_id_hashes", optional=True)
_ATTESTED = hashed(Code.REQUEST_MALFORMED, "attestation_object_hash", optional=True)
_PRESENCE = (
    Code.M13_HUMAN_PRESENCE_MISSING,
    Code.M13_HUMAN_PRESENCE_STALE,
    Code.M13_HUMAN_PRESENCE_CONSUMED,
    Code.M13_HUMAN_PRESENCE_PURPOSE_MISMATCH,
    Code.M13_HUMAN_PRESENCE_SUBJECT_MISMATCH,
)
_PARTY = (Code.HUMAN_AUTH_WRONG_RP_ID, Code.HUMAN_AUTH_WRONG_ORIGIN)
_SESSION = (Code.AUTH_SESSION_SCOPE_NOT_ALLOWED, Code.AUTH_SESSION_SCOPES_REQUIRED, Code.AUTH_SESSION_DEVICE_MISMATCH)
_STALE = Code.AUTH_SESSION_HOLDER_KEY_STALE
_CHALLENGE = (
    Code.HUMAN_AUTH_CHALLENGE_UNKNOWN,
    Code.HUMAN_AUTH_CHALLENGE_EXPIRED,
    Code.HUMAN_AUTH_CHALLENGE_REPLAYED,
)
_RUNNING = (
    Code.AUTH_RECOVERY_WAITING,
    Code.AUTH_RECOVERY_CANCELLED,
    Code.AUTH_RECOVERY_POLICY_CONSUMED,
    Code.AUTH_RECOVERY_POLICY_UNKNOWN,
)
_LIMITED = (Code.AUTH_RATE_LIMIT_THROTTLED, Code.AUTH_RATE_LIMIT_LOCKED)

_LOGIN = (
    _row(
        "auth.loginStart",
        "/v1/auth/login/start",
        "Begin a login: the limits decide, and a challenge is put on record.",
        Audience.CLIENT,
        EventName.LOGIN_START,
        login.start,
        request=requests.StartWanted,
        body=bodies.Started,
        gates=(
            no_raw(Code.AUTH_LOGIN_RAW_IDENTIFIER_REFUSED),
            fixture_said(Code.AUTH_LOGIN_FIXTURE_ONLY),
            _BIOMETRIC,
            _CUSTOMER,
            hashed(Code.AUTH_LOGIN_SOURCE_HASH_REQUIRED, "source_ip_hash"),
            numbers(Code.AUTH_LOGIN_RATE_LIMIT_POLICY_INVALID),
        ),
        refusals=(
            *_LIMITED,
            *_PARTY,
            *_PRESENCE,
            Code.AUTH_SESSION_DEVICE_MISMATCH,
            Code.AUTH_LOGIN_PASSKEY_BINDING_UNKNOWN,
            Code.AUTH_LOGIN_PASSKEY_SUBJECT_MISMATCH,
            Code.AUTH_LOGIN_PASSKEY_ORIGIN_MISMATCH,
        ),
    ),
    _row(
        "auth.loginFinish",
        "/v1/auth/login/finish",
        "End a login: presence, challenge and evaluation are consumed together, and a session is issued.",
        Audience.CLIENT,
        EventName.LOGIN_FINISH,
        login.finish,
        request=requests.FinishWanted,
        body=bodies.Finished,
        gates=(
            no_raw(Code.AUTH_LOGIN_RAW_IDENTIFIER_REFUSED),
            fixture_said(Code.AUTH_LOGIN_FIXTURE_ONLY, session=True),
            expires(Code.AUTH_LOGIN_EXPIRY_INVALID),
        ),
        refusals=(
            *_SESSION,
            _STALE,
            Code.HUMAN_AUTH_CHALLENGE_UNKNOWN,
            Code.AUTH_LOGIN_CHALLENGE_MISMATCH,
            Code.AUTH_LOGIN_HUMAN_PRESENCE_INVALID,
            Code.M13_HUMAN_PRESENCE_SUBJECT_MISMATCH,
            Code.AUTH_LOGIN_RATE_LIMIT_MISSING,
            Code.AUTH_LOGIN_RATE_LIMIT_NOT_ALLOWED,
            Code.AUTH_LOGIN_STANDING_MISMATCH,
            Code.AUTH_LOGIN_HOLDER_KEY_MISMATCH,
            Code.AUTH_LOGIN_PASSKEY_BINDING_UNKNOWN,
            Code.AUTH_LOGIN_PASSKEY_SUBJECT_MISMATCH,
            Code.AUTH_LOGIN_SESSION_ALREADY_ISSUED,
            Code.M13_WRONG_ACTOR,
            Code.M13_WRONG_VESSEL,
            Code.BLOCKED_BY_POLICY,
        ),
    ),
    _row(
        "auth.rateLimitEvaluate",
        "/v1/auth/rate-limit/evaluate",
        "Evaluate the limits for one act of one subject.",
        Audience.OPERATOR,
        EventName.LIMIT_EVALUATE,
        limiting.evaluate,
        request=requests.EvaluationWanted,
        body=bodies.EvaluationShown,
        gates=(
            no_raw(Code.AUTH_RATE_LIMIT_RAW_IDENTIFIER_REFUSED),
            fixture_said(Code.AUTH_RATE_LIMIT_FIXTURE_ONLY),
            _CUSTOMER,
            hashed(Code.AUTH_RATE_LIMIT_HASH_REQUIRED, "source_ip_hash"),
            claimed("subject"),
            numbers(Code.AUTH_RATE_LIMIT_POLICY_INVALID),
        ),
        refusals=_LIMITED,
    ),
)
_LIFE = (
    _row(
        "auth.session.exchange",
        "/v1/auth/session/exchange",
        "Show the context of a seeded fixture tenant's own word; there is no such path anywhere else.",
        Audience.FIXTURE,
        EventName.SESSION_EXCHANGE,
        lifecycle.exchange,
        request=requests.Exchanged,
        body=bodies.Exchange,
        gates=(),
        refusals=(Code.ROUTE_UNKNOWN,),
        empty=True,
        envelope=FixtureEnvelope,
    ),
    _row(
        "auth.sessionIssue",
        "/v1/auth/sessions/issue",
        "Issue a session beside the caller's own, with fresh presence.",
        Audience.TOKEN,
        EventName.SESSION_OPEN,
        lifecycle.issue_beside,
        request=requests.IssueWanted,
        body=bodies.Issued,
        gates=(
            no_raw(Code.AUTH_LOGIN_RAW_IDENTIFIER_REFUSED),
            fixture_said(Code.AUTH_SESSION_ISSUE_FIXTURE_ONLY, session=True),
            expires(Code.AUTH_SESSION_ISSUE_EXPIRY_INVALID),
        ),
        refusals=(
            *_SESSION,
            _STALE,
            *_PRESENCE,
            Code.AUTH_SESSION_ISSUE_STANDING_MISMATCH,
            Code.AUTH_SESSION_ISSUE_HOLDER_KEY_MISMATCH,
            Code.AUTH_SESSION_ISSUE_ALREADY_ISSUED,
            Code.M13_WRONG_ACTOR,
            Code.M13_WRONG_VESSEL,
        ),
    ),
    _row(
        "auth.sessionInspect",
        "/v1/auth/sessions/inspect",
        "Show the caller's own session.",
        Audience.TOKEN,
        EventName.SESSION_INSPECT,
        lifecycle.inspect,
        request=requests.InspectWanted,
        body=bodies.Inspected,
        gates=(no_raw(Code.AUTH_LOGIN_RAW_IDENTIFIER_REFUSED),),
        refusals=(Code.AUTH_SESSION_INSPECT_SESSION_MISMATCH, Code.AUTH_SESSION_UNKNOWN),
        empty=True,
    ),
    _row(
        "auth.sessionRefresh",
        "/v1/auth/sessions/refresh",
        "Exchange the caller's token for a fresh one, with fresh presence; the old one ends.",
        Audience.TOKEN,
        EventName.SESSION_REFRESH,
        lifecycle.refresh,
        request=requests.RefreshWanted,
        body=bodies.Refreshed,
        gates=(
            no_raw(Code.AUTH_LOGIN_RAW_IDENTIFIER_REFUSED),
            fixture_said(Code.AUTH_SESSION_REFRESH_FIXTURE_ONLY, session=True),
            expires(Code.AUTH_SESSION_REFRESH_EXPIRY_INVALID),
        ),
        refusals=(
            *_PRESENCE,
            _STALE,
            Code.AUTH_SESSION_DEVICE_MISMATCH,
            Code.AUTH_SESSION_SCOPE_NOT_ALLOWED,
            Code.AUTH_SESSION_REFRESH_SCOPE_EXPANSION_REFUSED,
            Code.AUTH_SESSION_REFRESH_HOLDER_KEY_MISMATCH,
            Code.AUTH_SESSION_ISSUE_ALREADY_ISSUED,
        ),
    ),
    _row(
        "authority.sessionRevoke",
        "/v1/authority/sessions/revoke",
        "End a session; the next request on every node feels it.",
        Audience.TOKEN,
        EventName.SESSION_END,
        lifecycle.revoke,
        request=requests.RevokeWanted,
        body=bodies.Revoked,
        gates=(no_raw(Code.AUTH_LOGIN_RAW_IDENTIFIER_REFUSED),),
        refusals=(Code.M13_SESSION_UNKNOWN, Code.M13_WRONG_ACTOR),
    ),
)
_HUMAN = (
    _row(
        "humanAuth.challenge",
        "/v1/human-auth/challenge",
        "Put a challenge for presence.",
        Audience.CLIENT,
        EventName.CHALLENGE_ISSUE,
        ceremonies.challenge,
        request=requests.ChallengeWanted,
        body=bodies.AssertionOptions,
        gates=(_ANY_RAW,),
        refusals=(Code.HUMAN_AUTH_WRONG_RP_ID, *_LIMITED),
        empty=True,
    ),
    _row(
        "humanAuth.passkeyAssertionOptions",
        "/v1/human-auth/passkey/assertion/options",
        "Put a challenge for presence, about one person and perhaps one passkey.",
        Audience.CLIENT,
        EventName.CHALLENGE_ISSUE,
        ceremonies.assertion_options,
        request=requests.AssertionOptionsWanted,
        body=bodies.AssertionOptions,
        gates=(_ANY_RAW, _BIOMETRIC, _CUSTOMER),
        refusals=(
            *_PARTY,
            *_LIMITED,
            Code.HUMAN_AUTH_PASSKEY_BINDING_UNKNOWN,
            Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH,
        ),
    ),
    _row(
        "humanAuth.verifyPasskey",
        "/v1/human-auth/passkey/verify",
        "Answer a challenge; the answer yields a proof of presence, good once, for five minutes.",
        Audience.CLIENT,
        EventName.PRESENCE_PROVE,
        ceremonies.verify_passkey,
        request=requests.VerificationWanted,
        body=bodies.Verified,
        gates=(_ANY_RAW, _BIOMETRIC, _CREDENTIAL),
        refusals=(
            *_CHALLENGE,
            *_PARTY,
            Code.PASSKEY_QUARANTINED,
            Code.HUMAN_AUTH_PASSKEY_BINDING_UNKNOWN,
            Code.HUMAN_AUTH_PASSKEY_CREDENTIAL_MISMATCH,
            Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH,
            Code.HUMAN_AUTH_USER_VERIFICATION_MISSING,
            Code.HUMAN_AUTH_WEBAUTHN_ASSERTION_MISSING,
            Code.HUMAN_AUTH_WEBAUTHN_ASSERTION_INVALID,
            Code.HUMAN_AUTH_WEBAUTHN_CHALLENGE_MISMATCH,
            Code.HUMAN_AUTH_WEBAUTHN_CLIENT_DATA_INVALID,
        ),
    ),
    _row(
        "humanAuth.passkeyRegistrationOptions",
        "/v1/human-auth/passkey/registration/options",
        "Put a challenge for a new passkey, without names.",
        Audience.REGISTRANT,
        EventName.CHALLENGE_ISSUE,
        registration.registration_options,
        request=requests.RegistrationOptionsWanted,
        body=bodies.RegistrationOptions,
        gates=(_ANY_RAW, _BIOMETRIC, _CUSTOMER, *_NAMES, _EXCLUDED),
        refusals=(
            *_PARTY,
            *_RUNNING,
            Code.BLOCKED_BY_POLICY,
            Code.AUTH_RECOVERY_CONTESTABLE,
            Code.HUMAN_AUTH_ATTESTATION_POLICY_REFUSED,
            Code.HUMAN_AUTH_REGISTRATION_NOT_ENTITLED,
            Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH,
        ),
    ),
    _row(
        "humanAuth.registerPasskey",
        "/v1/human-auth/passkey/register",
        "Verify a registration and bind the passkey; its raw parts are kept nowhere.",
        Audience.REGISTRANT,
        EventName.PASSKEY_ADD,
        registration.register,
        request=requests.RegistrationWanted,
        body=bodies.Registered,
        gates=(
            _ANY_RAW,
            said_false(
                Code.HUMAN_AUTH_RAW_CREDENTIAL_MATERIAL_REFUSED,
                "raw_credential_id_supplied",
                "private_key_material_supplied",
            ),
            _BIOMETRIC,
            _CUSTOMER,
            _CREDENTIAL,
        ),
        refusals=(
            *_CHALLENGE,
            *_PARTY,
            *_PRESENCE,
            Code.AUTH_SESSION_DEVICE_MISMATCH,
            *_RUNNING,
            Code.BLOCKED_BY_POLICY,
            Code.HUMAN_AUTH_REGISTRATION_CHALLENGE_REQUIRED,
            Code.HUMAN_AUTH_REGISTRATION_NOT_ENTITLED,
            Code.HUMAN_AUTH_ATTESTATION_POLICY_REFUSED,
            Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH,
            Code.HUMAN_AUTH_PASSKEY_PUBLIC_KEY_MISSING,
            Code.HUMAN_AUTH_PASSKEY_CREDENTIAL_MISMATCH,
            Code.HUMAN_AUTH_PASSKEY_BINDING_TAKEN,
            Code.HUMAN_AUTH_USER_VERIFICATION_MISSING,
            Code.HUMAN_AUTH_WEBAUTHN_ASSERTION_INVALID,
            Code.HUMAN_AUTH_WEBAUTHN_CHALLENGE_MISMATCH,
            Code.HUMAN_AUTH_WEBAUTHN_CLIENT_DATA_INVALID,
        ),
    ),
    _row(
        "humanAuth.passkeyImport",
        "/v1/human-auth/passkey/import",
        "Take a public key as an operator brings it; fixture tenants only.",
        Audience.OPERATOR,
        EventName.PASSKEY_IMPORT,
        registration.import_passkey,
        request=requests.ImportWanted,
        body=bodies.Imported,
        gates=(
            _ANY_RAW,
            fixture_said(Code.HUMAN_AUTH_PASSKEY_IMPORT_FIXTURE_ONLY, live=False),
            _BIOMETRIC,
            _CUSTOMER,
            _CREDENTIAL,
            _ATTESTED,
        ),
        refusals=(
            *_PARTY,
            Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH,
            Code.HUMAN_AUTH_PASSKEY_PUBLIC_KEY_MISSING,
            Code.HUMAN_AUTH_PASSKEY_BINDING_TAKEN,
        ),
    ),
)

ROWS: tuple[Row, ...] = (*_LOGIN, *_LIFE, *_HUMAN, *recovery_table.ROWS)
