"""What the refusals of device sessions say in public; `web.catalogue` joins them to the others."""

from ostiary.kernel.refusals import Code
from ostiary.web.entry import Entry

__all__ = ["DEVICE"]

DEVICE: dict[Code, Entry] = {
    Code.METHOD_NOT_OFFERED: Entry(
        403, "This way to sign in is not offered here.", "Use another one, or ask an operator to allow it."
    ),
    Code.BLOCKED_BY_POLICY: Entry(403, "This account is blocked.", "Ask an operator."),
    Code.CHALLENGE_NOT_FOUND: Entry(404, "There is no such challenge.", "Ask for a code first."),
    Code.CHALLENGE_EXPIRED: Entry(410, "The challenge is over.", "Ask for a new code."),
    Code.INVALID_CODE: Entry(
        400,
        "The code is wrong, or was used with another key.",
        "Compare it with the newest letter, or ask for another.",
    ),
    Code.INVALID_CLIENT_PUBLIC_KEY: Entry(
        400, "That is no Ed25519 public key.", "Send the raw 32 bytes of a real one, in padded base64."
    ),
    Code.SESSION_LIMIT_EXCEEDED: Entry(
        409, "There are as many sessions as one person may have.", "End one at /account, or ask an operator."
    ),
    Code.SESSION_NOT_FOUND: Entry(404, "There is no such device session.", "List the person's sessions to see them."),
    Code.SUBJECT_NOT_FOUND: Entry(404, "There is no such user.", "Compare the id with that of one of their sessions."),
    Code.DEVICE_REQUEST_MALFORMED: Entry(
        400, "That is no envelope of a signed request.", "Compare it with docs/device-requests.md."
    ),
    Code.DEVICE_SESSION_INACTIVE: Entry(401, "This device has no session.", "Confirm a code to open one."),
    Code.DEVICE_REQUEST_HASH_MISMATCH: Entry(
        401, "The hash is not that of the payload.", "Hash the very bytes that are sent, and sign again."
    ),
    Code.DEVICE_REQUEST_SIGNATURE_INVALID: Entry(
        401, "The signature does not hold.", "Sign with the key that the session was opened with."
    ),
    Code.DEVICE_REQUEST_STALE: Entry(401, "The request is too old, or from the future.", "Set the clock; sign again."),
    Code.DEVICE_REQUEST_REPLAYED: Entry(401, "This request has come before.", "Sign each one under an id of its own."),
}
