"""The envelope of a request that a device has signed, and what makes one good; no I/O.

The source says what is signed, not in which order: the order is ours (docs/device-requests.md), and frozen in
tests/wire/device_request.json.
"""

import hashlib
import hmac

import msgspec
from nacl.bindings import crypto_sign_BYTES, crypto_sign_open
from nacl.exceptions import BadSignatureError

from ostiary.kernel.refusals import Code, Refusal
from ostiary.sessions.device.model import DeviceSession, key_bytes

__all__ = ["PROTOCOL", "REMEMBERED_MS", "WINDOW_MS", "Envelope", "misshapen", "signing_input", "verify"]

PROTOCOL = "v1"

WINDOW_MS = 5 * 60 * 1000
"""How far, in milliseconds, a device's clock may be from ours, either way; just so far is near enough."""

REMEMBERED_MS = 2 * WINDOW_MS
"""For how long after its own time a request is remembered: one window in which it would still be fresh, and another
by which the clocks of two nodes may differ."""

_DOMAIN = b"galaxy-request-v1"
_LONGEST = 128
_LATEST = (1 << 63) - 1
_SEVEN_BITS = 0x80


class Envelope(msgspec.Struct, frozen=True):
    """One signed request. `timestamp_ms` is in milliseconds since 1970; `payload_hash` is the SHA-256, raw.

    `signature` is Ed25519 (RFC 8032) over `signing_input`. `trace_id` is signed by nobody and proves nothing.
    """

    protocol_version: str
    device_session_id: str
    message_type: str
    timestamp_ms: int
    request_id: str
    payload_bytes: bytes
    payload_hash: bytes
    signature: bytes
    trace_id: str = ""


def signing_input(envelope: Envelope) -> bytes:
    """Return the bytes that are signed: the domain's name, then the fields in our order. NOTE: wire format.

    Every string (UTF-8) and the hash are prefixed by their length in bytes as an unsigned varint (LEB128), so no two
    envelopes share their bytes; the time is 8 bytes, most significant first.
    """
    return b"".join(
        (
            _prefixed(_DOMAIN),
            _prefixed(envelope.protocol_version.encode()),
            _prefixed(envelope.device_session_id.encode()),
            _prefixed(envelope.message_type.encode()),
            envelope.timestamp_ms.to_bytes(8, "big"),
            _prefixed(envelope.request_id.encode()),
            _prefixed(envelope.payload_hash),
        )
    )


def misshapen(envelope: Envelope) -> Refusal | None:
    """Refuse what is no envelope of this protocol, before anybody is looked up.

    The three names are 1 to 128 bytes of UTF-8 without NUL, the trace id may be empty; the hash has 32 bytes, the
    signature 64; the time is not negative.
    """
    names = (envelope.device_session_id, envelope.message_type, envelope.request_id)
    if envelope.protocol_version != PROTOCOL:
        return _malformed("protocol_version")
    if not all(names) or not all(_named(text) for text in (*names, envelope.trace_id)):
        return _malformed("name")
    if not 0 <= envelope.timestamp_ms <= _LATEST:
        return _malformed("timestamp")
    if len(envelope.payload_hash) != hashlib.sha256().digest_size:
        return _malformed("payload_hash")
    return None if len(envelope.signature) == crypto_sign_BYTES else _malformed("signature")


def verify(envelope: Envelope, session: DeviceSession | None, now: int) -> Refusal | None:
    """Judge an envelope at `now` (microseconds since 1970) by the session that it names; None where it is good.

    In this order: its shape, the session's life, the hash, the signature, the time. That it comes for the first time
    is not judged here. A session that is missing, revoked or expired is refused in one and the same way.
    """
    refused = misshapen(envelope)
    if refused is not None:
        return refused
    if session is None or session.id != envelope.device_session_id or not session.lives(now):
        return Refusal(Code.DEVICE_SESSION_INACTIVE)
    if not hmac.compare_digest(hashlib.sha256(envelope.payload_bytes).digest(), envelope.payload_hash):
        return Refusal(Code.DEVICE_REQUEST_HASH_MISMATCH, subject=session.id)
    if not _signed(envelope, session.client_public_key):
        return Refusal(Code.DEVICE_REQUEST_SIGNATURE_INVALID, subject=session.id)
    if abs(now // 1000 - envelope.timestamp_ms) > WINDOW_MS:
        return Refusal(Code.DEVICE_REQUEST_STALE, subject=session.id)
    return None


def _signed(envelope: Envelope, key: str) -> bool:
    raw = key_bytes(key)
    return raw is not None and _holds(envelope.signature, signing_input(envelope), raw)


def _holds(signature: bytes, message: bytes, key: bytes) -> bool:
    """Verify as libsodium does, which is stricter than RFC 8032 asks and than OpenSSL is.

    It refuses S outside [0, L), and keys and R that are of small order or not canonical: under such a key one
    signature would hold for many messages.
    """
    try:
        crypto_sign_open(signature + message, key)
    except BadSignatureError:
        return False
    return True


def _prefixed(data: bytes) -> bytes:
    length, prefix = len(data), bytearray()
    while length >= _SEVEN_BITS:
        prefix.append(length % _SEVEN_BITS | _SEVEN_BITS)
        length //= _SEVEN_BITS
    return bytes((*prefix, length)) + data


def _named(text: str) -> bool:
    try:
        return len(text.encode()) <= _LONGEST and "\0" not in text
    except UnicodeEncodeError:
        return False


def _malformed(word: str) -> Refusal:
    return Refusal(Code.DEVICE_REQUEST_MALFORMED, (word,))
