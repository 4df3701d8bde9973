"""A public key that nobody holds: an unknown credential is verified against it, so that it takes its time."""

from ostiary.kernel.ids import unb64url
from ostiary.passkeys.ceremony import AuthenticationResponse, Stored

__all__ = ["decoy"]

_GENERATOR = (
    "a5010203262001"
    "2158206b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "2258204fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)

_FLAGS, _BACKUP_ELIGIBLE = 32, 0x08


def decoy(credential: AuthenticationResponse) -> Stored:
    """Return the base point of P-256 as a passkey; its private key is 1, so no answer under it is ever accepted.

    It claims the backup eligibility that the answer claims, so that the signature is looked at all the same.
    """
    try:
        flags = unb64url(credential.response.authenticator_data)[_FLAGS : _FLAGS + 1]
    except ValueError:
        flags = b""
    eligible = bool(flags and flags[0] & _BACKUP_ELIGIBLE)
    key = bytes.fromhex(_GENERATOR)
    return Stored(algorithm=-7, public_key=key, sign_count=0, backup_eligible=eligible, backed_up=False)
