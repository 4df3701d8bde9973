"""A public key that nobody needs to steal: an unknown credential is verified against it, so that it takes its time."""

from ostiary.passkeys.ceremony import Stored

__all__ = ["DECOY"]

_GENERATOR = (
    "a5010203262001"
    "2158206b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "2258204fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)

DECOY = Stored(algorithm=-7, public_key=bytes.fromhex(_GENERATOR), sign_count=0, backup_eligible=True, backed_up=True)
"""The base point of P-256. Its private key is 1, so whoever likes can sign under it: what it yields is thrown away."""
