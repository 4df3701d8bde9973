"""Ceremonies between the verifier and a passkey in software, honest or as hostile as a case wants."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

from ostiary.passkeys.webauthn import (
    AuthenticationResponse,
    RegistrationResponse,
    RelyingParty,
    Stored,
    creation_options,
    request_options,
    verify_assertion,
    verify_registration,
)
from ostiary_client.authenticator import Behaviour, SoftPasskey

ORIGIN = "https://id.example.test"
CHALLENGE = bytes(range(32))
HANDLE = b"handle of a person"
PARTY = RelyingParty("example.test", "Example", frozenset({ORIGIN, "https://login.example.test"}))
EVERYTHING = msgspec.structs.replace(PARTY, algorithms=(-7, -257, -8))


def b64(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def passkey(**settings):
    return SoftPasskey(ORIGIN, **settings)


def created(key, rp=EVERYTHING):
    """What the browser sends for a registration, as a JSON object."""
    return key.create(creation_options(rp, CHALLENGE, HANDLE, "ann@example.test", "Ann"))


def gotten(key, rp=EVERYTHING):
    """What the browser sends for a sign-in, as a JSON object."""
    return key.get(request_options(rp, CHALLENGE))


def verify_created(sent, rp=EVERYTHING):
    return verify_registration(rp, CHALLENGE, msgspec.convert(sent, RegistrationResponse))


def verify_gotten(sent, stored, rp=EVERYTHING):
    return verify_assertion(rp, CHALLENGE, stored, msgspec.convert(sent, AuthenticationResponse))


def register(key):
    """Register honestly; the passkey as a server would store it."""
    honest, key.behaviour = key.behaviour, Behaviour()
    new = verify_created(created(key))
    key.behaviour = honest
    return Stored(new.algorithm, new.public_key, new.sign_count, new.backup_eligible, new.backed_up)
