"""What a hostile browser, page or script can say: the credential's frame and the client data."""

import json

from ostiary.passkeys.ceremony import Fault
from tests.passkeys.ceremonies import CHALLENGE, b64
from tests.passkeys.hostile import always, client_data, creating, getting, ids, put, rp, says

FRAMER = "https://example.com"
NAMED = {"cross_origin": True, "top_origins": frozenset({FRAMER})}


def members(**changes):
    """Change client data as JSON; None takes a member away."""

    def change(raw):
        data = json.loads(raw) | changes
        return json.dumps({name: value for name, value in data.items() if value is not None}).encode()

    return client_data(change)


def ending(more):
    """Add members at the end of the client data."""
    return client_data(lambda raw: raw[:-1] + more + b"}")


def beginning(more):
    """Add members at the beginning of the client data."""
    return client_data(lambda raw: b"{" + more + raw[1:])


def other_raw_id(sent):
    sent["rawId"] = b64(bytes(32))


CASES = [
    *always(
        Fault.CREDENTIAL_MALFORMED,
        {
            "id and rawId differ": {"edit": other_raw_id},
            "id with padding": ids(lambda text: text + "="),
            "id with spare bits set": ids(lambda _: "AB"),
            "id in the other alphabet": ids(lambda _: "+/+/"),
            "id with a line feed": ids(lambda text: text + "\n"),
            "client data with padding": put("clientDataJSON", "e30="),
        },
    ),
    *creating(Fault.CREDENTIAL_MALFORMED, {"attestation object of one letter": put("attestationObject", "a")}),
    *getting(
        Fault.CREDENTIAL_MALFORMED,
        {
            "authenticator data outside ASCII": put("authenticatorData", "éééé"),
            "signature with spare bits set": put("signature", "AB"),
            "user handle of padding": put("userHandle", "A==="),
            "user handle empty": put("userHandle", ""),
        },
    ),
    *always(
        Fault.CLIENT_DATA_MALFORMED,
        {
            "client data empty": client_data(lambda _: b""),
            "client data cut": client_data(lambda raw: raw[:-1]),
            "client data with something after it": client_data(lambda raw: raw + b"}"),
            "client data an array": client_data(lambda raw: b"[" + raw + b"]"),
            "client data with a byte order mark": client_data(lambda raw: b"\xef\xbb\xbf" + raw),
            "client data in UTF-16": client_data(lambda raw: raw.decode().encode("utf-16")),
            "client data not UTF-8": ending(b',"a":"\xff"'),
            "challenge named twice": beginning(b'"challenge":"AAAA",'),
            "origin named twice, once escaped": beginning(b'"\\u006frigin":"https://evil.test",'),
            "an inner member named twice": ending(b',"x":{"a":1,"a":2}'),
            "NaN in the client data": ending(b',"x":NaN'),
            "minus infinity in the client data": ending(b',"x":-Infinity'),
            "a number of 5,000 digits": ending(b',"x":' + b"9" * 5000),
            "client data 2,500 levels deep": ending(b',"x":' + b"[" * 2500 + b"]" * 2500),
            "type in an array": members(type=["webauthn.get"]),
            "type absent": members(type=None),
            "challenge absent": members(challenge=None),
            "origin absent": members(origin=None),
            "origin a number": members(origin=1),
            "crossOrigin in letters": members(crossOrigin="false"),
            "crossOrigin a number": members(crossOrigin=0),
            "topOrigin in an array": members(topOrigin=[FRAMER]),
        },
    ),
    *creating(Fault.TYPE_MISMATCH, {"client data of an assertion": says(type="webauthn.get")}),
    *getting(Fault.TYPE_MISMATCH, {"client data of a registration": says(type="webauthn.create")}),
    *always(Fault.TYPE_MISMATCH, {"client data of a payment": says(type="payment.get")}),
    *always(
        Fault.CHALLENGE_MISMATCH,
        {
            "challenge of another ceremony": says(challenge=b64(bytes(32))),
            "a prefix of the challenge": says(challenge=b64(CHALLENGE[:-2])),
            "no challenge": says(challenge=""),
            "challenge with padding": says(challenge=b64(CHALLENGE) + "="),
            "challenge with spare bits set": says(challenge=b64(CHALLENGE)[:-1] + "9"),
            "challenge outside ASCII": members(challenge="\ud800é"),
        },
    ),
    *always(
        Fault.ORIGIN_MISMATCH,
        {
            "another origin": says(origin="https://evil.test"),
            "a sister of the origin": says(origin="https://app.example.test"),
            "the origin without TLS": says(origin="http://id.example.test"),
            "the origin with a port": says(origin="https://id.example.test:8443"),
            "the origin with a slash": says(origin="https://id.example.test/"),
            "the origin as a prefix": says(origin="https://id.example.test.evil.test"),
            "the origin in capitals": says(origin="https://ID.example.test"),
            "an opaque origin": says(origin="null"),
        },
    ),
    *always(
        Fault.CROSS_ORIGIN_REFUSED,
        {
            "a frame of another site": says(cross_origin=True),
            "a frame of a named site, frames not admitted": says(cross_origin=True, top_origin=FRAMER)
            | rp(top_origins=frozenset({FRAMER})),
        },
    ),
    *always(
        Fault.TOP_ORIGIN_REFUSED,
        {
            "a top origin without a frame": says(top_origin=FRAMER),
            "a named top origin without a frame": says(top_origin=FRAMER) | rp(**NAMED),
            "a frame of a site that nobody named": says(cross_origin=True, top_origin="https://evil.test")
            | rp(**NAMED),
            "a frame of a site where none is named": says(cross_origin=True, top_origin=FRAMER) | rp(cross_origin=True),
            "a frame that hides its site": says(cross_origin=True) | rp(**NAMED),
        },
    ),
]
