"""What the membrane's refusals say in public; `web.catalogue` joins them to the others."""

from ostiary.kernel.refusals import Code
from ostiary.web.entry import Entry

__all__ = ["MEMBRANE"]

MEMBRANE: dict[Code, Entry] = {
    Code.CROSS_TENANT_ACCESS: Entry(
        403, "The credential belongs to another tenant.", "Use the key or session of the tenant that you name."
    ),
    Code.TENANT_MODE_MISMATCH: Entry(
        403,
        "A live tenant takes no fixture flag or reference, and a fixture tenant no live one.",
        "Send the flags of the tenant's own mode.",
    ),
    Code.CALLER_REFUSED: Entry(
        403, "This operation takes another kind of credential.", "See /docs/api for who may call it."
    ),
    Code.TOKEN_TAMPERED: Entry(
        401, "The credential is not known here.", "Sign in again, or use the key that `ostiary tenants` printed."
    ),
    Code.SESSION_EXPIRED: Entry(401, "This session is past its time.", "Sign in again."),
    Code.SESSION_REVOKED: Entry(401, "This session was revoked.", "Sign in again."),
    Code.CUSTOMER_DATA_REFUSED: Entry(
        400, "No customer data may pass here.", "Leave the data out, and send the flag as false."
    ),
    Code.AUTH_LOGIN_FIXTURE_ONLY: Entry(
        403,
        "This tenant is a fixture: the request must say so, and claim nothing live.",
        "Send fixture true, production flags false, and a session of the form auth_session:fixture_….",
    ),
    Code.AUTH_LOGIN_RAW_IDENTIFIER_REFUSED: Entry(
        400, "Raw identifiers are never taken.", "Send hashes only, and leave every raw_ field out."
    ),
    Code.AUTH_LOGIN_SOURCE_HASH_REQUIRED: Entry(
        400, "The hash of the source address is missing or malformed.", "Send sha256: and 64 lower-case hex digits."
    ),
    Code.AUTH_LOGIN_RATE_LIMIT_POLICY_INVALID: Entry(
        400,
        "That is no rate-limit policy.",
        "Name a policy of this tenant; numbers are positive and the soft limit is not above the threshold.",
    ),
    Code.AUTH_LOGIN_PASSKEY_BINDING_UNKNOWN: Entry(
        404, "There is no such passkey binding.", "Name one of this person, or leave it out."
    ),
    Code.AUTH_LOGIN_PASSKEY_SUBJECT_MISMATCH: Entry(
        403, "The passkey binding belongs to another person.", "Name one of this person, or leave it out."
    ),
    Code.AUTH_LOGIN_PASSKEY_ORIGIN_MISMATCH: Entry(
        403, "The passkey binding was made under another origin.", "Sign in at the origin where it was made."
    ),
    Code.AUTH_LOGIN_RATE_LIMIT_MISSING: Entry(404, "There is no such rate-limit evaluation.", "Begin the login again."),
    Code.AUTH_LOGIN_RATE_LIMIT_NOT_ALLOWED: Entry(
        403, "The rate-limit evaluation does not allow this finish.", "Begin the login again."
    ),
    Code.AUTH_LOGIN_STANDING_MISMATCH: Entry(
        403,
        "The standing is not this person's.",
        "Name a standing that this person holds; a live tenant lets you leave it out.",
    ),
    Code.AUTH_LOGIN_HOLDER_KEY_MISMATCH: Entry(
        403,
        "That key does not sign sessions here.",
        "Name the active session key; a live tenant lets you leave it out.",
    ),
    Code.AUTH_LOGIN_EXPIRY_INVALID: Entry(
        400, "A session lives from 1 to 86400 seconds.", "Send expires_in_seconds as a whole number in that range."
    ),
    Code.AUTH_LOGIN_CHALLENGE_MISMATCH: Entry(
        403, "The proof of presence was not made from this challenge.", "Answer the challenge of this login."
    ),
    Code.AUTH_LOGIN_HUMAN_PRESENCE_INVALID: Entry(
        403, "The proof of presence is unknown, stale or used.", "Answer the challenge again."
    ),
    Code.AUTH_LOGIN_SESSION_ALREADY_ISSUED: Entry(
        409,
        "This login or session reference has been used already.",
        "Begin the login again, with a fresh reference or none.",
    ),
    Code.AUTH_SESSION_ISSUE_FIXTURE_ONLY: Entry(
        403,
        "This tenant is a fixture: the request must say so, and claim nothing live.",
        "Send fixture true, production_session false, and a session of the form auth_session:fixture_….",
    ),
    Code.AUTH_SESSION_ISSUE_STANDING_MISMATCH: Entry(
        403,
        "The standing is not this person's.",
        "Name a standing that this person holds; a live tenant lets you leave it out.",
    ),
    Code.AUTH_SESSION_ISSUE_HOLDER_KEY_MISMATCH: Entry(
        403,
        "That key does not sign sessions here.",
        "Name the active session key; a live tenant lets you leave it out.",
    ),
    Code.AUTH_SESSION_ISSUE_EXPIRY_INVALID: Entry(
        400, "A session lives from 1 to 86400 seconds.", "Send expires_in_seconds as a whole number in that range."
    ),
    Code.AUTH_SESSION_ISSUE_ALREADY_ISSUED: Entry(
        409, "This session reference has been used already.", "Send a fresh reference or none."
    ),
    Code.AUTH_SESSION_SCOPE_NOT_ALLOWED: Entry(
        403,
        "A scope was asked for that the client may not ask for or the person does not hold.",
        "Leave it out, or have it granted first.",
    ),
    Code.AUTH_SESSION_SCOPES_REQUIRED: Entry(
        400, "A session without any scope opens nothing.", "Name at least one scope."
    ),
    Code.AUTH_SESSION_DEVICE_MISMATCH: Entry(
        403,
        "The device differs from the one that began.",
        "Send the device_binding that the login or the session was begun with.",
    ),
    Code.AUTH_SESSION_HOLDER_KEY_STALE: Entry(
        403, "That key signs nothing any more.", "Name the active session key; a live tenant lets you leave it out."
    ),
    Code.AUTH_SESSION_INSPECT_SESSION_MISMATCH: Entry(
        403, "A session can inspect only itself.", "Leave the session out, or name your own."
    ),
    Code.AUTH_SESSION_UNKNOWN: Entry(404, "There is no such session.", "Leave the session out to inspect your own."),
    Code.AUTH_SESSION_REFRESH_FIXTURE_ONLY: Entry(
        403,
        "This tenant is a fixture: the request must say so, and claim nothing live.",
        "Send fixture true, production_session false, and a session of the form auth_session:fixture_….",
    ),
    Code.AUTH_SESSION_REFRESH_HOLDER_KEY_MISMATCH: Entry(
        403,
        "The key differs from the one that signs sessions here.",
        "Name the active session key; a live tenant lets you leave it out.",
    ),
    Code.AUTH_SESSION_REFRESH_EXPIRY_INVALID: Entry(
        400, "A session lives from 1 to 86400 seconds.", "Send expires_in_seconds as a whole number in that range."
    ),
    Code.AUTH_SESSION_REFRESH_SCOPE_EXPANSION_REFUSED: Entry(
        403,
        "A refresh never widens what a session may do.",
        "Ask for scopes that the session holds, or for none to keep them all.",
    ),
    Code.AUTH_RATE_LIMIT_FIXTURE_ONLY: Entry(
        403,
        "This tenant is a fixture: the request must say so, and claim nothing live.",
        "Send fixture true and production_login false.",
    ),
    Code.AUTH_RATE_LIMIT_RAW_IDENTIFIER_REFUSED: Entry(
        400, "Raw identifiers are never taken.", "Send hashes only, and leave every raw_ field out."
    ),
    Code.AUTH_RATE_LIMIT_HASH_REQUIRED: Entry(
        400, "The hash of the source address is missing or malformed.", "Send sha256: and 64 lower-case hex digits."
    ),
    Code.AUTH_RATE_LIMIT_POLICY_INVALID: Entry(
        400,
        "That is no rate-limit policy.",
        "Name a policy of this tenant; numbers are positive and the soft limit is not above the threshold.",
    ),
    Code.HUMAN_AUTH_BIOMETRIC_MATERIAL_REFUSED: Entry(
        400, "Biometric material is never taken.", "Keep it on the device, and send the flag as false."
    ),
    Code.HUMAN_AUTH_RAW_CREDENTIAL_MATERIAL_REFUSED: Entry(
        400,
        "Raw credential ids and private keys are never taken.",
        "Send the hash of the credential id, and nothing of the key's private half.",
    ),
    Code.HUMAN_AUTH_ATTESTATION_POLICY_REFUSED: Entry(
        403, "Only the attestation none is taken.", "Ask the authenticator for no attestation."
    ),
    Code.HUMAN_AUTH_CREDENTIAL_HASH_REQUIRED: Entry(
        400, "The hash of the credential id is missing or malformed.", "Send sha256: and 64 lower-case hex digits."
    ),
    Code.HUMAN_AUTH_PASSKEY_PUBLIC_KEY_MISSING: Entry(
        400,
        "The public key is missing or is no ES256 key.",
        "Send the uncompressed P-256 point in hex, as the authenticator attested it.",
    ),
    Code.HUMAN_AUTH_PASSKEY_BINDING_UNKNOWN: Entry(
        404, "There is no such passkey binding.", "Register the passkey first, or name one of this person."
    ),
    Code.HUMAN_AUTH_PASSKEY_BINDING_TAKEN: Entry(
        409,
        "This passkey or its reference is registered already.",
        "Send a fresh reference, or use the passkey to sign in.",
    ),
    Code.HUMAN_AUTH_PASSKEY_CREDENTIAL_MISMATCH: Entry(
        403, "The credential is not that of the passkey binding.", "Answer with the passkey that the binding names."
    ),
    Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH: Entry(
        403, "The passkey binding belongs to another person.", "Name one of this person, or leave it out."
    ),
    Code.HUMAN_AUTH_PASSKEY_IMPORT_FIXTURE_ONLY: Entry(
        403,
        "Passkeys are imported into fixture tenants only.",
        "Send fixture true in a fixture tenant; elsewhere register the passkey with a challenge.",
    ),
    Code.HUMAN_AUTH_REGISTRATION_NOT_ENTITLED: Entry(
        403,
        "Nothing entitles this caller to register a passkey for that person.",
        "Use the person's session with fresh presence, a one-time link, or a running recovery.",
    ),
    Code.HUMAN_AUTH_REGISTRATION_CHALLENGE_REQUIRED: Entry(
        400, "The challenge was not made for a registration.", "Ask for registration options first."
    ),
    Code.HUMAN_AUTH_CHALLENGE_UNKNOWN: Entry(404, "There is no such challenge for this caller.", "Ask for a new one."),
    Code.HUMAN_AUTH_CHALLENGE_EXPIRED: Entry(
        410, "The challenge is past its time.", "Ask for a new one; it is good for five minutes."
    ),
    Code.HUMAN_AUTH_CHALLENGE_REPLAYED: Entry(409, "The challenge has been answered already.", "Ask for a new one."),
    Code.HUMAN_AUTH_USER_VERIFICATION_MISSING: Entry(
        403, "The authenticator did not verify the person.", "Answer with fingerprint, face or PIN."
    ),
    Code.HUMAN_AUTH_WEBAUTHN_ASSERTION_MISSING: Entry(
        400, "The assertion is missing.", "Send client data, authenticator data and signature in base64url."
    ),
    Code.HUMAN_AUTH_WEBAUTHN_ASSERTION_INVALID: Entry(
        403, "The assertion does not hold.", "Answer the challenge again with the registered passkey."
    ),
    Code.HUMAN_AUTH_WEBAUTHN_CHALLENGE_MISMATCH: Entry(
        403, "The client data carries another challenge.", "Answer the challenge that you name."
    ),
    Code.HUMAN_AUTH_WEBAUTHN_CLIENT_DATA_INVALID: Entry(
        400,
        "The client data cannot be read, or its hash or type is wrong.",
        "Send it as the browser gave it, in base64url.",
    ),
    Code.HUMAN_AUTH_WRONG_RP_ID: Entry(
        403, "That relying party is not one of this tenant's.", "Use the relying party id that the tenant declares."
    ),
    Code.HUMAN_AUTH_WRONG_ORIGIN: Entry(
        403, "That origin is not one of this tenant's.", "Use an origin that the tenant declares."
    ),
    Code.M13_HUMAN_PRESENCE_MISSING: Entry(
        403, "A proof of presence is missing or unknown.", "Answer a challenge for this purpose, then repeat the call."
    ),
    Code.M13_HUMAN_PRESENCE_STALE: Entry(
        403, "The proof of presence is past its time.", "Answer a challenge again; a proof is good for five minutes."
    ),
    Code.M13_HUMAN_PRESENCE_CONSUMED: Entry(
        403, "The proof of presence has been used already.", "Answer a challenge again; a proof serves once."
    ),
    Code.M13_HUMAN_PRESENCE_PURPOSE_MISMATCH: Entry(
        403, "The proof of presence was given for something else.", "Answer a challenge whose scopes name this act."
    ),
    Code.M13_HUMAN_PRESENCE_SUBJECT_MISMATCH: Entry(
        403, "The proof of presence is another person's.", "Let the person who acts answer the challenge."
    ),
    Code.M13_SESSION_UNKNOWN: Entry(404, "There is no such session.", "Name a session of this tenant."),
    Code.M13_WRONG_ACTOR: Entry(
        403, "The actor is not the one who acts.", "Name the person whom the session or the login belongs to."
    ),
    Code.M13_WRONG_VESSEL: Entry(
        403,
        "The vessel is not this person's, or not the session's.",
        "Name the vessel that the session was opened with.",
    ),
    Code.AUTH_RECOVERY_POLICY_FIXTURE_ONLY: Entry(
        403,
        "This tenant is a fixture: the request must say so, and claim nothing live.",
        "Send fixture true and production_login false.",
    ),
    Code.AUTH_RECOVERY_POLICY_RAW_MATERIAL_REFUSED: Entry(
        400, "Raw recovery material is never taken.", "Send hashes only, and leave every raw_ field out."
    ),
    Code.AUTH_RECOVERY_POLICY_CANNOT_CREATE_STANDING: Entry(
        403, "A recovery never creates a standing.", "Send create_standing_from_recovery as false."
    ),
    Code.AUTH_RECOVERY_POLICY_STANDING_MISMATCH: Entry(
        403,
        "The standing is not this person's.",
        "Name a standing that this person holds; a live tenant lets you leave it out.",
    ),
    Code.AUTH_RECOVERY_POLICY_HASH_REQUIRED: Entry(
        400,
        "A hash of the policy or of a contact is missing or malformed.",
        "Send sha256: and 64 lower-case hex digits.",
    ),
    Code.AUTH_RECOVERY_POLICY_PASSKEY_UNKNOWN: Entry(
        404, "There is no such passkey binding.", "Name one of this person, or leave it out."
    ),
    Code.AUTH_RECOVERY_POLICY_PASSKEY_SUBJECT_MISMATCH: Entry(
        403, "The passkey binding belongs to another person.", "Name one of this person, or leave it out."
    ),
    Code.AUTH_RECOVERY_POLICY_PRESENCE_INVALID: Entry(
        403,
        "The proof of presence is stale, used, or was given for something else.",
        "Answer a challenge whose scopes name auth.recovery.policy.",
    ),
    Code.AUTH_RECOVERY_POLICY_UNKNOWN: Entry(
        404, "There is no such recovery, or the policy or the secret is not its own.", "Begin the recovery again."
    ),
    Code.AUTH_RECOVERY_POLICY_CONSUMED: Entry(
        409, "This recovery has been executed; its policy is used up.", "Sign in with the new passkey."
    ),
    Code.AUTH_RECOVERY_METHOD_UNSUPPORTED: Entry(
        400,
        "That way to recover is not supported here.",
        "Use email_link, recovery_code or passkey_reenrollment_with_human_presence.",
    ),
    Code.AUTH_RECOVERY_CODE_REFUSED: Entry(
        403, "That code or link is wrong, used or past its time.", "Compare it once more, or ask for a new one."
    ),
    Code.AUTH_RECOVERY_WAITING: Entry(
        403,
        "The waiting period is not over.",
        "Come back when it is; until then the account's owner can cancel the recovery.",
    ),
    Code.AUTH_RECOVERY_CANCELLED: Entry(
        409,
        "This recovery is over: cancelled, replaced by a newer one, or not finished in time.",
        "Nothing about the account has changed; whoever still needs one begins anew.",
    ),
    Code.AUTH_RECOVERY_CONTACT_MISMATCH: Entry(
        403, "The contact is not the one that was proved.", "Send the hash that the confirmation answered."
    ),
    Code.AUTH_RECOVERY_REPLACEMENT_UNKNOWN: Entry(
        404, "That is not the passkey that this recovery has registered.", "Register the replacement first."
    ),
    Code.AUTH_RECOVERY_CANNOT_CREATE_AUTHORITY: Entry(
        403, "A recovery creates no binding, no standing and no authority.", "Send every create_ flag as false."
    ),
    Code.AUTH_RECOVERY_CONTEST_REFUSED: Entry(
        403,
        "There is no recovery that this passkey could contest.",
        "Use a passkey that the recovery set aside, within 14 days.",
    ),
    Code.AUTH_RECOVERY_CONTESTABLE: Entry(
        403,
        "This account was recovered lately: nothing sensitive is done while that can be contested.",
        "Wait until the 14 days are over.",
    ),
}
