"""What hostile key material can look like: public keys, signatures and counters."""

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from ostiary.passkeys.ceremony import Fault
from tests.passkeys.ceremonies import passkey
from tests.passkeys.hostile import (
    asserted,
    client_data,
    creating,
    getting,
    key,
    made,
    put,
    rp,
    says,
    signature,
    stored,
)

P = 2**255 - 19
Y8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
RSA, EDDSA = made(algorithm=-257), made(algorithm=-8)

# The y of the points whose order divides 8, each with both signs; the last two are not canonical.
SMALL_ORDER = [(y | sign).to_bytes(32, "little") for y in (0, 1, P - 1, Y8, P - Y8, P, P + 1) for sign in (0, 1 << 255)]


def change(**parameters):
    """Change parameters of the new key by their names below; None takes one away."""
    labels = {"kty": 1, "kid": 2, "alg": 3, "crv": -1, "n": -1, "x": -2, "e": -2, "y": -3, "d": -4}
    changes = {labels[name]: value for name, value in parameters.items()}

    def changed(old):
        new = old | {label: value(old[label]) if callable(value) else value for label, value in changes.items()}
        return {label: value for label, value in new.items() if value is not None}

    return key(changed)


def off_curve():
    """Return a canonical y that no point has."""
    d = -121665 * pow(121666, -1, P) % P
    squares = ((y, (y * y - 1) * pow(d * y * y + 1, -1, P) % P) for y in range(2, 99))
    return next(y for y, square in squares if pow(square, (P - 1) // 2, P) != 1).to_bytes(32, "little")


def turned(raw):
    """Turn the last bit."""
    return raw[:-1] + bytes([raw[-1] ^ 1])


def ber(raw):
    """Write the length of the same ECDSA signature in the long form: BER, not DER."""
    return bytes([raw[0], 0x81]) + raw[1:]


def padded(raw):
    """Write the same ECDSA signature with a needless zero before r."""
    r, s = (number.to_bytes(33, "big") for number in decode_dss_signature(raw))
    return b"\x30\x47\x02\x22\x00" + r + b"\x02\x21" + s


CASES = [
    *creating(
        Fault.ALGORITHM_REFUSED,
        {
            "an algorithm that was not offered": EDDSA | rp(algorithms=(-7,)) | says(),
            "ES384, even if offered": change(alg=-35) | rp(algorithms=(-7, -35)),
            "RSA with SHA-1, even if offered": RSA | change(alg=-65535) | rp(algorithms=(-257, -65535)),
            "algorithm zero": change(alg=0),
        },
    ),
    *creating(
        Fault.PUBLIC_KEY_MALFORMED,
        {
            "a key that is no map": key(lambda old: list(old.values())),
            "a key without an algorithm": change(alg=None),
            "an algorithm in letters": change(alg="ES256"),
            "an algorithm that is true": change(alg=True),
            "a key with an id": change(kid=b"1"),
            "a private key": change(d=bytes(32)),
            "a P-256 key of another type": change(kty=1),
            "a P-256 key on another curve": change(crv=8),
            "a P-256 key on the curve true": change(crv=True),
            "a P-256 point off the curve": change(y=bytes(31) + b"\x01"),
            "a P-256 point of zeros": change(x=bytes(32), y=bytes(32)),
            "a P-256 coordinate beyond the field": change(x=P256.to_bytes(32, "big")),
            "a P-256 point compressed": change(y=True),
            "a P-256 point without y": change(y=None),
            "a P-256 x with a zero more": change(x=lambda x: b"\x00" + x),
            "a P-256 y with a zero more": change(y=lambda y: b"\x00" + y),
            "a P-256 coordinate in letters": change(x="x" * 32),
            "an RSA key under ES256": RSA | change(alg=-7),
            "an RSA key of another type": RSA | change(kty=2),
            "an RSA key of 1,024 bits": RSA | change(n=b"\xff" * 128),
            "an RSA key of 2,047 bits": RSA | change(n=lambda n: b"\x7f" + n[1:]),
            "an RSA key of 8,193 bits": RSA | change(n=b"\x01" + b"\xff" * 1024),
            "an even RSA modulus": RSA | change(n=lambda n: n[:-1] + b"\x00"),
            "an RSA modulus with a zero before it": RSA | change(n=lambda n: b"\x00" + n),
            "an RSA exponent of one": RSA | change(e=b"\x01"),
            "an even RSA exponent": RSA | change(e=b"\x04"),
            "an RSA exponent of 33 bits": RSA | change(e=b"\x01\x00\x00\x00\x01"),
            "an RSA exponent with a zero before it": RSA | change(e=b"\x00\x01\x00\x01"),
            "an RSA key without an exponent": RSA | change(e=None),
            "an RSA key with a private exponent": RSA | change(d=b"\x01"),
            "an Ed25519 key of another type": EDDSA | change(kty=2),
            "an Ed25519 key on another curve": EDDSA | change(crv=4),
            "an Ed25519 key with a y": EDDSA | change(y=bytes(32)),
            "an Ed25519 key of 31 bytes": EDDSA | change(x=lambda x: x[:31]),
            "an Ed25519 key off the curve": EDDSA | change(x=off_curve()),
            "an Ed25519 key not canonical": EDDSA | change(x=(P + 3).to_bytes(32, "little")),
        }
        | {f"an Ed25519 key of small order, {point.hex()}": EDDSA | change(x=point) for point in SMALL_ORDER},
    ),
    *getting(
        Fault.PUBLIC_KEY_MALFORMED,
        {
            "a stored key of another algorithm": stored(algorithm=-8),
            "a stored key that is damaged": stored(public_key=b"\xa0"),
        },
    ),
    *getting(
        Fault.SIGNATURE_INVALID,
        {
            "no signature": put("signature", ""),
            "a signature with a bit turned": signature(turned),
            "a signature with a byte after it": signature(lambda raw: raw + b"\x00"),
            "a signature in BER": signature(ber),
            "a signature with a zero before r": signature(padded),
            "a signature of zeros": signature(lambda _: b"\x30\x06\x02\x01\x00\x02\x01\x00"),
            "a signature by another key": stored(public_key=passkey().cose_key()),
            "other client data than signed": client_data(lambda raw: raw + b" "),
            "another count than signed": asserted(lambda raw: raw[:-1] + b"\x63"),
            "another backup state than signed": asserted(lambda raw: raw[:32] + bytes([raw[32] ^ 16]) + raw[33:]),
            "an RSA signature with a bit turned": RSA | signature(turned),
            "an Ed25519 signature with a bit turned": EDDSA | signature(turned),
        },
    ),
    *getting(
        Fault.SIGN_COUNT_REGRESSED,
        {
            "the same count again": stored(sign_count=2),
            "a lower count": stored(sign_count=3),
            "no count after one": says(count_step=-1) | stored(sign_count=1),
        },
    ),
]
