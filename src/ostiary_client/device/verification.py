"""Is a request signed by the device of a living session? For gateways that hold a snapshot of it."""

import hmac
from dataclasses import dataclass
from hashlib import sha256

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from ostiary_client.device.envelope import REMEMBERED_MS, WINDOW_MS, Envelope, Misshapen, octets, signing_input
from ostiary_client.device.snapshot import Snapshot

__all__ = ["Judgement", "RequestRefused", "remember_ms", "verify"]

_KEY = 32


class RequestRefused(Exception):
    """The request is not let in; `code` is the word that `POST /check/device` would say. Answer 401."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Judgement:
    """A good request: whose, and for how many milliseconds its id must be remembered from now on."""

    session: Snapshot
    remember_ms: int


def verify(envelope: Envelope, session: Snapshot | None, now_ms: int) -> Judgement:
    """Verify a request by the snapshot of the session that it names (None: there is none). Raises RequestRefused.

    In the contract's order: the session's life, the hash of the payload, the signature, the time; its shape was judged
    when the envelope was read. The caller then reserves (session id, request id) for `remember_ms`, and refuses as
    `device_request_replayed` what was reserved before. Signatures are libsodium's: no S outside [0, L), no key or R of
    small order.
    """
    if session is None or not session.active or session.device_session_id != envelope.device_session_id:
        raise RequestRefused("device_session_inactive")
    if not hmac.compare_digest(sha256(envelope.payload_bytes).digest(), envelope.payload_hash):
        raise RequestRefused("device_request_hash_mismatch")
    if not _signed(envelope, session.client_public_key):
        raise RequestRefused("device_request_signature_invalid")
    if abs(now_ms - envelope.timestamp_ms) > WINDOW_MS:
        raise RequestRefused("device_request_stale")
    return Judgement(session, remember_ms(envelope, now_ms))


def remember_ms(envelope: Envelope, now_ms: int) -> int:
    """Return for how many milliseconds from now on an id must be remembered, so that it cannot come again."""
    return max(1, envelope.timestamp_ms + REMEMBERED_MS - now_ms)


def _signed(envelope: Envelope, key: str) -> bool:
    try:
        raw = octets(key)
    except Misshapen:
        return False
    return len(raw) == _KEY and _holds(envelope.signature, signing_input(envelope), raw)


def _holds(signature: bytes, message: bytes, key: bytes) -> bool:
    try:
        crypto_sign_open(signature + message, key)
    except BadSignatureError:
        return False
    return True
