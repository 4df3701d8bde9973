"""The CSRF token: one per session and epoch, compared in constant time, kept as a hash."""

import hashlib
import hmac

from ostiary.kernel.ids import b64url
from ostiary.keys.model import Key, Purpose
from ostiary.sessions import csrf

KEY = Key("sk-CCCCCCCCCCCCCCCCCCCCCA", "default", Purpose.CSRF, 1, b"c" * 32, b"", 0)
ID = "ses-AAAAAAAAAAAAAAAAAAAAAA"


def test_the_token_is_a_mac_of_session_and_epoch_with_43_characters():
    made = csrf.token(KEY, ID, 7)
    assert made == b64url(hmac.digest(b"c" * 32, b"26:" + ID.encode() + b":7", "sha256"))
    assert len(made) == 43


def test_another_session_epoch_or_key_has_another_token():
    other = Key("sk-DDDDDDDDDDDDDDDDDDDDDA", "default", Purpose.CSRF, 2, b"d" * 32, b"", 0)
    tokens = [
        csrf.token(KEY, ID, 1),
        csrf.token(KEY, ID, 2),
        csrf.token(KEY, ID[:-1] + "Q", 1),
        csrf.token(other, ID, 1),
    ]
    assert len(set(tokens)) == 4


def test_the_row_keeps_a_hash_that_only_the_token_matches():
    made = csrf.token(KEY, ID, 1)
    kept = csrf.digest(made)
    assert kept == hashlib.sha256(made.encode()).hexdigest()
    assert csrf.matches(made, kept)
    for wrong in ("", "x", made[:-1], made + "A", made.swapcase(), kept, "ÿ" * 43):
        assert not csrf.matches(wrong, kept)
