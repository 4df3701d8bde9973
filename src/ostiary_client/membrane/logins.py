"""Signing in: start, finish, and the limiter's word that both rest on."""

from dataclasses import dataclass

from ostiary_client.membrane.answers import Committed
from ostiary_client.membrane.passkeys import Boundaries, Challenge, Passkey
from ostiary_client.membrane.presences import RequestOptions
from ostiary_client.membrane.sessions import SessionIssued
from ostiary_client.membrane.verbs import TenantRequest, Words

__all__ = [
    "AuthLoginFinish",
    "AuthLoginStart",
    "AuthRateLimitEvaluate",
    "LimitEvaluated",
    "LoginFinished",
    "LoginStarted",
]


@dataclass(frozen=True, kw_only=True)
class LoginStarted(Boundaries):
    """What the person's passkey is to sign, and the limiter's leave to finish. A throttle is a refusal, not this."""

    login_attempt: str
    auth_rate_limit_evaluation: str
    challenge: Challenge
    public_key_credential_request_options: RequestOptions
    rate_limit_decision: str | None = None
    passkey_binding: Passkey | None = None
    source_ip_raw_stored: bool | None = None
    raw_user_agent_stored: bool | None = None
    raw_credential_id_stored: bool | None = None
    raw_biometric_material_stored: bool | None = None
    raw_session_token_stored: bool | None = None
    database_locator_exposed: bool | None = None
    production_login: bool | None = None


@dataclass(frozen=True, kw_only=True)
class LoginFinished(SessionIssued):
    """A session, and what it came from. It grants nothing that the person did not hold before."""

    human_presence_receipt: str | None = None
    login_challenge: str | None = None
    auth_rate_limit_evaluation: str | None = None
    satisfies_sensitive_approval_requirement: bool | None = None
    identity_binding_created: bool | None = None
    standing_created: bool | None = None
    company_authority_created: bool | None = None
    source_ip_raw_stored: bool | None = None
    raw_user_agent_stored: bool | None = None
    raw_credential_id_stored: bool | None = None
    raw_biometric_material_stored: bool | None = None
    production_login: bool | None = None


@dataclass(frozen=True, kw_only=True)
class LimitEvaluated(Committed):
    """The limiter's word: allowed. A throttle or a lockout is the refusal `Throttled`."""

    auth_rate_limit_evaluation: str
    decision: str
    allowed: bool
    retry_after_seconds: int = 0
    failed_gate: str | None = None
    policy: str | None = None
    subject: str | None = None
    route: str | None = None
    action: str | None = None
    source_ip_hash: str | None = None
    device_binding: str | None = None
    enforced_in_runtime_overlay: bool | None = None
    source_ip_raw_stored: bool | None = None
    raw_user_agent_stored: bool | None = None
    raw_credential_id_stored: bool | None = None
    raw_session_token_stored: bool | None = None
    database_locator_exposed: bool | None = None
    production_login: bool | None = None


@dataclass(frozen=True, kw_only=True)
class AuthLoginStart(TenantRequest[LoginStarted], operation="auth.loginStart", path="/v1/auth/login/start"):
    """Begin to sign a person in. It counts as an attempt, so it is never sent twice. Caller: a client key.

    `source_ip_hash` is `sha256:` and 64 hex digits; make it with a key of your own, for an address alone is guessed.
    A `human_presence_receipt` for `auth.login.start` lifts a throttle.
    """

    subject: str
    relying_party_id: str
    origin: str
    source_ip_hash: str
    device_binding: str
    scopes: Words = ("auth.login.finish",)
    passkey_binding: str | None = None
    human_presence_receipt: str | None = None
    policy_ref: str | None = None
    window_seconds: int | None = None
    attempt_count: int | None = None
    soft_limit: int | None = None
    lockout_threshold: int | None = None
    lockout_seconds: int | None = None
    fixture: bool | None = None
    production_login: bool | None = None
    contains_customer_data: bool = False
    contains_biometric_material: bool = False


@dataclass(frozen=True, kw_only=True)
class AuthLoginFinish(TenantRequest[LoginFinished], operation="auth.loginFinish", path="/v1/auth/login/finish"):
    """Finish it: consumes presence, challenge and evaluation, and issues a session. Never sent twice.

    `device_binding` is the one of the start. `scopes` are asked for, not asserted. Caller: a client key.
    """

    actor: str
    scopes: Words
    human_presence_receipt: str
    login_challenge: str
    auth_rate_limit_evaluation: str
    device_binding: str
    expires_in_seconds: int = 3600
    passkey_binding: str | None = None
    session: str | None = None
    vessel: str | None = None
    standing: str | None = None
    holder_key: str | None = None
    fixture: bool | None = None
    production_login: bool | None = None
    production_session: bool | None = None


@dataclass(frozen=True, kw_only=True)
class AuthRateLimitEvaluate(
    TenantRequest[LimitEvaluated], operation="auth.rateLimitEvaluate", path="/v1/auth/rate-limit/evaluate"
):
    """Ask the limiter about one act. It counts, so it is never sent twice. Caller: an operator key."""

    subject: str
    route: str
    action: str
    source_ip_hash: str
    device_binding: str
    policy_ref: str | None = None
    window_seconds: int | None = None
    attempt_count: int | None = None
    soft_limit: int | None = None
    lockout_threshold: int | None = None
    lockout_seconds: int | None = None
    fixture: bool | None = None
    production_login: bool | None = None
    enforce_runtime_overlay: bool = True
    contains_customer_data: bool = False
