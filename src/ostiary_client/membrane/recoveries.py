"""Recovery: the policy that a person leaves behind, its execution, and the paths of Ostiary's own between the two.

A contact typed by a person crosses once, to be compared by a keyed hash; the server keeps none in the clear.
"""

from dataclasses import dataclass, field

from ostiary_client.membrane.answers import Committed
from ostiary_client.membrane.verbs import TenantRequest, Words

__all__ = [
    "AuthRecoveryCancel",
    "AuthRecoveryContactConfirm",
    "AuthRecoveryContactSend",
    "AuthRecoveryContest",
    "AuthRecoveryExecute",
    "AuthRecoveryPolicy",
    "RecoveryExecuted",
    "RecoveryPolicyKept",
    "RecoveryStep",
]


@dataclass(frozen=True, kw_only=True)
class _Recovery(Committed):
    human_presence_receipt: str | None = None
    raw_recovery_secret_stored: bool | None = None
    raw_recovery_contact_stored: bool | None = None
    raw_biometric_material_stored: bool | None = None
    identity_binding_created: bool | None = None
    standing_created: bool | None = None
    company_authority_created: bool | None = None
    production_login: bool | None = None


@dataclass(frozen=True, kw_only=True)
class RecoveryPolicyKept(_Recovery):
    """A policy that one later execution may consume."""

    auth_recovery_policy: str
    passkey_binding: str | None = None
    recovery_policy_hash: str | None = None
    recovery_contact_hashes: tuple[str, ...] = ()
    recovery_methods: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RecoveryExecuted(_Recovery):
    """A replacement passkey in place; all sessions have ended, the old passkeys wait and may contest."""

    auth_recovery_execution: str
    auth_recovery_policy: str | None = None
    replacement_passkey_binding: str | None = None
    recovery_contact_hash: str | None = None
    recovery_policy_consumed: bool | None = None
    sessions_ended: int | None = None
    passkeys_set_aside: int | None = None
    contest_until: str | None = None


@dataclass(frozen=True, kw_only=True)
class RecoveryStep(_Recovery):
    """One step on Ostiary's own paths. All it says for certain is that the step was taken.

    A send answers `recovery_contact`, a confirmation `recovery_token`, shown this once, and until when to wait.
    """

    recovery_contact: str | None = None
    attempts: int | None = None
    auth_recovery_execution: str | None = None
    auth_recovery_policy: str | None = None
    subject: str | None = None
    recovery_contact_hash: str | None = None
    recovery_token: str | None = field(default=None, repr=False)
    waits_until: str | None = None
    waiting_seconds: int | None = None
    expires_at: str | None = None
    cancelled: bool | None = None
    contested: bool | None = None
    sessions_ended: int | None = None
    passkeys_barred: int | None = None


@dataclass(frozen=True, kw_only=True)
class AuthRecoveryPolicy(
    TenantRequest[RecoveryPolicyKept], operation="auth.recoveryPolicy", path="/v1/auth/recovery/policy"
):
    """Leave a recovery policy behind, with presence for `auth.recovery.policy`. Never sent twice. Caller: a session."""

    actor: str
    human_presence_receipt: str
    recovery_policy_hash: str
    recovery_contact_hashes: Words
    recovery_methods: Words
    recovery_policy_ref: str | None = None
    passkey_binding: str | None = None
    vessel: str | None = None
    standing: str | None = None
    fixture: bool | None = None
    production_login: bool | None = None
    contains_customer_data: bool = False
    contains_biometric_material: bool = False
    create_standing_from_recovery: bool = False


@dataclass(frozen=True, kw_only=True)
class AuthRecoveryExecute(
    TenantRequest[RecoveryExecuted], operation="auth.recoveryExecute", path="/v1/auth/recovery/execute"
):
    """Put the replacement passkey in place, with its presence. Consumes the policy; never sent twice.

    Caller: a client key. It creates nothing but a way in.
    """

    actor: str
    recovery_policy: str
    replacement_passkey_binding: str
    human_presence_receipt: str
    recovery_contact_hash: str
    recovery_execution_ref: str
    recovery_token: str = field(repr=False)
    device_binding: str | None = None
    vessel: str | None = None
    standing: str | None = None
    fixture: bool | None = None
    production_login: bool | None = None
    contains_customer_data: bool = False
    contains_biometric_material: bool = False
    create_identity_binding_from_recovery: bool = False
    create_standing_from_recovery: bool = False
    create_company_authority_from_recovery: bool = False


@dataclass(frozen=True, kw_only=True)
class AuthRecoveryContactSend(
    TenantRequest[RecoveryStep], operation="auth.recoveryContactSend", path="/v1/auth/recovery/contact/send"
):
    """Have a code sent to the typed address. The answer does not tell whether anybody has that address."""

    contact_address: str = field(repr=False)
    recovery_method: str = "email_link"


@dataclass(frozen=True, kw_only=True)
class AuthRecoveryContactConfirm(
    TenantRequest[RecoveryStep], operation="auth.recoveryContactConfirm", path="/v1/auth/recovery/contact/confirm"
):
    """Confirm by the code that came, or by a printed one. Tries are counted, so it is never sent twice."""

    recovery_contact: str | None = None
    code: str | None = field(default=None, repr=False)
    recovery_code: str | None = field(default=None, repr=False)
    recovery_execution_ref: str | None = None


@dataclass(frozen=True, kw_only=True)
class AuthRecoveryCancel(TenantRequest[RecoveryStep], operation="auth.recoveryCancel", path="/v1/auth/recovery/cancel"):
    """Call a recovery off while it waits: by the token of the link in the notice; no login is needed."""

    cancel_token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class AuthRecoveryContest(
    TenantRequest[RecoveryStep], operation="auth.recoveryContest", path="/v1/auth/recovery/contest"
):
    """Contest a recovery after its execution, with the presence of an old passkey."""

    human_presence_receipt: str
