"""The examples of the published API page as they stand there, and what comes of each on a seeded fixture tenant."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

TENANT = {"tenant": "tenant_node:rheinwerk_calibration"}
PARTY = {"relying_party_id": "gestalt.local", "origin": "https://gestalt.local"}
CLEAN = {"contains_biometric_material": False, "contains_customer_data": False}
FIXTURE = {"fixture": True, "production_session": False}
PASSKEY = "passkey_binding:anna_platform_passkey_fixture"
SUBJECT = {"subject": "human_person:anna"}
ACTOR = {
    "actor": "human_person:anna",
    "vessel": "vessel:anna_browser_fixture",
    "standing": "standing:anna_geschaeftsfuehrer_fixture",
}
NUMBERS = {
    "window_seconds": 300,
    "attempt_count": 1,
    "soft_limit": 5,
    "lockout_threshold": 10,
    "lockout_seconds": 900,
    "fixture": True,
    "production_login": False,
}
KEY = {
    "public_key_algorithm": "ES256",
    "public_key_uncompressed_hex": "04...",
    "authenticator_attachment": "platform",
    "synced_passkey_allowed": True,
    "sign_count": 0,
}
RECEIPT = {
    "human_presence_receipt": "human_presence_receipt:fixture_private_presence",
    "holder_key": "key_registry:fixture_session_signing",
    "expires_in_seconds": 3600,
}


class Example(NamedTuple):
    """One example: what it sends, and where it cannot run the code that it is refused with and why."""

    operation: str
    fields: Mapping[str, object]
    refused: str = ""
    why: str = ""


EXAMPLES = tuple(
    one._replace(fields=MappingProxyType(one.fields))
    for one in (
        Example("auth.session.exchange", {}),
        Example(
            "auth.loginStart",
            TENANT
            | SUBJECT
            | PARTY
            | CLEAN
            | NUMBERS
            | {
                "passkey_binding": PASSKEY,
                "scopes": ["auth.login.finish"],
                "policy_ref": "auth_rate_limit_policy:login_fixture",
                "source_ip_hash": "sha256:fixture_login_source_ip_hash",
                "device_binding": "device_binding:staging_login_fixture",
            },
        ),
        Example(
            "auth.loginFinish",
            TENANT
            | ACTOR
            | FIXTURE
            | RECEIPT
            | {
                "session": "auth_session:fixture_login_staging",
                "scopes": ["invoice.issue", "auth.session.inspect", "auth.session.refresh"],
                "login_challenge": "human_auth_challenge:of_the_start",
                "auth_rate_limit_evaluation": "auth_rate_limit_evaluation:of_the_start",
                "passkey_binding": PASSKEY,
                "device_binding": "device_binding:staging_login_finish_fixture",
                "production_login": False,
            },
            "human_auth_challenge_unknown",
            "nobody has answered a challenge: its proof of presence is a made-up name, and its device is not the one "
            "that it started with",
        ),
        Example(
            "auth.sessionIssue",
            TENANT
            | ACTOR
            | FIXTURE
            | RECEIPT
            | {
                "session": "auth_session:fixture_signed_staging",
                "scopes": ["invoice.issue"],
                "device_binding": "device_binding:staging_signed_fixture",
            },
            "m13_human_presence_missing",
            "its proof of presence is a made-up name",
        ),
        Example("auth.sessionInspect", TENANT | {"session": "auth_session:fixture_valid"}),
        Example(
            "auth.sessionRefresh",
            TENANT
            | FIXTURE
            | RECEIPT
            | {
                "session": "auth_session:fixture_refreshed_staging",
                "scopes": [],
                "device_binding": "device_binding:staging_refresh_fixture",
            },
            "token_tampered",
            "no key has signed the word that everybody knows, so nothing can follow it; its proof of presence is a "
            "made-up name besides",
        ),
        Example(
            "auth.rateLimitEvaluate",
            TENANT
            | SUBJECT
            | NUMBERS
            | {
                "policy_ref": "auth_rate_limit_policy:m13_fixture",
                "route": "/v1/auth/sessions/issue",
                "action": "auth.session.issue",
                "source_ip_hash": "sha256:fixture_auth_source_ip_hash",
                "device_binding": "device_binding:staging_rate_limit_fixture",
                "enforce_runtime_overlay": False,
                "contains_customer_data": False,
            },
        ),
        Example(
            "humanAuth.passkeyRegistrationOptions",
            TENANT
            | SUBJECT
            | PARTY
            | CLEAN
            | {
                "user_handle_hash": "sha256:fixture_user_handle_hash",
                "user_name_hash": "sha256:fixture_user_name_hash",
                "user_display_name_hash": "sha256:fixture_user_display_name_hash",
                "attestation": "none",
                "authenticator_attachment": "platform",
                "resident_key": "preferred",
                "user_verification": "required",
                "exclude_credential_id_hashes": [],
            },
        ),
        Example(
            "humanAuth.passkeyAssertionOptions",
            TENANT
            | SUBJECT
            | PARTY
            | CLEAN
            | {"passkey_binding": PASSKEY, "scopes": ["sensitive_approval"], "user_verification": "required"},
        ),
        Example(
            "humanAuth.registerPasskey",
            TENANT
            | SUBJECT
            | PARTY
            | CLEAN
            | KEY
            | {
                "challenge": "human_auth_challenge:of_the_options",
                "passkey_binding": "passkey_binding:m24_registered_passkey",
                "credential_id_hash": "sha256:m24_registered_credential_id_hash",
                "attestation_conveyance": "none",
                "attestation_object_hash": "sha256:fixture_registration_attestation_object",
                "client_data_json_hash": "",
                "client_data_json_b64url": "...",
                "raw_credential_id_supplied": False,
                "private_key_material_supplied": False,
            },
            "human_auth_credential_hash_required",
            "its key and its client data are dots and its credential hash is words: there is nothing to verify",
        ),
        Example(
            "humanAuth.passkeyImport",
            TENANT
            | SUBJECT
            | PARTY
            | CLEAN
            | KEY
            | {
                "passkey_binding": "passkey_binding:m24_imported_passkey",
                "credential_id_hash": "sha256:m24_imported_credential_id_hash",
                "fixture": True,
            },
            "human_auth_credential_hash_required",
            "its key is dots and its credential hash is words: nothing could ever be verified with it",
        ),
        Example("authority.sessionRevoke", TENANT | {"session": "auth_session:fixture_valid"}),
    )
)
"""In the order in which they can be run on one tenant: the last one ends the session of all others."""
