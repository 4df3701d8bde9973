"""Hostile ceremonies: how one is told and played. Each lies in one thing and is refused with one word."""

from collections.abc import Callable
from dataclasses import dataclass, field

import cbor2
import msgspec

from ostiary.passkeys.ceremony import Fault
from ostiary_client.authenticator import Behaviour
from tests.passkeys import ceremonies
from tests.passkeys.ceremonies import b64, unb64


@dataclass(frozen=True)
class Case:
    """One lie: how the passkey is made and behaves, how its answer is edited, what the server wants and has."""

    name: str
    fault: Fault
    ceremony: str
    says: dict = field(default_factory=dict)
    edit: Callable = lambda _: None
    rp: dict = field(default_factory=dict)
    stored: dict = field(default_factory=dict)
    passkey: dict = field(default_factory=dict)


def creating(fault, lies):
    """Cases in which a registration tells these lies."""
    return [Case(name, fault, "create", **lie) for name, lie in lies.items()]


def getting(fault, lies):
    """Cases in which a sign-in tells these lies."""
    return [Case(name, fault, "get", **lie) for name, lie in lies.items()]


def always(fault, lies):
    """Cases in which either tells these lies."""
    return creating(fault, lies) + getting(fault, lies)


def says(**behaviour):
    return {"says": behaviour}


def rp(**policy):
    return {"rp": policy}


def stored(**record):
    return {"stored": record}


def made(**settings):
    return {"passkey": settings}


def ids(change):
    """Change `id` and `rawId` alike."""

    def edit(sent):
        sent["id"] = sent["rawId"] = change(sent["id"])

    return {"edit": edit}


def put(name, text):
    """Replace one text of the response."""

    def edit(sent):
        sent["response"][name] = text

    return {"edit": edit}


def member(name, change):
    """Change the bytes of one base64url text of the response."""

    def edit(sent):
        sent["response"][name] = b64(change(unb64(sent["response"][name])))

    return {"edit": edit}


def client_data(change):
    return member("clientDataJSON", change)


def signature(change):
    return member("signature", change)


def asserted(change):
    """Change the authenticator data of an assertion."""
    return member("authenticatorData", change)


def opened(change):
    """Change the decoded attestation object; it is encoded again in canonical CBOR."""
    return member("attestationObject", lambda raw: cbor2.dumps(change(cbor2.loads(raw)), canonical=True))


def attested(change):
    """Change the authenticator data of a registration."""
    return opened(lambda parts: parts | {"authData": change(parts["authData"])})


def key(change):
    """Change the new public key: authenticator data ends with it, after 55 bytes and an id of 32."""
    return attested(lambda data: data[:87] + cbor2.dumps(change(cbor2.loads(data[87:])), canonical=True))


def told(case):
    """Tell a case: what the browser sends and, for a sign-in, the passkey on file. Honest, but for the lie."""
    passkey = ceremonies.passkey(**case.passkey)
    known = msgspec.structs.replace(ceremonies.register(passkey), **case.stored) if case.ceremony == "get" else None
    passkey.behaviour = Behaviour(**case.says)
    sent = ceremonies.gotten(passkey) if known else ceremonies.created(passkey)
    case.edit(sent)
    return sent, known


def play(case):
    """Play a case and return the outcome."""
    party = msgspec.structs.replace(ceremonies.EVERYTHING, **case.rp)
    sent, known = told(case)
    return ceremonies.verify_gotten(sent, known, party) if known else ceremonies.verify_created(sent, party)
