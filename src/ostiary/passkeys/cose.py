"""Public keys as COSE_Key (RFC 9052, 9053 and 8230), and signatures: ES256, RS256 and Ed25519."""

from collections.abc import Callable
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey as P256Key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec import Struct

from ostiary.passkeys.cbor import Value, decode

__all__ = ["ED25519", "ES256", "RS256", "SUPPORTED", "Key", "algorithm", "is_point", "load", "verify"]

_Public: TypeAlias = P256Key | RSAPublicKey | Ed25519PublicKey

ES256, ED25519, RS256 = -7, -8, -257

_ALG = 3  # its label; 1 is the key type, -1 and below are the parameters of the type
_COORDINATE = 32
_RSA_BITS = range(2048, 8192 + 1)
_RSA_EXPONENT = range(3, 1 << 32)

# Edwards25519 (RFC 8032 section 5.1): the field, d, and the y of every point whose order divides 8.
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_Y8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})


class Key(Struct, frozen=True):
    """A public key with the COSE algorithm that it is for."""

    algorithm: int
    public: _Public


def algorithm(cose_key: bytes) -> int | None:
    """Return the algorithm that a canonical COSE_Key names, supported or not; None where there is none."""
    try:
        return _algorithm(decode(cose_key))
    except ValueError:
        return None


def load(cose_key: bytes) -> Key:
    """Return the key that a canonical COSE_Key carries.

    Raises ValueError for anything but a complete key of a supported algorithm without further parameters:
    P-256 uncompressed and on the curve; RSA of 2048 to 8192 bits with an odd exponent from 3 to below 2**32;
    Ed25519 canonical and not of small order; see `is_point` for the rest.
    """
    parameters = decode(cose_key)
    if not isinstance(parameters, dict) or any(isinstance(value, bool) for value in parameters.values()):
        raise ValueError("not a COSE_Key")  # NOTE: True equals 1 in Python, so a boolean could pose as a curve
    named = _algorithm(parameters)
    if named is None or named not in SUPPORTED:
        raise ValueError("not a supported algorithm")
    return Key(named, SUPPORTED[named](parameters))


def is_point(key: Key) -> bool:
    """Tell whether an Ed25519 key is a point of its curve; loading has told for the others.

    Asked once, of new keys: it costs as much as a verification, and no signature verifies under what is no point.
    """
    if not isinstance(key.public, Ed25519PublicKey):
        return True
    y = _y(key.public.public_bytes_raw())
    square = (y * y - 1) * (_D * y * y + 1) % _P  # x * x times a square
    return pow(square, (_P - 1) // 2, _P) == 1


def verify(key: Key, signature: bytes, message: bytes) -> bool:
    """Tell whether `signature` over `message` is one of `key`; ECDSA signatures in strict DER only."""
    public = key.public
    try:
        if isinstance(public, P256Key):
            public.verify(signature, message, ECDSA(SHA256()))
        elif isinstance(public, RSAPublicKey):
            public.verify(signature, message, PKCS1v15(), SHA256())
        else:
            public.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _algorithm(parameters: Value) -> int | None:
    named = parameters.get(_ALG) if isinstance(parameters, dict) else None
    return None if isinstance(named, bool) or not isinstance(named, int) else named


def _p256(parameters: dict[int | str, Value]) -> _Public:
    match parameters:
        case {1: 2, -1: 1, -2: bytes(x), -3: bytes(y), **rest} if set(rest) == {_ALG}:
            if len(x) != _COORDINATE or len(y) != _COORDINATE:
                raise ValueError("a coordinate of the wrong length")
            return EllipticCurvePublicNumbers(_number(x), _number(y), SECP256R1()).public_key()
    raise ValueError("not a P-256 key")


def _rsa(parameters: dict[int | str, Value]) -> _Public:
    match parameters:
        case {1: 3, -1: bytes(n), -2: bytes(e), **rest} if set(rest) == {_ALG}:
            modulus, exponent = _number(n), _number(e)
            if n[:1] == b"\0" or e[:1] == b"\0":
                raise ValueError("a leading zero octet: RFC 8230 section 4")
            if modulus.bit_length() not in _RSA_BITS or exponent not in _RSA_EXPONENT or not modulus & exponent & 1:
                raise ValueError("a weak or oversized RSA key")
            return RSAPublicNumbers(exponent, modulus).public_key()
    raise ValueError("not an RSA key")


def _ed25519(parameters: dict[int | str, Value]) -> _Public:
    match parameters:
        case {1: 1, -1: 6, -2: bytes(x), **rest} if set(rest) == {_ALG} and len(x) == _COORDINATE:
            if _y(x) >= _P or _y(x) in _SMALL_ORDER:
                raise ValueError("not a canonical Ed25519 point of large order")
            return Ed25519PublicKey.from_public_bytes(x)
    raise ValueError("not an Ed25519 key")


def _y(point: bytes) -> int:
    return int.from_bytes(point, "little") & ((1 << 255) - 1)


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


SUPPORTED: dict[int, Callable[[dict[int | str, Value]], _Public]] = {
    ES256: _p256,
    RS256: _rsa,
    ED25519: _ed25519,
}
