"""HMAC-SHA256 with kept states gives what RFC 2104 gives, whatever key, beginning and rest."""

import hmac
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.kernel.mac import keyed, mac

VECTORS = [  # RFC 4231, test cases 1, 2, 3, 4, 6 and 7
    ("0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe".hex(),
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    ("aa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (bytes(range(1, 26)).hex(), b"\xcd" * 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (
        "aa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        "aa" * 131,
        (
            b"This is a test using a larger than block-size key and a larger than block-size data. "
            b"The key needs to be hashed before being used by the HMAC algorithm."
        ),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]


@pytest.mark.parametrize(("key", "covered", "digest"), VECTORS)
def test_the_vectors_of_rfc_4231(key, covered, digest):
    assert mac(bytes.fromhex(key), covered).hex() == digest


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=200))
def test_it_is_what_the_standard_library_makes(key, begins, rest):
    wanted = hmac.digest(key, begins + rest, "sha256")
    assert keyed(key, begins)(rest) == wanted == mac(key, begins + rest)
    assert keyed(key, begins)(rest) == wanted, "a state that was used is as it was"


def test_threads_may_share_a_state():
    made = keyed(b"k" * 32, b"begins")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(made, [b"%d" % number for number in range(2000)]))
    assert found == [hmac.digest(b"k" * 32, b"begins%d" % number, "sha256") for number in range(2000)]
