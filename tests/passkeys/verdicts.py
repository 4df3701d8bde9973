"""What Ostiary says to each W3C vector under each policy, stated beforehand, and why."""

from ostiary.passkeys.ceremony import Fault

OK = "accepted"
UV = Fault.USER_VERIFICATION_MISSING.value
CROSS = Fault.CROSS_ORIGIN_REFUSED.value
TOP = Fault.TOP_ORIGIN_REFUSED.value
ATT = Fault.ATTESTATION_REFUSED.value
ALG = Fault.ALGORITHM_REFUSED.value
KEY = Fault.PUBLIC_KEY_MALFORMED.value

POLICY_WORDS = {
    "default": "what login and presence use: user verification, ES256 and RS256, no frames, attestation `none`",
    "touch": "as default, but without user verification",
    "framed": "as touch, and frames of any site that does not name itself",
    "permissive": "everything that can be switched on: as touch, all algorithms offered, frames of "
    "`https://example.com`, attestation statements stripped unread",
}

# A row for each policy of POLICY_WORDS: the verdict on the registration, then on the assertion under its key.
W3C = {
    "ES256 Credential with No Attestation": [(UV, UV), (OK, OK), (OK, OK), (OK, OK)],
    "ES256 Credential with Self Attestation": [(ATT, UV), (ATT, OK), (ATT, OK), (OK, OK)],
    'ES256 Credential with "crossOrigin": true in clientDataJSON': [
        (CROSS, CROSS),
        (CROSS, CROSS),
        (OK, OK),
        (TOP, TOP),
    ],
    'ES256 Credential with "topOrigin" in clientDataJSON': [
        (CROSS, CROSS),
        (CROSS, CROSS),
        (TOP, TOP),
        (OK, OK),
    ],
    "ES256 Credential with very long credential ID": [(UV, OK), (OK, OK), (OK, OK), (OK, OK)],
    "Packed Attestation with ES256 Credential": [(ATT, OK), (ATT, OK), (ATT, OK), (OK, OK)],
    "Packed Attestation with ES384 Credential": [(UV, KEY), (ALG, KEY), (ALG, KEY), (ALG, KEY)],
    "Packed Attestation with ES512 Credential": [(ALG, UV), (ALG, KEY), (ALG, KEY), (ALG, KEY)],
    "Packed Attestation with RS256 Credential": [(ATT, UV), (ATT, OK), (ATT, OK), (OK, OK)],
    "Packed Attestation with Ed25519 Credential": [(UV, UV), (ALG, OK), (ALG, OK), (OK, OK)],
    "Packed Attestation with Ed448 Credential": [(UV, KEY), (ALG, KEY), (ALG, KEY), (ALG, KEY)],
    "TPM Attestation with ES256 Credential": [(ATT, OK), (ATT, OK), (ATT, OK), (OK, OK)],
    "Android Key Attestation with ES256 Credential": [(ATT, UV), (ATT, OK), (ATT, OK), (OK, OK)],
    "Apple Anonymous Attestation with ES256 Credential": [(UV, UV), (ATT, OK), (ATT, OK), (OK, OK)],
    "FIDO U2F Attestation with ES256 Credential": [(UV, UV), (ATT, OK), (ATT, OK), (OK, OK)],
}

REASONS = {
    OK: "verified; the passkey is registered, or the assertion counts",
    UV: "the flag is not set, and login and presence require user verification",
    CROSS: "`crossOrigin` is true and the policy admits no frames",
    TOP: "the framing site is not named by the policy, or the policy names sites and the client data none",
    ATT: "the options ask for `none`; a browser that obeys brings nothing else back, except self attestation "
    "under an all-zero AAGUID, which these vectors do not have",
    ALG: "the key's algorithm is not offered by the policy; ES384, ES512 and Ed448 are never supported",
    KEY: "assertion only: no such key can be on file, its registration is refused under every policy",
}
