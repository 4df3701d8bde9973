"""What a hostile authenticator can say: flags, authenticator data and attestation objects."""

import cbor2

from ostiary.passkeys.ceremony import Fault
from tests.passkeys.ceremonies import b64, passkey
from tests.passkeys.hostile import (
    always,
    asserted,
    attested,
    client_data,
    creating,
    getting,
    ids,
    made,
    member,
    opened,
    says,
    stored,
)

GOOD, AT, ED = 0x1D, 0x40, 0x80
DEEP = cbor2.dumps({"a": 0})[:-1] + b"\x81" * 1500 + b"\x00"
ENORMOUS_POWER = cbor2.dumps({"a": cbor2.CBORTag(5, [2**60, 1])})


def raw(change):
    """Change the bytes of the attestation object."""
    return member("attestationObject", change)


def statement(**changes):
    """Self attest, and change the statement; None takes a member away."""

    def change(parts):
        said = parts["attStmt"] | changes
        return parts | {"attStmt": {name: value for name, value in said.items() if value is not None}}

    return says(self_attested=True) | opened(change)


def keyed(head, skipped):
    """Replace the first bytes of the new public key."""
    return attested(lambda data: data[:87] + head + data[87 + skipped :])


def reversed_map(data):
    return cbor2.dumps(dict(reversed(cbor2.loads(data).items())))


CASES = [
    *always(
        Fault.RP_ID_MISMATCH,
        {"another relying party": says(rp_id="evil.test"), "the relying party's parent": says(rp_id="test")},
    ),
    *always(Fault.USER_PRESENCE_MISSING, {"nobody was there": says(user_present=False)}),
    *always(Fault.USER_VERIFICATION_MISSING, {"nobody was verified": says(user_verified=False)}),
    *always(Fault.BACKUP_STATE_INCONSISTENT, {"backed up and not eligible": says(backup_eligible=False)}),
    *getting(
        Fault.BACKUP_STATE_INCONSISTENT,
        {
            "eligible and registered as not": stored(backup_eligible=False),
            "registered as eligible and not": says(backup_eligible=False, backed_up=False),
        },
    ),
    *creating(
        Fault.AUTHENTICATOR_DATA_MALFORMED,
        {
            "nothing attested": attested(lambda data: data[:32] + bytes([GOOD]) + data[33:37]),
            "attested data, not announced": says(flags=GOOD),
            "attested data announced and absent": attested(lambda data: data[:37]),
            "attested data cut in its header": attested(lambda data: data[:54]),
            "attested data cut in the id": attested(lambda data: data[:70]),
            "attested data cut in the key": attested(lambda data: data[:-1]),
            "no key": attested(lambda data: data[:87]),
            "an empty credential id": attested(lambda data: data[:53] + bytes(2) + data[87:]),
            "a credential id of 1,024 bytes": attested(lambda data: data[:53] + b"\x04\x00" + bytes(1024) + data[87:]),
            "a key in indefinite CBOR": keyed(b"\xbf", 1),
            "a key with a label twice": keyed(b"\xa6\x01\x02", 1),
            "a key out of order": keyed(b"\xa5\x03\x26\x01\x02", 5),
            "a key with a longer head than needed": keyed(b"\xa5\x01\x18\x02", 3),
            "a key behind a tag": keyed(b"\xc0", 0),
            "extensions, not announced": says(flags=GOOD | AT, extensions=b"\xa0"),
            "extensions announced and absent": says(flags=GOOD | AT | ED),
        },
    ),
    *getting(
        Fault.AUTHENTICATOR_DATA_MALFORMED,
        {
            "attested data in an assertion": says(flags=GOOD | AT)
            | asserted(lambda data: data + bytes(16) + b"\x00\x01\x00\xa0"),
            "authenticator data cut": asserted(lambda data: data[:-1]),
            "authenticator data empty": asserted(lambda _: b""),
            "extensions, not announced": says(flags=GOOD, extensions=b"\xa0"),
            "extensions announced and absent": says(flags=GOOD | ED),
        },
    ),
    *always(
        Fault.AUTHENTICATOR_DATA_MALFORMED,
        {
            "extensions that are no map": says(extensions=b"\x80"),
            "something after the extensions": says(extensions=b"\xa0\x00"),
            "extensions 1,500 levels deep": says(extensions=DEEP),
            "extensions with a text of 2**64 - 1 bytes": says(extensions=b"\xa1\x7b" + b"\xff" * 8),
            "extensions with 2**32 - 1 members": says(extensions=b"\xba" + b"\xff" * 4),
            "extensions with an enormous power": says(extensions=ENORMOUS_POWER),
        },
    ),
    *creating(
        Fault.ATTESTATION_MALFORMED,
        {
            "attestation object empty": raw(lambda _: b""),
            "attestation object not CBOR": raw(lambda data: b"\xff" + data),
            "attestation object with something after it": raw(lambda data: data + b"\x00"),
            "attestation object with its format twice": raw(lambda data: b"\xa4\x63fmt\x64none" + data[1:]),
            "attestation object out of order": raw(reversed_map),
            "attestation object of indefinite length": raw(lambda data: b"\xbf" + data[1:] + b"\xff"),
            "attestation object 10,000 levels deep": raw(lambda _: b"\x81" * 10_000),
            "attestation object an array": opened(lambda parts: list(parts.values())),
            "attestation object with a member more": opened(lambda parts: parts | {"epAtt": False}),
            "attestation object without data": opened(lambda _: {"fmt": "none", "attStmt": {}}),
            "attestation format not a text": opened(lambda parts: parts | {"fmt": b"none"}),
            "attestation statement not a map": opened(lambda parts: parts | {"attStmt": []}),
        },
    ),
    *creating(
        Fault.ATTESTATION_REFUSED,
        {
            "a statement under the name of none": opened(lambda parts: parts | {"attStmt": {"alg": -7}}),
            "an unknown format": opened(lambda parts: parts | {"fmt": "None"}),
            "a certificate": statement(x5c=[b"0"]),
            "self attestation of a model": says(self_attested=True) | made(aaguid=bytes(15) + b"\x01"),
            "self attestation under another format": says(self_attested=True)
            | opened(lambda parts: parts | {"fmt": "tpm"}),
            "self attestation by another key": statement(sig=passkey().sign(b"")),
            "self attestation under another algorithm": statement(alg=-8),
            "self attestation of other client data": says(self_attested=True) | client_data(lambda data: data + b" "),
            "self attestation without a signature": statement(sig=None),
        },
    ),
    *creating(
        Fault.CREDENTIAL_ID_MISMATCH,
        {
            "the id of another credential": ids(lambda _: b64(bytes(32))),
            "a prefix of the credential id": ids(lambda text: text[:40]),
        },
    ),
]
