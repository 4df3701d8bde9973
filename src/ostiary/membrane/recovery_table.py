"""The operations of recovery as data."""

from ostiary.kernel.refusals import Code
from ostiary.kernel.values import EventName
from ostiary.membrane import contacting, recovering
from ostiary.membrane import recovery_wire as wire
from ostiary.membrane.gates import fixture_said, hashed, hashed_all, no_raw, said_false
from ostiary.membrane.rows import Row, row
from ostiary.web.operation import Audience

__all__ = ["PACE", "ROWS"]

PACE = 0.15
"""Seconds that asking for a code takes at least, whether there is an account or not (ruling 43)."""

_RAW = no_raw(Code.AUTH_RECOVERY_POLICY_RAW_MATERIAL_REFUSED)
_SAID = fixture_said(Code.AUTH_RECOVERY_POLICY_FIXTURE_ONLY)
_BIOMETRIC = said_false(Code.HUMAN_AUTH_BIOMETRIC_MATERIAL_REFUSED, "contains_biometric_material")
_CUSTOMER = said_false(Code.CUSTOMER_DATA_REFUSED, "contains_customer_data")
_HASH = Code.AUTH_RECOVERY_POLICY_HASH_REQUIRED
_LIMITED = (Code.AUTH_RATE_LIMIT_THROTTLED, Code.AUTH_RATE_LIMIT_LOCKED)
_PROVED = (Code.M13_HUMAN_PRESENCE_MISSING, Code.M13_HUMAN_PRESENCE_SUBJECT_MISMATCH)
_PROOF = (
    Code.M13_HUMAN_PRESENCE_MISSING,
    Code.M13_HUMAN_PRESENCE_STALE,
    Code.M13_HUMAN_PRESENCE_CONSUMED,
    Code.M13_HUMAN_PRESENCE_PURPOSE_MISMATCH,
)
_PRESENCE = (*_PROOF, Code.M13_HUMAN_PRESENCE_SUBJECT_MISMATCH)
_CLAIMED = (Code.M13_WRONG_ACTOR, Code.M13_WRONG_VESSEL, Code.AUTH_RECOVERY_POLICY_STANDING_MISMATCH)
_AUTHORITY = said_false(
    Code.AUTH_RECOVERY_CANNOT_CREATE_AUTHORITY,
    "create_identity_binding_from_recovery",
    "create_standing_from_recovery",
    "create_company_authority_from_recovery",
)

_SETTING = (
    row(
        "auth.recoveryPolicy",
        "/v1/auth/recovery/policy",
        "Set how the person recovers, by hashes of contacts; it takes the place of what stood.",
        Audience.TOKEN,
        EventName.RECOVERY_SET,
        recovering.set_policy,
        request=wire.PolicyWanted,
        body=wire.PolicySet,
        gates=(
            _RAW,
            _SAID,
            _BIOMETRIC,
            _CUSTOMER,
            said_false(Code.AUTH_RECOVERY_POLICY_CANNOT_CREATE_STANDING, "create_standing_from_recovery"),
            hashed(_HASH, "recovery_policy_hash"),
            hashed_all(_HASH, "recovery_contact_hashes"),
        ),
        refusals=(
            *_CLAIMED,
            *_PROVED,
            Code.AUTH_RECOVERY_POLICY_PASSKEY_UNKNOWN,
            Code.AUTH_RECOVERY_POLICY_PASSKEY_SUBJECT_MISMATCH,
            Code.AUTH_RECOVERY_POLICY_PRESENCE_INVALID,
            Code.AUTH_RECOVERY_METHOD_UNSUPPORTED,
            Code.AUTH_RECOVERY_CONTESTABLE,
            Code.REF_TAKEN,
        ),
    ),
)
_PROVING = (
    row(
        "auth.recoveryContactSend",
        "/v1/auth/recovery/contact/send",
        "Send a code to the address that a person types, if an account can be recovered by it; nobody is told.",
        Audience.CLIENT,
        EventName.RECOVERY_SEND,
        contacting.send,
        request=wire.CodeWanted,
        body=wire.CodeSent,
        gates=(_RAW,),
        refusals=(*_LIMITED, Code.EMAIL_INVALID, Code.AUTH_RECOVERY_METHOD_UNSUPPORTED),
        pace=PACE,
    ),
    row(
        "auth.recoveryContactConfirm",
        "/v1/auth/recovery/contact/confirm",
        "Take the code, mailed or printed; the right one begins the recovery and its waiting period.",
        Audience.CLIENT,
        EventName.RECOVERY_CONFIRM,
        contacting.confirm,
        request=wire.ConfirmWanted,
        body=wire.Confirmed,
        gates=(_RAW,),
        refusals=(
            *_LIMITED,
            Code.AUTH_RECOVERY_CODE_REFUSED,
            Code.AUTH_RECOVERY_POLICY_UNKNOWN,
            Code.AUTH_RECOVERY_POLICY_CONSUMED,
            Code.BLOCKED_BY_POLICY,
            Code.REF_TAKEN,
        ),
    ),
)
_ENDING = (
    row(
        "auth.recoveryExecute",
        "/v1/auth/recovery/execute",
        "Put the replacement in the place of the old passkeys, by its presence; every session ends.",
        Audience.CLIENT,
        EventName.RECOVERY_EXECUTE,
        recovering.execute,
        request=wire.ExecuteWanted,
        body=wire.Executed,
        gates=(_RAW, _SAID, _BIOMETRIC, _CUSTOMER, _AUTHORITY, hashed(_HASH, "recovery_contact_hash")),
        refusals=(
            *_CLAIMED,
            *_PRESENCE,
            Code.AUTH_SESSION_DEVICE_MISMATCH,
            Code.AUTH_RECOVERY_POLICY_UNKNOWN,
            Code.AUTH_RECOVERY_POLICY_CONSUMED,
            Code.AUTH_RECOVERY_CANCELLED,
            Code.AUTH_RECOVERY_WAITING,
            Code.AUTH_RECOVERY_CONTACT_MISMATCH,
            Code.AUTH_RECOVERY_REPLACEMENT_UNKNOWN,
            Code.BLOCKED_BY_POLICY,
        ),
    ),
    row(
        "auth.recoveryCancel",
        "/v1/auth/recovery/cancel",
        "Cancel a recovery by the link of its notice; nobody need be signed in.",
        Audience.CLIENT,
        EventName.RECOVERY_CANCEL,
        contacting.cancel,
        request=wire.CancelWanted,
        body=wire.Cancelled,
        gates=(_RAW,),
        refusals=(
            Code.AUTH_RECOVERY_CODE_REFUSED,
            Code.AUTH_RECOVERY_CANCELLED,
            Code.AUTH_RECOVERY_POLICY_CONSUMED,
        ),
    ),
    row(
        "auth.recoveryContest",
        "/v1/auth/recovery/contest",
        "Undo a recovery within 14 days, by presence of a passkey that it has set aside.",
        Audience.CLIENT,
        EventName.RECOVERY_CONTEST,
        recovering.contest,
        request=wire.ContestWanted,
        body=wire.Contested,
        gates=(_RAW,),
        refusals=(*_PROOF, Code.AUTH_RECOVERY_CONTEST_REFUSED),
    ),
)

ROWS: tuple[Row, ...] = (*_SETTING, *_PROVING, *_ENDING)
