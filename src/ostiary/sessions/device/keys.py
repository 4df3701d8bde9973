"""Is a key one that can verify anything? Of the source's own sample key no signature can ever hold."""

from nacl.bindings import crypto_core_ed25519_is_valid_point

from ostiary.sessions.device.model import key_bytes

__all__ = ["can_verify"]


def can_verify(text: str) -> bool:
    """Tell whether a text is an Ed25519 public key that can verify (RFC 8032 section 5.1.3), in padded base64.

    It is the only spelling of 32 bytes that encode a point on the curve, canonically, which is neither of small order
    nor outside the prime-order group (libsodium's `crypto_core_ed25519_is_valid_point`): under a key of small order
    one signature would hold for many messages.
    """
    raw = key_bytes(text)
    return raw is not None and bool(crypto_core_ed25519_is_valid_point(raw))
