"""Keys and signatures."""

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.passkeys import cose
from ostiary_client.authenticator import SoftPasskey
from tests.passkeys.hostile_keys import SMALL_ORDER, P

D = -121665 * pow(121666, -1, P) % P


def rsa_key(bits, exponent=65537):
    modulus = (1 << bits) - 1
    return cbor2.dumps({1: 3, 3: -257, -1: octets(modulus), -2: octets(exponent)}, canonical=True)


def octets(number):
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def double(point):
    """Double a point of Edwards25519: the addition law of RFC 8032 section 5.1.4 in affine coordinates."""
    x, y = point
    both = D * x * x * y * y % P
    return 2 * x * y * pow(1 + both, -1, P) % P, (y * y + x * x) * pow(1 - both, -1, P) % P


def points(y):
    """The points with this y."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    root = root if root * root % P == square else root * pow(2, (P - 1) // 4, P) % P
    return {(root, y), (-root % P, y)} if root * root % P == square else set()


def test_the_points_of_small_order_are_these_eight():
    ys = {int.from_bytes(point, "little") % (1 << 255) for point in SMALL_ORDER}
    found = {point for y in ys if y < P for point in points(y)}
    assert len(found) == 8
    assert all(double(double(double(point))) == (0, 1) for point in found)


@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
def test_a_point_of_small_order_is_not_even_loaded(point):
    with pytest.raises(ValueError, match="large order"):
        cose.load(cbor2.dumps({1: 1, 3: -8, -1: 6, -2: point}, canonical=True))


@pytest.mark.parametrize("algorithm", [cose.ES256, cose.RS256, cose.ED25519])
def test_a_signature_of_the_key_is_accepted_and_only_for_its_message(algorithm):
    passkey = SoftPasskey("https://example.test", algorithm=algorithm)
    key = cose.load(passkey.cose_key())
    assert cose.algorithm(passkey.cose_key()) == algorithm
    assert cose.verify(key, passkey.sign(b"message"), b"message")
    assert not cose.verify(key, passkey.sign(b"message"), b"massage")


@pytest.mark.parametrize(("bits", "exponent"), [(2048, 3), (2048, 65537), (8192, 65537), (3072, 2**32 - 1)])
def test_rsa_keys_at_the_edge_are_taken(bits, exponent):
    assert isinstance(cose.load(rsa_key(bits, exponent)).public, rsa.RSAPublicKey)


@pytest.mark.parametrize(("bits", "exponent"), [(2047, 3), (8193, 3), (2048, 2**32 + 1), (2048, 1)])
def test_rsa_keys_beyond_the_edge_are_not(bits, exponent):
    with pytest.raises(ValueError, match="RSA"):
        cose.load(rsa_key(bits, exponent))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xa0", b"\xa1\x03\x61a", b"\xa1\x03\xf5", b"\xff"])
def test_what_names_no_algorithm_has_none(data):
    assert cose.algorithm(data) is None
    with pytest.raises(ValueError, match=r"."):
        cose.load(data)


def test_an_unsupported_algorithm_is_named_and_not_loaded():
    key = cbor2.dumps({1: 2, 3: -35, -1: 2, -2: bytes(48), -3: bytes(48)})
    assert cose.algorithm(key) == -35
    with pytest.raises(ValueError, match="supported"):
        cose.load(key)


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80))
def test_any_32_bytes_are_a_point_or_not_and_verify_nothing(point, signature):
    try:
        key = cose.load(cbor2.dumps({1: 1, 3: -8, -1: 6, -2: point}, canonical=True))
    except ValueError:
        return
    assert cose.is_point(key) is bool(points(int.from_bytes(point, "little") % (1 << 255)))
    assert not cose.verify(key, signature, b"message")


@settings(deadline=None)
@given(st.binary(min_size=256, max_size=256), st.binary(max_size=300))
def test_any_rsa_numbers_verify_nothing(modulus, signature):
    key = cbor2.dumps({1: 3, 3: -257, -1: b"\xff" + modulus[1:-1] + b"\xff", -2: b"\x03"}, canonical=True)
    assert not cose.verify(cose.load(key), signature, b"message")


@settings(deadline=None)
@given(st.binary(max_size=90))
def test_any_bytes_are_no_ecdsa_signature(signature):
    key = SoftPasskey("https://example.test", key=ec.derive_private_key(7, ec.SECP256R1())).cose_key()
    assert not cose.verify(cose.load(key), signature, b"message")
