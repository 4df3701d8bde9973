"""Refusals: an expected no is a value with a stable code, so that its counter and its receipt commit.

HTTP status and public words for each code stand in one place, `web/catalogue.py`.
"""

from enum import StrEnum

import msgspec

__all__ = ["Code", "Refusal"]


class Code(StrEnum):
    """Every refusal that this version can give. Codes are wire format: never renamed, never reused."""

    REQUEST_MALFORMED = "request_malformed"
    REQUEST_TOO_LARGE = "request_too_large"
    REQUEST_TOO_SLOW = "request_too_slow"
    ROUTE_UNKNOWN = "route_unknown"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    ORIGIN_REFUSED = "origin_refused"
    HOST_REFUSED = "host_refused"
    SESSION_MISSING = "session_missing"
    SESSION_INVALID = "session_invalid"
    SESSION_ENDED = "session_ended"
    SESSION_EXPIRED_IDLE = "session_expired_idle"
    SESSION_EXPIRED_ABSOLUTE = "session_expired_absolute"
    SESSION_ADDRESS_MISMATCH = "session_address_mismatch"
    SESSION_AGENT_MISMATCH = "session_agent_mismatch"
    ADMINISTRATOR_REQUIRED = "administrator_required"
    SESSION_UNKNOWN = "session_unknown"
    TOKEN_REUSED = "token_reused"
    CSRF_REFUSED = "csrf_refused"
    SERVICE_UNKNOWN = "service_unknown"
    SERVICE_MALFORMED = "service_malformed"
    SERVICE_TAKEN = "service_taken"
    SERVICE_BUILT_IN = "service_built_in"
    SERVICE_KEY_REFUSED = "service_key_refused"
    SCOPE_MISSING = "scope_missing"
    SCOPE_NOT_ALLOWED = "scope_not_allowed"
    SCOPE_MALFORMED = "scope_malformed"
    DISCLOSURE_UNKNOWN = "disclosure_unknown"
    LANDING_REFUSED = "landing_refused"
    LOGIN_REFUSED = "login_refused"
    LOGIN_ATTEMPT_INVALID = "login_attempt_invalid"
    LOGIN_ATTEMPT_EXPIRED = "login_attempt_expired"
    LOGIN_ATTEMPT_SPENT = "login_attempt_spent"
    LOGIN_ATTEMPTS_EXHAUSTED = "login_attempts_exhausted"
    PASSKEY_REMOVED = "passkey_removed"
    PASSKEY_UNKNOWN = "passkey_unknown"
    PASSKEY_REFUSED = "passkey_refused"
    PASSKEY_ALREADY_REGISTERED = "passkey_already_registered"
    PASSKEY_LAST_WAY_IN = "passkey_last_way_in"
    PRESENCE_REQUIRED = "presence_required"
    PRESENCE_REFUSED = "presence_refused"
    PURPOSE_UNKNOWN = "purpose_unknown"
    PURPOSE_TAKEN = "purpose_taken"
    PURPOSE_INVALID = "purpose_invalid"
    RETURN_REFUSED = "return_refused"
    INVITATION_REFUSED = "invitation_refused"
    PERSON_UNKNOWN = "person_unknown"
    EMAIL_INVALID = "email_invalid"
    EMAIL_TAKEN = "email_taken"
    NAME_TOO_LONG = "name_too_long"
    RECEIPT_UNKNOWN = "receipt_unknown"
    LETTER_REFUSED = "letter_refused"
    LETTER_UNKNOWN = "letter_unknown"
    KEY_UNKNOWN = "key_unknown"
    KEY_NOT_REVOCABLE = "key_not_revocable"
    STORE_UNAVAILABLE = "store_unavailable"


class Refusal(msgspec.Struct, frozen=True):
    """An expected no.

    `reasons` are machine words for the receipt and may say more than the public answer does.
    `retry_after` is in whole seconds, 0 where waiting does not help. `receipt` is the id of the receipt
    that records it, "" as long as nobody has recorded it. `subject` is what it was about (the session that
    was recognised and is dead), for the receipt; "" where that is not known.
    """

    code: Code
    reasons: tuple[str, ...] = ()
    retry_after: int = 0
    receipt: str = ""
    subject: str = ""
