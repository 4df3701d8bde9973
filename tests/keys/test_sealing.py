"""Sealed values open in their own place under their own key, unaltered, and nowhere else; the key file is looked at."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from ostiary.kernel.errors import BootRefused, SealBroken
from ostiary.kernel.ids import b64url, unb64url
from ostiary.keys.sealing import Sealer, make_kek, read_kek

PLACE = ("keys", "sk-1", "default")
KEY = bytes(range(32))


def nonce(count):
    return bytes(range(count))


def test_the_format_is_version_nonce_and_aes_256_gcm_over_the_place():
    sealed = Sealer(KEY, nonce).seal(PLACE, b"value")
    assert sealed == b"\x01" + bytes(range(12)) + AESGCM(KEY).encrypt(bytes(range(12)), b"value", b"keys|sk-1|default")
    assert sealed.hex() == "01000102030405060708090a0b3163ba6ea06447e7981280b21fb8c64157a50f5e61", "frozen"


@given(st.binary(max_size=200), st.tuples(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20)))
def test_what_is_sealed_opens(data, place):
    sealer = Sealer(KEY, os.urandom)
    assert sealer.open(place, sealer.seal(place, data)) == data


@pytest.mark.parametrize(
    "place", [("sessions.label", "sk-1", "default"), ("keys", "sk-2", "default"), ("keys", "sk-1", "other")]
)
def test_a_value_that_was_moved_does_not_open(place):
    sealed = Sealer(KEY, os.urandom).seal(PLACE, b"value")
    with pytest.raises(SealBroken, match="does not open under this key"):
        Sealer(KEY, os.urandom).open(place, sealed)


def test_no_byte_may_change():
    sealer = Sealer(KEY, os.urandom)
    sealed = sealer.seal(PLACE, b"value")
    for place in range(len(sealed)):
        with pytest.raises(SealBroken):
            sealer.open(PLACE, sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :])


@pytest.mark.parametrize("cut", [0, 1, 5, 12, 13, 14, 28])
def test_a_short_value_does_not_open(cut):
    sealer = Sealer(KEY, os.urandom)
    with pytest.raises(SealBroken):
        sealer.open(PLACE, sealer.seal(PLACE, b"")[:cut])


def test_another_key_does_not_open_and_the_fault_names_no_secret():
    sealed = Sealer(KEY, os.urandom).seal(PLACE, b"a very secret value")
    with pytest.raises(SealBroken) as told:
        Sealer(bytes(32), os.urandom).open(PLACE, sealed)
    assert str(told.value) == "does not open under this key: keys sk-1"


def test_two_seals_of_one_value_differ():
    sealer = Sealer(KEY, os.urandom)
    assert sealer.seal(PLACE, b"value") != sealer.seal(PLACE, b"value")


# The key-encryption key's file


def test_making_it_makes_32_bytes_for_the_owner_alone_and_leaves_an_old_one(tmp_path):
    path = tmp_path / "deep" / "folder" / "kek"
    assert make_kek(path, nonce)
    assert (read_kek(path), stat.S_IMODE(path.stat().st_mode)) == (bytes(range(32)), 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not make_kek(path, os.urandom)
    assert read_kek(path) == bytes(range(32))


def test_a_missing_one_says_how_to_make_it(tmp_path):
    with pytest.raises(BootRefused, match=r"no key-encryption key at .*kek: run `ostiary init`"):
        read_kek(tmp_path / "kek")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o777, 0o610])
def test_one_that_others_may_read_or_write_is_refused(tmp_path, mode):
    make_kek(tmp_path / "kek", os.urandom)
    (tmp_path / "kek").chmod(mode)
    with pytest.raises(BootRefused, match=r"others may read .*: run chmod 600 .*kek"):
        read_kek(tmp_path / "kek")


ODD = {
    "empty": b"",
    "a blank line": b"\n",
    "31 bytes": b64url(bytes(31)).encode(),
    "33 bytes": b64url(bytes(33)).encode(),
    "hex": bytes(32).hex().encode(),
    "padded": b64url(bytes(32)).encode() + b"=",
    "the other alphabet": b"/" * 43,
    "two lines": (b64url(bytes(32)) + "\n" + b64url(bytes(32))).encode(),
    "not ASCII": "ÿ".encode() * 43,
    "not UTF-8": b"\xff" * 43,
    "raw bytes": bytes(32),
    "spare bits": b64url(bytes(32)).encode()[:-1] + b"B",
}


@pytest.mark.parametrize("content", ODD)
def test_an_odd_one_is_refused_with_its_path_and_without_its_content(tmp_path, content):
    path = tmp_path / "kek"
    path.write_bytes(ODD[content])
    path.chmod(0o600)
    with pytest.raises(BootRefused) as told:
        read_kek(path)
    assert str(path) in str(told.value)
    shown = ODD[content].decode("latin-1").strip()
    assert not shown or shown not in str(told.value)


def test_a_folder_in_its_place_is_refused(tmp_path):
    (tmp_path / "kek").mkdir(mode=0o700)
    with pytest.raises(BootRefused, match="cannot read the key-encryption key"):
        read_kek(tmp_path / "kek")


def test_a_blank_or_newline_at_the_end_is_no_fault(tmp_path):
    path = tmp_path / "kek"
    path.write_text(f"{b64url(KEY)} \r\n")
    path.chmod(0o600)
    assert read_kek(path) == KEY
    assert unb64url(Path(path).read_text().strip()) == KEY
